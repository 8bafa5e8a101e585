"""What every layer stands on: clock, ids, errors, digests, whole files. Nothing here knows a model."""
