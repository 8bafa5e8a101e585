"""The journal's signed head in a file, outside the database."""
