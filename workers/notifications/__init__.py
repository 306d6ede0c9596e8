"""The webhook that reports the outcome of each case."""
