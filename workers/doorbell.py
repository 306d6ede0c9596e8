"""Telling the workers what lies ready. Best effort: what is not heard, the sweep rings again."""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

log = structlog.get_logger()


def ring_scoring(app: Celery, job_id: str) -> None:
    """Announce a job that can be scored; a Redis that cannot be reached costs a delay."""
    _ring(app, "workers.tasks.score", "compute", job_id)


def ring_delivery(app: Celery, job_id: str, target: str) -> None:
    """Announce one delivery; a Redis that cannot be reached costs a delay."""
    _ring(app, "workers.tasks.deliver", "delivery", job_id, target)


def _ring(app: Celery, task: str, queue: str, *ids: str) -> None:
    try:
        app.send_task(task, args=list(ids), queue=queue, retry=False)
    except OperationalError:
        log.warning("bell_not_heard", task=task, ids=ids)
