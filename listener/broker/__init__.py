"""Celery messages: task names, the announcer, and the sweep that repeats lost messages."""
