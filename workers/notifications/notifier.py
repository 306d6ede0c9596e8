"""Tells a URL what became of cases: a thread beside the delivery workers that holds up nothing.

What is to be told lies in the spool until it has been told. Of all processes of a spool one tells at a time.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

from listener.runtime.safe_errors import places
from listener.spool.atomic_files import make_folder, read_json
from listener.spool.spool import Spool
from listener.tls.certificates import TlsFileError
from workers.errors import TransientFailure
from workers.notifications.body import WebhookBody
from workers.notifications.event import notifications_folder
from workers.settings import WebhookSettings, WorkerSettings, wait_seconds
from workers.targets.http_client import DicomWeb, one_line
from workers.targets.target import Target, TargetKind

LOOK_SECONDS = 1.0
HOUR_SECONDS = 3600.0
TRY_AGAIN = frozenset({408, 425, 429})
SPEAKING = threading.Lock()
"""Held while something is counted or logged. No pool process is forked meanwhile: it would inherit the locks of metrics
and log as they are just then, and wait for them for ever.
"""
os.register_at_fork(before=SPEAKING.acquire, after_in_parent=SPEAKING.release, after_in_child=SPEAKING.release)

log = structlog.get_logger()


class Telling(StrEnum):
    """How a try to tell something ended."""

    TOLD = "told"
    NO_ANSWER = "no_answer"
    """Nobody there, too slow, or no good TLS: everything waits."""
    ERROR = "error"
    """It answered with 5xx, or asked for patience: this one waits."""
    REFUSED = "refused"
    """It answered with another status: this one is not told any more."""
    GIVEN_UP = "given_up"
    """It could not be told for too long."""


Count = Callable[[Telling], None]


class Notifier:
    """The thread. Its waits grow and are kept in memory: after a restart everything is tried at once."""

    def __init__(self, spool: Spool, settings: WorkerSettings, count: Count) -> None:
        """Raise `UnusableTemplate` if the body's template cannot be used."""
        assert settings.webhook is not None  # noqa: S101 - the caller looked
        self._webhook: WebhookSettings = settings.webhook
        self._settings = settings
        self._folder = notifications_folder(spool)
        self._count = count
        self._body = WebhookBody(self._webhook)
        self._target = target_of(self._webhook)
        self._misses = 0
        self._tries: dict[str, tuple[int, float]] = {}
        """Of each file that the server answered badly: how often, and when it is due again (monotonic)."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what was not told stays in the spool."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._webhook.timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = LOOK_SECONDS
            try:
                pause = self.turn()
            except Exception as error:  # noqa: BLE001 - a border of the process: cases go on whatever happens here
                with SPEAKING:
                    log.error("webhook_broke", error=type(error).__name__, at=places(error))
            self._stopping.wait(pause)

    def turn(self) -> float:
        """Tell what is due; return the seconds until the next look."""
        make_folder(self._folder)
        with _alone(self._folder) as mine:
            if not mine:
                return LOOK_SECONDS
            waiting = pending(self._folder)
            self._tries = {name: tried for name, tried in self._tries.items() if self._folder / name in waiting}
            for path in waiting:
                if self._stopping.is_set():
                    break
                if self._tries.get(path.name, (0, 0.0))[1] > time.monotonic():
                    continue
                if not self._tell(path):
                    self._misses += 1
                    return wait_seconds(self._misses, self._settings)
                self._misses = 0
        return LOOK_SECONDS

    def _tell(self, path: Path) -> bool:
        """Try to tell one; False where nobody answered, so that the others need not be tried."""
        try:
            event = read_json(path)
            answer, said = self._posted(event)
        except (ValueError, KeyError) as error:  # damaged, or a template that this one is too much for
            answer, said, event = Telling.REFUSED, str(error) or type(error).__name__, {}
        if answer in (Telling.NO_ANSWER, Telling.ERROR) and self._is_too_old(path):
            answer = Telling.GIVEN_UP
        with SPEAKING:
            self._count(answer)
            if answer in (Telling.NO_ANSWER, Telling.ERROR):
                log.warning("webhook_not_told", job=event.get("job_id"), outcome=event.get("outcome"), reason=said)
            elif answer is not Telling.TOLD:
                log.error("webhook_given_up", job=event.get("job_id"), outcome=event.get("outcome"), reason=said)
        if answer in (Telling.NO_ANSWER, Telling.ERROR):
            self._put_off(path.name)
            return answer is Telling.ERROR
        path.unlink(missing_ok=True)
        return True

    def _posted(self, event: Mapping[str, Any]) -> tuple[Telling, str]:
        body = self._body.of(event)
        path = "/" if self._webhook.url.endswith("/") else ""
        try:
            headers = {"Content-Type": "application/json", "Idempotency-Key": str(event["event_id"])}
            if self._webhook.secret_file is not None:
                headers[self._webhook.secret_header] = one_line(self._webhook.secret_file)
            with DicomWeb(self._target) as server:
                status = server.request("POST", path, headers, body).status
        except TransientFailure as error:
            return Telling.NO_ANSWER, str(error)
        except TlsFileError as error:
            return Telling.NO_ANSWER, f"webhook.secret_file: {error}"
        said = f"HTTP {status}"
        if 200 <= status < 300:
            return Telling.TOLD, said
        return (Telling.ERROR if status >= 500 or status in TRY_AGAIN else Telling.REFUSED), said

    def _put_off(self, name: str) -> None:
        tries = self._tries.get(name, (0, 0.0))[0] + 1
        self._tries[name] = (tries, time.monotonic() + wait_seconds(tries, self._settings))

    def _is_too_old(self, path: Path) -> bool:
        return time.time() - path.stat().st_mtime > self._webhook.give_up_hours * HOUR_SECONDS


def target_of(webhook: WebhookSettings) -> Target:
    """Return the URL in the form that our HTTP client takes: no redirects, bounded answers, no proxies."""
    return Target(
        "webhook",
        kind=TargetKind.DICOMWEB,
        url=webhook.url,
        tls=webhook.tls if urlsplit(webhook.url).scheme == "https" else None,
        timeout_seconds=webhook.timeout_seconds,
    )


def pending(folder: Path) -> list[Path]:
    """Return what is to be told, the oldest first."""
    found = []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # told just now
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Hold the folder for this process. Not flock: the pool's processes would inherit that, and keep it."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
