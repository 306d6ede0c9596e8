"""The supervisor: start, restart, orderly stop, and no process left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deploy.stack.supervisor import NotReady, Program, StartFailed, Supervisor
from support.processes import wait_until

START_SECONDS = 60.0
READY = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); "
FOREVER = READY + "time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER
WITH_CHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "open(sys.argv[1] + '.child', 'w').write(str(child.pid)); " + FOREVER
)


def program(tmp_path: Path, name: str, code: str, drain_seconds: float = 5.0) -> Program:
    """Return a Python program that says that it is ready by making a file."""
    mark = tmp_path / f"{name}.ready"
    return Program(name, [sys.executable, "-c", code, str(mark)], mark.exists, drain_seconds)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_that_dies_is_started_again(tmp_path):
    """A killed part is restarted, and the service continues."""
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "a", FOREVER))
        supervisor.wait_ready(START_SECONDS)
        first = supervisor.pids()["a"]
        os.kill(first, signal.SIGKILL)

        def restarted() -> bool:
            supervisor.restart_exited()
            return supervisor.pids().get("a", first) != first

        wait_until(restarted, START_SECONDS, "the restart")
    assert not is_running(first)


def test_what_a_dead_process_started_ends_before_its_successor_begins(tmp_path):
    """Two workers' children on the same job would disturb each other."""
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "a", WITH_CHILD))
        supervisor.wait_ready(START_SECONDS)
        child = int((tmp_path / "a.ready.child").read_text())
        os.kill(supervisor.pids()["a"], signal.SIGKILL)
        wait_until(lambda: "a" not in supervisor.pids(), START_SECONDS, "its end")
        supervisor.restart_exited()
        wait_until(lambda: not is_running(child), START_SECONDS, "the end of its child")


def test_waits_grow_in_a_crash_loop(tmp_path):
    """A part that cannot run does not use up the machine."""
    with capture_logs() as said, Supervisor() as supervisor:

        def waits() -> list[float]:
            supervisor.restart_exited()
            return [one["restart_in"] for one in said if one["event"] == "process_exited"]

        supervisor.start(program(tmp_path, "a", READY + "time.sleep(0.2)"))
        supervisor.wait_ready(START_SECONDS)
        began = time.monotonic()
        wait_until(lambda: len(waits()) >= 3, START_SECONDS, "the third end")
        assert waits()[:3] == [0.5, 1.0, 2.0]
        assert time.monotonic() - began > 0.5 + 1.0
    assert [one["event"] for one in said].count("process_restarted") == 2


def test_a_process_that_ends_at_its_start_is_an_error(tmp_path):
    """A wrong setting shows at once, instead of as an endless loop of restarts."""
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "a", "raise SystemExit(7)"))
        with pytest.raises(StartFailed, match="a ended at start with exit code 7"):
            supervisor.wait_ready(START_SECONDS)


def test_a_process_that_does_not_get_ready_is_named(tmp_path):
    """The message says which one."""
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "slow", "import time; time.sleep(600)"))
        with pytest.raises(NotReady, match="slow: not ready after 0 s"):
            supervisor.wait_ready(0.3)


def test_a_process_that_does_not_drain_is_ended(tmp_path):
    """It is killed after its ``drain_seconds``."""
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "a", STUBBORN, drain_seconds=0.5))
        supervisor.wait_ready(START_SECONDS)
        pid = supervisor.pids()["a"]
        begin = time.monotonic()
        supervisor.drain("a")
        assert time.monotonic() - begin > 0.4
    assert not is_running(pid)


def test_nothing_is_left_when_the_block_ends_by_an_exception(tmp_path):
    """Also what the processes started themselves is gone."""
    pids: list[int] = []

    def broken() -> None:
        with Supervisor() as supervisor:
            supervisor.start(program(tmp_path, "a", WITH_CHILD))
            supervisor.wait_ready(START_SECONDS)
            pids.extend([supervisor.pids()["a"], int((tmp_path / "a.ready.child").read_text())])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    wait_until(lambda: not any(map(is_running, pids)), START_SECONDS, "the end of both")


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path):
    """SIGKILL leaves the supervisor no time to end anything: a cleanup process does it, down to the grandchildren."""
    code = (
        "import sys, time, pathlib; from deploy.stack.supervisor import Program, Supervisor\n"
        f"mark = pathlib.Path({str(tmp_path / 'a.ready')!r})\n"
        "with Supervisor() as supervisor:\n"
        f"    supervisor.start(Program('a', [sys.executable, '-c', {WITH_CHILD!r}, str(mark)], mark.exists, 5.0))\n"
        "    supervisor.wait_ready(60)\n"
        "    print(supervisor.pids()['a'], flush=True)\n"
        "    time.sleep(600)\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    pids = [int(killed.stdout.readline()), int((tmp_path / "a.ready.child").read_text())]
    assert all(map(is_running, pids))
    killed.kill()
    killed.wait()
    wait_until(lambda: not any(map(is_running, pids)), START_SECONDS, "the end of both")
