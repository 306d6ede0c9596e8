"""`radtme up` on a terminal of 80 columns: its words, its parts' log and the spinner each have lines of their own."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.whole_stack import RADTME

CONFIGURATION = "data: .\nlistener: {port: 0, metrics_port: 0, min_free_bytes: 0}\nworkers: {metrics_port: 0}\n"
COLUMNS = 80
PARTS_THAT_WORK = 2
"""Those that score, and those that deliver."""
CTRL_C = b"\x03"
STARTED_SECONDS = 240.0
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
CONTROLS = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")
"""Colours, and moves of the cursor."""
SPINNER = ("\x1b[?25l", "\x1b[2K")
"""Hides the cursor, clears its line."""


class Terminal:
    """A command on a terminal of its own, where Ctrl-C is typed as a person does it."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        unwanted = ("COLUMNS", "NO_COLOR", "RADTME_")
        told = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        self._process = subprocess.Popen(
            ["setsid", "--ctty", str(RADTME), *words],
            cwd=folder,
            stdin=its,
            stdout=its,
            stderr=its,
            env={**told, "TERM": "xterm-256color"},
        )
        os.close(its)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        """The spinner's characters have three bytes, and a look may end between them."""

    def read_until(self, is_enough: Callable[[], bool]) -> None:
        """Read what is shown until that is enough, or until the command has ended."""
        end = time.monotonic() + STARTED_SECONDS
        while not is_enough():
            assert time.monotonic() < end, self.shown
            if select.select([self._ours], [], [], 1)[0]:
                try:
                    self.shown += self._decoder.decode(os.read(self._ours, 65536))
                except OSError:  # every process has closed the terminal
                    return

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def close(self) -> int:
        """Return the exit code; end the command where it still runs."""
        try:
            return self._process.wait(STARTED_SECONDS)
        finally:
            self._process.kill()
            os.close(self._ours)

    def lines(self) -> list[str]:
        """Return what was shown, without colours."""
        return CONTROLS.sub("", self.shown).split("\r\n")


@pytest.mark.parametrize("words", [["up"], ["up", "--logs", "logs"]], ids=["log on the terminal", "log in files"])
def test_nothing_shares_a_line(words: list[str], tmp_path: Path) -> None:
    """From the start to the end after one Ctrl-C."""
    (tmp_path / "radtme.yaml").write_text(CONFIGURATION)
    terminal = Terminal(tmp_path, *words)
    try:
        ready = 0 if "--logs" in words else PARTS_THAT_WORK
        terminal.read_until(lambda: "radtme status" in terminal.shown and terminal.shown.count("worker_ready") >= ready)
        terminal.type(CTRL_C)
        terminal.read_until(lambda: False)
    finally:
        code = terminal.close()
    lines = terminal.lines()
    assert code == 0, terminal.shown
    spins = [mark in terminal.shown for mark in SPINNER]
    logged = [line for line in lines if TIMES.search(line)]
    if "--logs" in words:
        assert spins == [True, True], "the spinner turns, and its line is cleared"
        assert logged == []
    else:
        assert spins == [False, False], "a spinner would turn in the midst of the log"
        assert [line for line in logged if not TIMES.match(line) or len(TIMES.findall(line)) > 1] == []
        told = set(" ".join(logged).split())
        assert {"listener_started", "worker_ready", "listener_stopped", "worker_stopped"} <= told
        assert "starting" in lines
    assert "stopping; press Ctrl-C again to stop immediately" in lines
    assert lines[-2:] == ["stopped", ""]
    assert "shutdown" not in terminal.shown, "Celery's own words are not ours"
    assert [line for line in lines if line not in logged and len(line.rsplit("\r", 1)[-1]) > COLUMNS] == []
