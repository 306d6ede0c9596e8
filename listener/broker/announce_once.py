"""Announcing once, from a command or a task. Best effort: the sweep announces again what Redis did not take."""

from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from listener.broker.messages import TIMEOUT_SECONDS, Announcement, delivery_announcement, score_announcement
from listener.broker.sending import send, sending_app
from listener.runtime.logger import Logger

log = Logger(__name__)


def announce(redis_url: str, announcements: Sequence[Announcement]) -> bool:
    """Send the messages; False where Redis cannot be reached."""
    app = sending_app(redis_url)
    try:
        # Asked first, because a broker that is away would hold up Celery for much longer.
        with Redis.from_url(redis_url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS) as redis:
            redis.ping()
        for announcement in announcements:
            send(app, announcement)
    except (RedisError, OperationalError):
        return False
    finally:
        app.close()
    return True


def announce_job(app: Celery, job_id: str) -> None:
    """Announce a job that can be scored; a Redis that cannot be reached costs a delay."""
    _announce(app, score_announcement(job_id))


def announce_delivery(app: Celery, job_id: str, target: str) -> None:
    """Announce one delivery; a Redis that cannot be reached costs a delay."""
    _announce(app, delivery_announcement(job_id, target))


def _announce(app: Celery, announcement: Announcement) -> None:
    try:
        send(app, announcement)
    except OperationalError:
        log.warning("job_announcement_failed", task=announcement.task, ids=announcement.args)
