"""The first answer to each idempotency key, in a file."""
