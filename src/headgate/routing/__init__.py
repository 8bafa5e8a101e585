"""Arms and weights: what a release decides and the gateway obeys."""
