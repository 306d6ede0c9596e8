"""Performance, agreement, survival and other statistics."""
