"""The fault tests leave no process behind, however they end."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from support.processes import running, wait_until

TESTS = Path(__file__).resolve().parents[1]
INTERRUPTED = """
import os, signal, sys, time
from pathlib import Path
from support.doomed import Site
from support.processes import free_port

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
site = Site(Path(sys.argv[1]), Path(sys.argv[1]))
with site.starting_to_listen(free_port()) as listener, site.starting_to_listen(free_port()) as other:
    print(listener.pid, other.pid, flush=True)
    time.sleep(600)
"""


def lives(process: psutil.Process) -> bool:
    """Return whether a process runs; one that has ended and was not asked for by its parent does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_children_end_with_the_tests(number: signal.Signals, tmp_path: Path) -> None:
    """A test run that is killed or interrupted takes its listeners and workers with it, and the fork server."""
    log = tmp_path / "pids"
    with running([sys.executable, "-c", INTERRUPTED, str(tmp_path)], log, PYTHONPATH=str(TESTS)) as process:
        wait_until(lambda: len(log.read_text().split()) == 2, 240, "the children run")
        started = psutil.Process(process.pid).children(recursive=True)
        assert {int(pid) for pid in log.read_text().split()} < {one.pid for one in started}
        process.send_signal(number)
        process.wait(240)
        wait_until(lambda: not any(map(lives, started)), 240, "all that was started has ended")
