"""Waits between the attempts to deliver results, to reach a target again and to send a notification."""

import random

from workers.settings import WorkerSettings

JITTER = 0.2
"""The random share of a wait, so that the cases of a night are not all retried in the same second."""
MAX_DOUBLINGS = 30
"""Enough to reach any longest wait; an unlimited power would overflow after about a thousand attempts."""


def wait_seconds(tries: int, settings: WorkerSettings) -> float:
    """Return how long to wait after the ``tries``-th attempt, in seconds.

    The waits double from ``first_retry_seconds`` up to ``last_retry_seconds``; each is then made shorter or longer by
    up to `JITTER`.
    """
    doubled = settings.first_retry_seconds * 2.0 ** min(tries - 1, MAX_DOUBLINGS)
    wait = min(doubled, settings.last_retry_seconds)
    return wait * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, hides nothing
