"""An idle worker looks for work in the spool itself: messages can be lost while no listener sweeps."""

import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime

from listener.broker.announce_once import announce
from listener.broker.announcer import Announcer
from listener.broker.messages import Announcement
from listener.broker.sweep import Sweep
from listener.runtime.logger import Logger
from listener.spool.spool import Spool
from workers.jobs.target_reload import FORK_LOCK

log = Logger(__name__)

SEARCH_SECONDS = 60.0
"""Much longer than the listener's sweep: with a listener there is rarely anything to find."""


class IdleSearch:
    """Announces what is due in the spool to this worker's queues, whenever Redis holds no message for them.

    Announcing something twice does no harm.
    """

    def __init__(
        self, spool: Spool, redis_url: str, queues: Collection[str], every_seconds: float = SEARCH_SECONDS
    ) -> None:
        self._redis_url = redis_url
        self._queues = frozenset(queues)
        self._every_seconds = every_seconds
        self._broker = Announcer(redis_url)
        """Never started: it only looks at the queues."""
        self._sweep = Sweep(spool, self._collect, self._broker.depths, every_seconds, every_seconds)
        self._found: list[Announcement] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="idle-search", daemon=True)

    def start(self) -> None:
        """Start to search."""
        self._thread.start()

    def stop(self) -> None:
        """Stop searching."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._broker.stop()

    def search(self) -> None:
        """Search once, unless messages wait in a queue of ours or Redis does not answer."""
        depths = self._broker.depths()
        if depths is None or any(depths[queue] for queue in self._queues):
            return
        self._found.clear()
        self._sweep.scan(time.monotonic(), datetime.now(UTC))
        if self._found:
            log.info("unannounced_work_found", announcements=len(self._found))
            announce(self._redis_url, self._found)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            try:
                with FORK_LOCK:
                    self.search()
            except Exception:  # the next search may succeed
                log.exception("idle_search_failed")

    def _collect(self, announcement: Announcement) -> None:
        if announcement.queue.value in self._queues:
            self._found.append(announcement)
