"""Which parts run: each one touches a small file every few seconds, which commands read.

The files lie beside the spool, which all machines of an installation share. A part that ends in order removes its own.
"""

import errno
import json
import os
import re
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from listener.runtime.logger import Logger

BEAT_SECONDS = 5.0
FEW_DESCRIPTORS = 16
"""A process that can open no more files and connections than this shows it."""
CONTENT_BYTES = 512
SILENT_SECONDS = 30.0
"""A part whose file is older than this has ended, or hangs."""

log = Logger(__name__)


class Part(StrEnum):
    """What an installation consists of, whichever process does it."""

    LISTENER = "listener"
    COMPUTE = "compute"
    DELIVERY = "delivery"


@dataclass(frozen=True)
class RunningPart:
    """A process as its file describes it."""

    parts: tuple[Part, ...]
    host: str
    pid: int
    version: str
    started: int | None = None
    """Clock ticks from the start of the machine to that of the process, on Linux. In a container each process may have
    number 1, and the next one after a restart has it too.
    """
    few_descriptors: int | None = None
    """How many file descriptors are left, where these are few."""
    seconds_silent: float = 0.0
    """Since its last sign of life."""

    @property
    def is_alive(self) -> bool:
        """Whether it has given a sign of life, and, on this machine, whether its process still exists."""
        if self.seconds_silent > SILENT_SECONDS:
            return False
        return self.host != socket.gethostname() or (_exists(self.pid) and self._is_same_process())

    def _is_same_process(self) -> bool:
        started = _started(self.pid)
        return started is None or self.started is None or started == self.started


def read_parts(folder: Path) -> tuple[RunningPart, ...]:
    """Return the processes that run, then those that ended without removing their file."""
    found = [part for path in sorted(folder.glob("*.json")) if (part := _read(path)) is not None]
    return tuple(sorted(found, key=lambda part: (not part.is_alive, part.seconds_silent)))


class Heartbeat:
    """Shows that this process runs, from `start` to `stop`. If the disk takes no file, only the sign is missing."""

    def __init__(self, folder: Path, parts: Iterable[Part], is_alive: Callable[[], bool] = lambda: True) -> None:
        """``is_alive``: whether the process does its work; while it returns false, there is no sign of life."""
        self._folder = folder
        self._part = RunningPart(
            tuple(parts), socket.gethostname(), os.getpid(), version("radtme"), _started(os.getpid())
        )
        self._is_alive = is_alive
        name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{'-'.join(self._part.parts)}-{self._part.host}-{self._part.pid}")
        self._path = folder / f"{name}.json"
        self._reserve = -1
        """A file descriptor to give up where there is no other: to open the file and say so. None of the spool's file
        system, which a file that is open for writing would keep from being mounted read-only."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Give the first sign of life, and remove the files of former processes of this machine."""
        for path in self._folder.glob("*.json"):
            former = _read(path)
            if former is not None and former.host == self._part.host and not former.is_alive:
                path.unlink(missing_ok=True)
        self._beat(anew=True)
        self._thread.start()

    def stop(self) -> None:
        """Remove the file, because the process ends."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._give_up_reserve()

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            if self._is_alive():
                self._beat()

    def _beat(self, *, anew: bool = False) -> None:
        try:
            part = replace(self._part, few_descriptors=_few_descriptors())
            if anew or not self._path.exists():
                self._write_anew(part)
            elif part != self._part:
                self._rewrite(part)
            self._part = part
            os.utime(self._path)  # takes no space
        except OSError as error:
            log.warning("heartbeat_failed", reason=error.strerror or type(error).__name__)

    def _write_anew(self, part: RunningPart) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_bytes(_content(part))
        temporary.replace(self._path)
        self._keep_reserve()

    def _rewrite(self, part: RunningPart) -> None:
        self._give_up_reserve()
        try:
            with self._path.open("r+b", buffering=0) as file:
                file.write(_content(part))
        finally:
            self._keep_reserve()

    def _keep_reserve(self) -> None:
        if self._reserve < 0:
            with suppress(OSError):  # the next time, perhaps
                self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _give_up_reserve(self) -> None:
        reserve, self._reserve = self._reserve, -1
        if reserve >= 0:
            os.close(reserve)


def _content(part: RunningPart) -> bytes:
    """Return the content of a part's file: always as long, so that one write replaces it."""
    known = {name: value for name, value in asdict(part).items() if value is not None}
    return json.dumps(known).encode().ljust(CONTENT_BYTES)


def _few_descriptors() -> int | None:
    """Return how many file descriptors this process can still open, where these are few; None elsewhere."""
    try:
        left = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - len(os.listdir("/proc/self/fd"))
    except OSError as error:
        return 0 if error.errno == errno.EMFILE else None
    return max(left, 0) if left <= FEW_DESCRIPTORS else None


def _read(path: Path) -> RunningPart | None:
    try:
        silent = max(0.0, time.time() - path.stat().st_mtime)
        fields = json.loads(path.read_text())
        fields["parts"] = tuple(Part(name) for name in fields["parts"])
        return RunningPart(**{**fields, "seconds_silent": silent})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True


def _started(pid: int) -> int | None:
    """Return when a process started (proc(5), stat, field 22), None where that cannot be read.

    psutil reads the time of boot too, which systemd's ProcSubset=pid hides.
    """
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
