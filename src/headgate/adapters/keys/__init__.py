"""People's private keys, in files of their own outside the project."""
