"""Bare loops: what the same libraries can do at best, without any of what a gateway owes its users."""
