"""``radtme doctor``: checks an installation, and names for each fault the one thing to do."""
