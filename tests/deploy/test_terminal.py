"""What says that a command is at work: on a terminal a spinner, in a file or a pipe whole lines."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from deploy import terminal
from deploy.configuration.units import in_unit_of


def test_a_text_between_colons_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Rich would print a picture for some of them, in what a sender or a target says, too."""
    for console in (terminal.output(), terminal.notices()):
        console.print("target:key:9104", markup=False)
        console.print("[bold]target:key:9104[/bold]")
    captured = capsys.readouterr()
    assert captured.out == captured.err == "target:key:9104\n" * 2


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


@pytest.mark.parametrize("text", ["30m", "30min", "1800s"])
def test_the_terminal_and_the_configuration_take_the_same_units(text: str) -> None:
    """What one of them takes is not refused by the other."""
    before = datetime.now(UTC)
    assert before <= terminal.time_or_ago(text) + timedelta(minutes=30) <= datetime.now(UTC)
    assert in_unit_of("listener.deadline_seconds", text) == 1800
