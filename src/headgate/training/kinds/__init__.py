"""One module per library that a fitted model may come from; each keeps, reads and asks its own kind (native.Kind)."""
