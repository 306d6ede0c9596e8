"""Feature tables and labels of a cohort, and the checks for leaks."""
