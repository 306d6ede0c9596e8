"""From a job in the spool to delivered objects: thin Celery tasks around pure functions."""
