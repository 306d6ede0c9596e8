"""A consumer of Celery's that waits while Redis answers and takes no messages.

A Redis that became a replica, is full, or cannot save refuses each command that writes, and to fetch a message is one.
Celery would end the worker. ``radtme work`` logs the reason when the connection is given up.
"""

import time

from celery.worker.consumer.consumer import Consumer
from celery.worker.state import maybe_shutdown
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from listener.broker.messages import PROBE_KEY, PROBE_MILLISECONDS

ASK_SECONDS = 2.0


class WaitingConsumer(Consumer):  # type: ignore[misc]
    """Connects again only when Redis takes messages; named in the setting ``worker_consumer``."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log the end of the connection, as Celery does, then wait."""
        super().on_connection_error_after_connected(exc)
        while _refuses_messages(self.app.conf.broker_url):
            maybe_shutdown()
            time.sleep(ASK_SECONDS)


def _refuses_messages(url: str) -> bool:
    """Return whether Redis answers, and refuses to write; where it does not answer, Celery waits itself."""
    try:
        with Redis.from_url(url, socket_connect_timeout=ASK_SECONDS, socket_timeout=ASK_SECONDS) as redis:
            redis.set(PROBE_KEY, "", px=PROBE_MILLISECONDS)
    except ResponseError:
        return True
    except (RedisError, OSError):
        return False
    return False
