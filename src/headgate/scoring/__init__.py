"""Batch scoring: a file in, a file of answers out, through the same bundle as the gateway."""
