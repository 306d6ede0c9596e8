"""The commands of ``radtme``, one module per group; each reads its arguments, calls, and prints."""
