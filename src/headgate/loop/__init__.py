"""The loop over a project: its state, what stands against it, what to do about that, and whether the past holds."""
