"""Ringing once from a command. Best effort: what is not heard, the listener's sweep rings again."""

from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from listener.announce import TIMEOUT_SECONDS, Bell


def ring(redis_url: str, bells: Sequence[Bell]) -> bool:
    """Send the messages; False where Redis cannot be reached."""
    app = Celery("radtme-command", broker=redis_url, set_as_current=False)
    app.conf.update(task_serializer="json", accept_content=["json"], task_ignore_result=True)
    try:
        # Asked first, because a broker that is away would hold up Celery for much longer.
        with Redis.from_url(redis_url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS) as redis:
            redis.ping()
        for bell in bells:
            app.send_task(bell.task, args=list(bell.args), queue=bell.queue.value, retry=False)
    except (RedisError, OperationalError):
        return False
    finally:
        app.close()
    return True
