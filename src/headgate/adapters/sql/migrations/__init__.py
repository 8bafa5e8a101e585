"""How the tables came to be, oldest first; applied by Database, one process at a time."""
