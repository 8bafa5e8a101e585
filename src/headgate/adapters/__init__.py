"""One folder per outside system; only its folder imports its library."""
