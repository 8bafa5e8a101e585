"""Webhooks over HTTP; the only place that sends to an address that a policy names."""
