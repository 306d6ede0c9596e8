"""The announcer: notifies the workers of ready jobs, by task name and id. Never delays the intake."""

import threading
from collections.abc import Mapping, Sequence

from kombu.exceptions import OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from listener.broker.messages import PROBE_KEY, PROBE_MILLISECONDS, TIMEOUT_SECONDS, Announcement, Queue
from listener.broker.sending import send, sending_app
from listener.runtime.logger import Logger

log = Logger(__name__)

TRY_AGAIN_SECONDS = 2.0
"""Between two tries while Redis is away. Pending messages are in memory; after a restart the sweep sends them again."""


class Announcer:
    """Sends announcements from a thread of its own; `announce` only queues them, each once."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._app = sending_app(redis_url)
        self._pending: dict[Announcement, None] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Start to send."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the message that is being sent. The rest is announced again by the sweep after the next start."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(3 * TIMEOUT_SECONDS)
        self._app.close()
        # Not those in use: a scrape of the metrics that asks at this moment gets its answer.
        self._redis.connection_pool.disconnect(inuse_connections=False)

    def announce(self, announcement: Announcement) -> None:
        """Queue a message; returns at once."""
        with self._changed:
            self._pending[announcement] = None
            self._changed.notify_all()

    def depths(self) -> Mapping[str, int] | None:
        """Return the number of messages in each queue, or None where Redis does not answer, or takes no messages."""
        try:
            self._redis.set(PROBE_KEY, "", px=PROBE_MILLISECONDS)
            return {queue.value: int(self._redis.llen(queue.value)) for queue in Queue}
        except RedisError:
            return None

    @property
    def is_running(self) -> bool:
        """Whether its thread is alive."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                while not self._pending and not self._stopping.is_set():
                    self._changed.wait()
                announcements = list(self._pending)
            try:
                sent = self._send_all(announcements)
            except Exception:  # whatever it was, the next announcement must not be lost with it
                log.exception("job_announcement_internal_error")
                sent = False
            if not sent:
                self._stopping.wait(TRY_AGAIN_SECONDS)

    def _send_all(self, announcements: Sequence[Announcement]) -> bool:
        for announcement in announcements:
            # Where one attempt fails, the others would fail too.
            if self._stopping.is_set() or not self._send(announcement):
                return False
            with self._changed:
                self._pending.pop(announcement, None)
        return True

    def _send(self, announcement: Announcement) -> bool:
        try:
            self._redis.ping()
            send(self._app, announcement)
        except (OperationalError, RedisError, OSError) as error:
            if self._reachable:
                log.warning("job_announcement_failed", error=type(error).__name__, pending=len(self._pending))
            self._reachable = False
            return False
        if not self._reachable:
            log.info("job_announcement_resumed")
        self._reachable = True
        return True
