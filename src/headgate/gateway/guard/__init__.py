"""Who may ask, how often, and how long a request may wait."""
