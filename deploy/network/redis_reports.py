"""What a part logs where Redis cannot be used: what is wrong and what to do, in the words of `radtme doctor`."""

import logging

from deploy.network.redis_check import RedisFault, check_redis
from listener.runtime.logger import Logger

log = Logger(__name__)

CELERY_LOGGER = "celery.worker.consumer.consumer"
CANNOT_CONNECT = "consumer: Cannot connect to "
CONNECTION_LOST = "consumer: Connection to broker lost"


def report_redis(url: str, *, at_once: bool) -> None:
    """Log why Redis cannot be used, and again when that changes; the part starts all the same, and tries again.

    Celery's own lines about its connection are replaced: they come every few seconds and name no remedy.
    ``at_once``: ask before the part starts, too.
    """
    report = RedisReport(url)
    if at_once:
        report.ask()
    logging.getLogger(CELERY_LOGGER).addFilter(report)


class RedisReport(logging.Filter):
    """Replaces Celery's lines about its connection to Redis by ours, each fault once."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._reported: RedisFault | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return false for a line about the connection, after our own line where there is something new to say."""
        words = record.getMessage()
        if words.startswith(CONNECTION_LOST):  # it was connected meanwhile
            self._reported = None
        elif not words.startswith(CANNOT_CONNECT):
            return True
        self.ask()
        return False

    def ask(self) -> None:
        """Log what is wrong with Redis, unless it was said already."""
        fault = check_redis(self._url)
        if fault is not None and fault != self._reported:
            log.error("redis_unusable", reason=fault.message, remedy=fault.remedy)
            self._reported = fault
