"""Structured reports (TID 1500): the summary report and the feature report."""
