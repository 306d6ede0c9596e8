"""The webhook: posts the outcome of each case to a URL, from a thread beside the delivery workers.

Notifications wait in the spool until the server has taken them. One process of a spool sends at a time. Each is sent at
least once; duplicates carry the same ``event_id``.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from listener.runtime.logger import Logger
from listener.runtime.safe_errors import stack_locations
from listener.spool.atomic_files import make_folder
from listener.spool.record_file import read_record
from listener.spool.spool import Spool
from listener.tls.certificates import CredentialFileError
from workers.errors import TransientFailure
from workers.notifications.body import WebhookBody
from workers.notifications.event import CaseEvent, notifications_folder
from workers.retry_waits import wait_seconds
from workers.settings import WebhookSettings, WorkerSettings
from workers.targets.http_client import HttpClient, one_line

POLL_SECONDS = 1.0
HOUR_SECONDS = 3600.0
RETRY_STATUSES = frozenset({408, 425, 429})
FORK_LOCK = threading.Lock()
"""Held while this thread counts or logs, and by `os.fork`.

A pool process that was forked meanwhile would inherit the locks of metrics and log as they are, and wait for them
forever.
"""
os.register_at_fork(before=FORK_LOCK.acquire, after_in_parent=FORK_LOCK.release, after_in_child=FORK_LOCK.release)

log = Logger(__name__)


class WebhookOutcome(StrEnum):
    """How one request to the webhook ended."""

    SENT = "told"
    """The value is a label of `radtme_webhook_requests_total`: dashboards and alerts of sites query this one."""
    NO_ANSWER = "no_answer"
    """The server cannot be reached, is too slow, or TLS fails: all notifications wait."""
    ERROR = "error"
    """It answered with 5xx, 408, 425 or 429: this notification waits."""
    REFUSED = "refused"
    """It answered with another status: rejected, will not be retried."""
    GIVEN_UP = "given_up"
    """It could not be sent for `give_up_hours`: will not be retried."""


Count = Callable[[WebhookOutcome], None]


class Notifier:
    """Sends the waiting notifications. Waits grow and are kept in memory: a restart tries everything at once."""

    def __init__(self, spool: Spool, settings: WorkerSettings, count: Count) -> None:
        """Raise `UnusableTemplate` if the body's template cannot be used."""
        assert settings.webhook is not None  # noqa: S101 - the caller looked
        self._webhook: WebhookSettings = settings.webhook
        self._settings = settings
        self._folder = notifications_folder(spool)
        self._count = count
        self._body = WebhookBody(self._webhook)
        self._misses = 0
        self._tries: dict[str, tuple[int, float]] = {}
        """For each file answered with an error: attempts, and when it is due again (monotonic seconds)."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what was not sent stays in the spool."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._webhook.timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = POLL_SECONDS
            try:
                pause = self.scan()
            except Exception as error:  # noqa: BLE001 - process border: cases go on whatever happens here
                with FORK_LOCK:
                    log.error("webhook_internal_error", error=type(error).__name__, at=stack_locations(error))
            self._stopping.wait(pause)

    def scan(self) -> float:
        """Send what is due; return the seconds until the next scan."""
        make_folder(self._folder)
        with _only_sender(self._folder) as mine:
            if not mine:
                return POLL_SECONDS
            waiting = pending(self._folder)
            self._tries = {name: tried for name, tried in self._tries.items() if self._folder / name in waiting}
            for path in waiting:
                if self._stopping.is_set():
                    break
                if self._tries.get(path.name, (0, 0.0))[1] > time.monotonic():
                    continue
                if not self._send(path):
                    self._misses += 1
                    return wait_seconds(self._misses, self._settings)
                self._misses = 0
        return POLL_SECONDS

    def _send(self, path: Path) -> bool:
        """Try to send one notification; False if the server did not answer, so that the others are not tried."""
        event: CaseEvent | None = None
        try:
            event = read_record(CaseEvent, path)
            result, reason = self._post(event)
        except ValueError as error:  # damaged, or the template fails for this event
            result, reason = WebhookOutcome.REFUSED, str(error) or type(error).__name__
        if result in (WebhookOutcome.NO_ANSWER, WebhookOutcome.ERROR) and self._is_too_old(path):
            result = WebhookOutcome.GIVEN_UP
        about = {"job": event.job_id if event else None, "outcome": event.outcome.value if event else None}
        with FORK_LOCK:
            self._count(result)
            if result in (WebhookOutcome.NO_ANSWER, WebhookOutcome.ERROR):
                log.warning("webhook_delivery_failed", reason=reason, **about)
            elif result is not WebhookOutcome.SENT:
                log.error("webhook_delivery_abandoned", reason=reason, **about)
        if result in (WebhookOutcome.NO_ANSWER, WebhookOutcome.ERROR):
            self._retry_later(path.name)
            return result is WebhookOutcome.ERROR
        path.unlink(missing_ok=True)
        return True

    def _post(self, event: CaseEvent) -> tuple[WebhookOutcome, str]:
        body = self._body.of(event)
        path = "/" if self._webhook.url.endswith("/") else ""
        try:
            headers = {"Content-Type": "application/json", "Idempotency-Key": event.event_id}
            if self._webhook.secret_file is not None:
                headers[self._webhook.secret_header] = one_line(self._webhook.secret_file)
            tls = self._webhook.tls if urlsplit(self._webhook.url).scheme == "https" else None
            with HttpClient(self._webhook.url, tls, self._webhook.timeout_seconds) as server:
                status = server.request("POST", path, headers, body).status
        except TransientFailure as error:
            return WebhookOutcome.NO_ANSWER, str(error)
        except CredentialFileError as error:
            return WebhookOutcome.NO_ANSWER, f"webhook.secret_file: {error}"
        reason = f"HTTP {status}"
        if 200 <= status < 300:
            return WebhookOutcome.SENT, reason
        return (WebhookOutcome.ERROR if status >= 500 or status in RETRY_STATUSES else WebhookOutcome.REFUSED), reason

    def _retry_later(self, name: str) -> None:
        tries = self._tries.get(name, (0, 0.0))[0] + 1
        self._tries[name] = (tries, time.monotonic() + wait_seconds(tries, self._settings))

    def _is_too_old(self, path: Path) -> bool:
        return time.time() - path.stat().st_mtime > self._webhook.give_up_hours * HOUR_SECONDS


def pending(folder: Path) -> list[Path]:
    """Return the waiting notifications, the oldest first."""
    found = []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # sent just now
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


@contextmanager
def _only_sender(folder: Path) -> Iterator[bool]:
    """Hold the folder for this process. Not flock: the pool's processes would inherit that, and keep it."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            # Two senders would send each notification twice; the other processes look again later.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
