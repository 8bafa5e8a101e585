"""What a worker counts, how the counts of all workers add up, and the pages on which they are shown."""
