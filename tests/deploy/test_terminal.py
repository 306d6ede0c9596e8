"""What says that a command is at work: on a terminal a spinner, in a file or a pipe whole lines."""

import io

import pytest
from rich.console import Console

from deploy import terminal


def test_each_thing_that_is_done_gets_a_line_without_a_terminal() -> None:
    """At once, since nobody knows how long it takes."""
    console = Console(file=io.StringIO(), width=80)
    with terminal.working(console, "checking this machine") as tell:
        assert console.file.getvalue() == "checking this machine\n"
        tell("checking [redis]")
    assert console.file.getvalue() == "checking this machine\nchecking [redis]\n"


def test_a_spinner_is_cleared_on_a_terminal() -> None:
    """Nothing of it is left above the result."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with terminal.working(console, "checking this machine") as tell:
        tell("checking redis")
    assert console.file.getvalue().endswith("\x1b[2K")


def test_a_count_is_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it grows."""
    now = 0.0
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now)
    said: list[str] = []
    count = terminal.counting(said.append, "reading headers", "files")
    for now in (10.0, 59.0, 60.0, 61.0, 125.0):  # noqa: B007 - what the clock shows
        count(100)
    assert said == ["reading headers: 300 files", "reading headers: 500 files"]
