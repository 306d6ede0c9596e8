"""Phantoms and simulated cohorts, and the research signature trained on them."""
