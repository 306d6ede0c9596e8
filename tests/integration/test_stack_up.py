"""`radtme up` with its real processes: start, restart of killed parts, orderly stop, and no process left."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from support.live_folder import found_below
from support.processes import wait_until

CONFIGURATION = "data: .\nlistener: {port: 0, metrics_port: 0, min_free_bytes: 0}\nworkers: {metrics_port: 0}\n"
START_SECONDS = 90.0
"""Generous: a busy machine takes long to load scikit-learn."""


class Stack:
    """A running `radtme up`, and what belongs to it."""

    def __init__(self, folder: Path, configuration: str = CONFIGURATION) -> None:
        self.folder = folder
        (folder / "radtme.yaml").write_text(configuration)
        self.output = open(folder / "up.out", "wb")  # noqa: SIM115 - closed with the stack
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "deploy", "up", "--logs", "logs"],
            cwd=folder,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        """Return its output."""
        return (self.folder / "up.out").read_text()

    def parts(self) -> dict[str, int]:
        """Return the process id of each part that runs."""
        found = {}
        for pid in descendants(self.process.pid):
            words = command_of(pid)
            marks = {"redis": "redis-server", "listener": " listen", "workers": "s compute", "delivery": "s delivery"}
            for name, mark in marks.items():
                if mark in words and name not in found:
                    found[name] = pid
        return found

    def radtme(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside it."""
        command = [sys.executable, "-P", "-m", "deploy", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False)

    def close(self) -> None:
        """End it, if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(240)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()


def command_of(pid: int) -> str:
    """Return the command line of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid: int) -> list[int]:
    """Return the children of a process and theirs."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = [int(word) for word in listed.stdout.split()]
    return children + [one for child in children for one in descendants(child)]


def answers(said: str, part: str) -> int:
    """Return the status of the metrics that `radtme up` names for a part."""
    (address,) = re.findall(rf"(http://\S+)\s+\({part}\)", said)
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own
        return int(answer.status)


def others_can_read(folder: Path) -> list[Path]:
    """Return what everyone on the machine may read."""
    found = []
    for path in found_below(folder):
        with contextlib.suppress(FileNotFoundError):  # it is gone again
            if path.stat().st_mode & 0o007:
                found.append(path)
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Start a stack on free ports and wait until it says that it runs."""
    started = Stack(tmp_path)
    try:
        wait_until(
            lambda: "radtme is running" in started.said() or started.process.poll() is not None,
            START_SECONDS,
            started.said,
        )
        assert started.process.poll() is None, started.said()
        yield started
    finally:
        started.close()


def test_it_runs_heals_and_drains(stack: Stack):
    """One test for all, because a start takes seconds.

    The parts are found without being told their ports; a killed part comes back; a second stack on the same data is
    refused; Ctrl-C ends everything in order with exit code 0.
    """
    first = stack.parts()
    assert set(first) == {"redis", "listener", "workers", "delivery"}
    assert answers(stack.said(), "workers") == answers(stack.said(), "delivery") == HTTPStatus.OK
    assert stack.radtme("echo", "own").returncode == 0
    assert others_can_read(stack.folder / "spool") == []
    assert (stack.folder / "run" / "stack.json").stat().st_mode & 0o777 == 0o600

    for name in ("redis", "listener"):
        os.kill(first[name], signal.SIGKILL)
    wait_until(
        lambda: set(stack.parts()) == set(first) and all(stack.parts()[n] != first[n] for n in ("redis", "listener")),
        30,
        stack.said,
    )
    wait_until(lambda: stack.radtme("echo", "own").returncode == 0, 60, stack.said)
    assert stack.parts()["workers"] == first["workers"]

    second = stack.radtme("up")
    assert second.returncode == 1
    assert "a stack already runs" in second.stderr

    everything = descendants(stack.process.pid)
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(300) == 0, stack.said()
    # What was killed at the end is gone when the kernel has come to it.
    wait_until(lambda: not [pid for pid in everything if command_of(pid)], 30, "the end of all processes")
    order = [line.split(":")[0].strip() for line in stack.said().splitlines() if line.endswith(": finishing")]
    assert order == ["listener", "workers", "delivery", "redis"]
    assert not (stack.folder / "run" / "stack.json").exists()


def test_nothing_is_left_after_sigkill(stack: Stack):
    """The supervisor cannot end anything; a cleanup process ends all parts and their children."""
    everything = [pid for pid in descendants(stack.process.pid) if command_of(pid)]
    assert len(everything) >= 8  # cleanup, redis, listener, workers and one pool process, delivery and two of them
    stack.process.kill()
    stack.process.wait()
    wait_until(
        lambda: not [pid for pid in everything if command_of(pid)],
        30,
        lambda: json.dumps([command_of(pid) for pid in everything]),
    )


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path):
    """The message names port and setting; nothing keeps running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "radtme.yaml").write_text(f"data: .\nlistener: {{port: {port}}}\n")
        run = subprocess.run(
            [sys.executable, "-P", "-m", "deploy", "up"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert run.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in run.stderr
    assert "listener.port" in run.stderr


def test_a_full_disk_is_said_at_the_start_and_does_not_hold_up_the_other_parts(tmp_path: Path) -> None:
    """In words, instead of a wait for the listener; a demo does not begin."""
    full = CONFIGURATION.replace("min_free_bytes: 0", "min_free_bytes: 999999999999999")
    stack = Stack(tmp_path, full)
    try:
        wait_until(lambda: "Ctrl-C stops it" in stack.said(), START_SECONDS, stack.said)
        said = " ".join(stack.said().split())
        assert "radtme is running, and receives nothing. The disk is full: " in said
        assert "(listener.min_free_bytes) objects are refused with 0xA700; run radtme retention" in said
    finally:
        stack.close()
