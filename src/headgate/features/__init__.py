"""From columns to what a model sees, the same in training and in the gateway."""
