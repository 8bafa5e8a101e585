"""Rollups in a SQLite file of their own: written by one process, so that no worker waits for a lock."""
