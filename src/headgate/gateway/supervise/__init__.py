"""Several workers on one port: what starts, watches, restarts and ends them, and what they tell it."""
