"""Whether a version may be asked for: the scorecard's lines, the verdict with a why per line, and people's ballots."""
