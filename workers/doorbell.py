"""Telling the delivery workers that results lie ready. Best effort: what is not heard, the sweep rings again."""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

log = structlog.get_logger()


def ring_delivery(app: Celery, job_id: str, target: str) -> None:
    """Announce one delivery; a Redis that cannot be reached costs a delay."""
    try:
        app.send_task("workers.tasks.deliver", args=[job_id, target], queue="delivery", retry=False)
    except OperationalError:
        log.warning("bell_not_heard", job=job_id, target=target)
