"""Listener and worker as real processes that start fast and end at a fault point.

They are forked from a server that has imported everything: a start costs a tenth of a second instead of five. They end
with the process that asked for them, however that ends, and the server ends with the last of them.
"""

import contextlib
import ctypes
import multiprocessing
import os
import queue
import signal
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from listener.broker import sweep
from listener.broker.messages import SCORE_TASK, Announcement
from listener.listener import Listener
from listener.runtime import fault_points, logs
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.listening import settings as listener_settings
from support.processes import free_port, is_listening, wait_until
from workers.jobs import tasks
from workers.metrics import counters as metrics
from workers.scoring.checked_registry import CheckedRegistry
from workers.settings import WorkerSettings
from workers.targets.target import Target

SWEEP_SECONDS = 0.1
GRACE_SECONDS = 0.3
"""Instead of five seconds: nothing else runs on the spool."""

LINUX_CAPABILITY_VERSION_3 = 0x20080522
"""Of ``<linux/capability.h>``."""

FINAL = (JobState.DONE, JobState.FAILED)

_context = multiprocessing.get_context("forkserver")
# What is installed: the server does not know where the tests lie.
_context.set_forkserver_preload(
    ["workers.jobs.tasks", "workers.metrics.counters", "listener.listener", "pynetdicom.apps"]
)


@dataclass(frozen=True)
class Site:
    """What the processes of one test share."""

    folder: Path
    model_store: Path
    targets: tuple[Target, ...] = ()
    unprivileged: bool = False
    """Whether a permission that a file lacks counts for the processes, also where the tests are root's."""
    ledger_url: str | None = None
    """Of a ledger outside of the spool."""

    @property
    def spool(self) -> Spool:
        """The spool."""
        return Spool(self.folder / "spool", self.ledger_url)

    def states(self) -> list[tuple[str, str]]:
        """Return id and state of every job."""
        return [(job.id, job.state.value) for job in self.spool.jobs()]

    def has_jobs(self, number: int, *states: JobState) -> bool:
        """Return whether there are so many jobs, all of them in one of the states (by default the final ones)."""
        jobs = list(self.spool.jobs())
        return len(jobs) == number and all(job.state in (states or FINAL) for job in jobs)

    def wait_for_jobs(self, number: int, *states: JobState, seconds: float = 300, pause_seconds: float = 0.05) -> None:
        """Wait until `has_jobs`; ``pause_seconds``: between two looks, longer where there are many."""
        wait_until(lambda: self.has_jobs(number, *states), seconds, f"{number} jobs {states or FINAL}", pause_seconds)

    def log(self) -> str:
        """Return what the processes said."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    @contextlib.contextmanager
    def listening(self, fault: str = "", **changes: Any) -> Iterator[tuple[int, BaseProcess]]:
        """Run a listener; yields its port and its process."""
        port = free_port()
        with self._running(_listen, fault, port, changes) as process:
            wait_until(
                lambda: is_listening(port) or not process.is_alive(), 180, f"the listener listens; log: {self.log()}"
            )
            yield port, process

    def starting_to_listen(self, port: int) -> contextlib.AbstractContextManager[BaseProcess]:
        """Run a listener on a port, without waiting until it listens."""
        return self._running(_listen, "", port, {})

    @contextlib.contextmanager
    def working(self, fault: str = "", **changes: Any) -> Iterator[BaseProcess]:
        """Run a worker that scores and delivers what a sweep of its own announces."""
        with self._running(_work, fault, changes) as process:
            yield process

    @contextlib.contextmanager
    def _running(self, target: Any, fault: str, *arguments: Any) -> Iterator[BaseProcess]:
        self.folder.mkdir(parents=True, exist_ok=True)
        process = _context.Process(target=target, args=(self, fault, *arguments))
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join(20)


def was_killed(process: BaseProcess, seconds: float = 240) -> bool:
    """Return whether a process ended by SIGKILL within a time."""
    process.join(seconds)
    return process.exitcode == -signal.SIGKILL


def _begin(site: Site, fault: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if site.unprivileged:
        _drop_capabilities()
    output = os.open(site.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = open(1, "w", buffering=1, closefd=False), open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    logs.configure(json=True)
    if fault:
        fault_points.arm(fault)


def _drop_capabilities() -> None:
    """Give up what makes root root, for this thread and those that it starts: see capset(2)."""
    header = struct.pack("Ii", LINUX_CAPABILITY_VERSION_3, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def _end_with_parent() -> None:
    # Not PR_SET_PDEATHSIG: the kernel's parent is the fork server, which lives for as long as one of its children.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _listen(site: Site, fault: str, port: int, changes: dict[str, Any]) -> None:
    _begin(site, fault)
    options = {"ledger_url": site.ledger_url, "sweep_seconds": SWEEP_SECONDS, **changes}
    Listener(listener_settings(site.spool.root, port=port, **options)).start()
    threading.Event().wait()


class _LocalBroker:
    """Stands where Celery stands: messages go to the same process."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[tuple[str, tuple[str, ...]]] = queue.SimpleQueue()
        self._waiting: set[tuple[str, tuple[str, ...]]] = set()

    def send_task(self, name: str, args: Sequence[str], **_: object) -> None:
        message = (name, tuple(args))
        # The sweep repeats what is not done yet: a busy worker would never come to the end of what it has heard.
        if message not in self._waiting:
            self._waiting.add(message)
            self._messages.put(message)

    def announce(self, announcement: Announcement) -> None:
        self.send_task(announcement.task, announcement.args)

    def next(self) -> tuple[str, tuple[str, ...]]:
        message = self._messages.get()
        self._waiting.discard(message)
        return message


def _work(site: Site, fault: str, changes: dict[str, Any]) -> None:
    _begin(site, fault)
    sweep.GRACE_SECONDS = GRACE_SECONDS
    options = {"first_retry_seconds": 0.2, "last_retry_seconds": 1.0, **changes}
    settings = WorkerSettings(site.spool.root, site.model_store, site.targets, **options)
    site.spool.prepare()
    # As in the processes that score: what they note about library versions hangs on the canary.
    registry = CheckedRegistry(site.model_store, site.folder)
    registry.measure_here()
    context = tasks.TaskContext(settings, site.spool, registry, metrics.worker_metrics())
    broker = _LocalBroker()
    sweep.Sweep(site.spool, broker.announce, dict, SWEEP_SECONDS, 1.0).start()
    app: Any = broker
    while True:
        name, ids = broker.next()
        if name == SCORE_TASK:
            tasks.score_job(app, context, *ids)
        else:
            tasks.deliver_job(context, *ids)
