"""Backups of the state folder as tar files."""
