"""Step ``reliability``: which features are stable under redrawn outlines."""
