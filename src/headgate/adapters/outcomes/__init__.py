"""Durable outcomes: segments that are synced before anybody is told that an outcome is kept."""
