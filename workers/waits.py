"""How long to wait for what did not work: from the first wait to the last one, doubling, for as long as it takes."""

import random

from workers.settings import WorkerSettings

JITTER = 0.2
"""Share of a wait that is random, so that the cases of a night do not all come back in the same second."""


def wait_seconds(tries: int, settings: WorkerSettings) -> float:
    """Return how long to wait after the ``tries``-th try: doubling, capped, with jitter."""
    doubled = settings.first_retry_seconds * 2.0 ** min(tries - 1, 30)
    wait = min(doubled, settings.last_retry_seconds)
    return wait * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, hides nothing
