"""Celery app and tasks; one case from claim to result."""
