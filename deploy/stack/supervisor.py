"""Starts processes, waits until they are ready, restarts those that exit, and stops them in order."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.stack import orphan_cleanup
from listener.runtime.logger import Logger

MIN_RESTART_WAIT_SECONDS = 0.5
MAX_RESTART_WAIT_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that ran this long is not in a crash loop: its next restart waits only briefly again."""
POLL_SECONDS = 0.1

log = Logger(__name__)


@dataclass(frozen=True)
class Program:
    """One process: its command, its check of readiness and the time that it has to end."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    drain_seconds: float
    """From SIGTERM to SIGKILL."""
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    """The whole environment; None: the supervisor's. May hold passwords."""
    standard_input: str = field(default="", repr=False)
    log_file: Path | None = None
    """Where its output goes; None: the supervisor's standard error."""


class StartFailed(Exception):
    """A process ended before it was ever ready."""

    def __init__(self, program: Program, returncode: int) -> None:
        super().__init__(f"{program.name} ended at start with exit code {returncode}")
        self.program = program


class NotReady(Exception):
    """A process runs and did not become ready in time."""


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    was_ready: bool = False
    restarts: int = 0
    """In a row, each before the process had run for `STEADY_SECONDS`."""
    restart_at: float | None = None


def _is_among(child: _Child, names: Collection[str] | None) -> bool:
    return names is None or child.program.name in names


class Supervisor:
    """The processes of a stack, in the order in which they were started. Used as a context manager.

    Each process leads a process group of its own: Ctrl-C in a terminal reaches only the supervisor, which then ends
    them in their order, and what they started themselves ends with them.
    """

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._cleanup: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._cleanup = subprocess.Popen(
            [sys.executable, "-I", "-S", orphan_cleanup.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        if self._cleanup is not None and self._cleanup.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._cleanup.stdin.close()
            self._cleanup.wait()

    def start(self, program: Program) -> None:
        """Start a process, and restart it whenever it exits."""
        self._children.append(_Child(program, self._spawn(program), time.monotonic()))

    def pids(self) -> dict[str, int]:
        """Return the process id of each running process, by name."""
        return {child.program.name: child.process.pid for child in self._children if child.process.poll() is None}

    def wait_ready(
        self,
        timeout_seconds: float,
        interrupted: Callable[[], bool] = lambda: False,
        names: Collection[str] | None = None,
    ) -> None:
        """Wait until every process (or those named) was ready once; return early when ``interrupted`` returns true.

        Raises
        ------
        StartFailed
            If a process ends before.
        NotReady
            If one takes longer than ``timeout_seconds``.
        """
        deadline = time.monotonic() + timeout_seconds
        while not interrupted():
            starting = [child for child in self._children if not child.was_ready and _is_among(child, names)]
            for child in starting:
                if child.process.poll() is not None:
                    raise StartFailed(child.program, child.process.returncode)
                child.was_ready = child.program.is_ready()
            if all(child.was_ready for child in starting):
                return
            if time.monotonic() > deadline:
                names = ", ".join(child.program.name for child in starting if not child.was_ready)
                raise NotReady(f"{names}: not ready after {timeout_seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def are_ready(self) -> bool:
        """Tell whether every process was ready once. Those that were not are asked."""
        for child in self._children:
            child.was_ready = child.was_ready or child.program.is_ready()
        return all(child.was_ready for child in self._children)

    def restart_exited(self) -> None:
        """Restart processes that have exited, with growing waits. To be called repeatedly."""
        now = time.monotonic()
        for child in self._children:
            if child.restart_at is not None:
                if now >= child.restart_at:
                    self._restart(child)
            elif child.process.poll() is not None:
                self._plan_restart(child, now)

    def drain(self, name: str) -> None:
        """Send SIGTERM to one process, wait for it, and kill it after its ``drain_seconds``."""
        child = next((child for child in self._children if child.program.name == name), None)
        if child is None:
            return
        self._children.remove(child)
        if child.process.poll() is None:
            child.process.terminate()
            try:
                child.process.wait(child.program.drain_seconds)
            except subprocess.TimeoutExpired:
                log.warning("process_killed", process=name, seconds=child.program.drain_seconds)
            except BaseException:  # a second Ctrl-C: every started process must still be ended
                self._children.append(child)
                raise
        self._forget(child)

    def kill(self) -> None:
        """Kill every process now."""
        while self._children:
            self._forget(self._children.pop())

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        output = open(program.log_file, "ab") if program.log_file else None  # noqa: SIM115 - closed below
        try:
            process = subprocess.Popen(
                program.command,
                stdin=subprocess.PIPE,
                stdout=output or sys.stderr.fileno(),
                stderr=output or sys.stderr.fileno(),
                env=program.environment,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        self._tell_cleanup("+", process.pid)
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(program.standard_input.encode())
                process.stdin.close()
        return process

    def _plan_restart(self, child: _Child, now: float) -> None:
        self._end_group(child)
        child.restarts = 0 if now - child.started > STEADY_SECONDS else child.restarts + 1
        wait = min(MIN_RESTART_WAIT_SECONDS * 2 ** max(child.restarts - 1, 0), MAX_RESTART_WAIT_SECONDS)
        child.restart_at = now + wait
        log.error("process_exited", process=child.program.name, returncode=child.process.returncode, restart_in=wait)

    def _restart(self, child: _Child) -> None:
        child.process, child.started, child.restart_at = self._spawn(child.program), time.monotonic(), None
        log.info("process_restarted", process=child.program.name, pid=child.process.pid)

    def _end_group(self, child: _Child) -> None:
        # Processes that it started itself would otherwise keep running.
        orphan_cleanup.send(child.process.pid, signal.SIGKILL)
        self._tell_cleanup("-", child.process.pid)

    def _forget(self, child: _Child) -> None:
        if child.restart_at is None:
            self._end_group(child)
        child.process.wait()

    def _tell_cleanup(self, sign: str, group: int) -> None:
        if self._cleanup is not None and self._cleanup.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._cleanup.stdin.write(f"{sign}{group}\n".encode())
                self._cleanup.stdin.flush()
