"""``radtme selftest``: a generated case through the running service."""
