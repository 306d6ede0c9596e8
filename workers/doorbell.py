"""Telling the workers what lies ready. Best effort: what is not heard, the sweep rings again."""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from listener.announce import Bell, deliver_bell, score_bell

log = structlog.get_logger()


def ring_scoring(app: Celery, job_id: str) -> None:
    """Announce a job that can be scored; a Redis that cannot be reached costs a delay."""
    _ring(app, score_bell(job_id))


def ring_delivery(app: Celery, job_id: str, target: str) -> None:
    """Announce one delivery; a Redis that cannot be reached costs a delay."""
    _ring(app, deliver_bell(job_id, target))


def _ring(app: Celery, bell: Bell) -> None:
    try:
        app.send_task(bell.task, args=list(bell.args), queue=bell.queue.value, retry=False)
    except OperationalError:
        log.warning("bell_not_heard", task=bell.task, ids=bell.args)
