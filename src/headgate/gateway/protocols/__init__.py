"""Protocols that clients speak; each turns bytes into one internal form and back, and touches no socket."""
