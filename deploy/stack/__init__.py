"""Processes of one machine: supervisor, embedded Redis, sink, reload."""
