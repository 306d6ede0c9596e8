"""Celery application and tasks; processing of one case from claim to result."""
