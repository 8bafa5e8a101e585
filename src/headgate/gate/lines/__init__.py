"""One file per kind of line: a pure rule that says whether it is met, and why, with numbers."""
