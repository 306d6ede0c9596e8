"""Scores the jobs of the spool and delivers their results: thin Celery tasks around pure functions."""
