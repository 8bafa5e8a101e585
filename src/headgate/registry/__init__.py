"""Versions: what exists, what it takes and gives, and where it came from (run -> version)."""
