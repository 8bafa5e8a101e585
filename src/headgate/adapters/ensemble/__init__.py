"""Several bundles asked in one request."""
