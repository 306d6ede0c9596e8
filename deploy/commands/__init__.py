"""The commands of ``radtme``, one module per group; each does no more than read its arguments and call."""
