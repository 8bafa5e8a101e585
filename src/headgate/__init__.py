"""Headgate takes a model from a training run to production traffic, and keeps it fit there."""
