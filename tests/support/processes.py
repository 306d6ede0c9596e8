"""Processes that a test starts, waits for and ends by their own id."""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deploy.stack import ports

PATIENCE = 4
"""How many times longer a wait may take than on an idle machine: limits end what hangs, and measure nothing."""
LEAST_PATIENCE_SECONDS = 120.0
"""What takes a tenth of a second on an idle machine may wait behind the start of twenty programs on a busy one."""

FIRST_PORT = 10_000
"""Of those that tests draw, up to the first one that the programs of radtme draw for themselves."""
MOST_WORKERS = 16
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_own_ports = range(FIRST_PORT + _worker % MOST_WORKERS, ports.FIRST_FREE_PORT, MOST_WORKERS)
_next_ports = itertools.cycle(random.SystemRandom().sample(_own_ports, len(_own_ports)))


def free_port() -> int:
    """Return a port of this machine that nothing listens on.

    Two processes could draw the same one before either of them listens. So each worker of pytest-xdist draws from ports
    of its own, the last drawn comes last again, and what a test starts with port 0 draws from others.
    """
    for port in itertools.islice(_next_ports, len(_own_ports)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError(f"each of the {len(_own_ports)} ports of this worker is taken")


def wait_until(
    condition: Callable[[], object], seconds: float, what: str | Callable[[], str], pause_seconds: float = 0.05
) -> None:
    """Wait for a condition, or fail and say what was waited for; ``seconds`` are those of an idle machine.

    ``what``: a function, where it tells how far things are when the time is over.
    ``pause_seconds``: between two looks. Longer where a look costs what it waits for: time of the processor.
    """
    limit = max(PATIENCE * seconds, LEAST_PATIENCE_SECONDS)
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(pause_seconds)


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(command: Sequence[str], log: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """Start a program in a process group of its own; its output goes to ``log``.

    It ends with the thread that started it: a pytest that is killed leaves nothing running.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def stop(process: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
    """End a program and everything that it started; return its exit code. ``seconds`` are those of an idle machine."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(PATIENCE * seconds)
        except subprocess.TimeoutExpired:
            kill(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a program as a power cut would: it and all of its group, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def group_lives(group: int) -> bool:
    """Return whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, port: int | None = None, **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program for the block, from when its port answers."""
    process = start(command, log, **environment)
    try:
        if port is not None:
            wait_until(
                lambda: is_listening(port) or process.poll() is not None, 30, f"{command[0]} listening on {port}"
            )
            assert process.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}"
        yield process
    finally:
        stop(process)
