"""What all commands show in the same way: times, ages, sizes, progress bars, paths."""

import errno
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PIPE_WIDTH = 100
"""Columns of output that goes to a file or a pipe."""

_AGO = re.compile(r"([0-9]{1,6})(s|min|m|h|days|day|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Output(Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the process with exit code 1; the command line has one way to end it then, for all its output.
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def output() -> Console:
    """Return the console for results (standard output); a file or pipe gets wide lines without colours."""
    wide = sys.stdout.isatty() or "COLUMNS" in os.environ
    return _Output(highlight=False, emoji=False, width=None if wide else PIPE_WIDTH)


def notices() -> Console:
    """Return the console for progress and remarks: standard error, so that results can be piped."""
    return Console(stderr=True, highlight=False, emoji=False)


def saying(console: Console) -> Callable[[str], None]:
    """Return a function that prints a line, also above a progress bar."""
    return lambda text: console.print(text, markup=False, soft_wrap=True)


@contextmanager
def progress(console: Console, what: str, total: int) -> Iterator[tuple["Progress", "TaskID"]]:
    """Show a progress bar on a terminal, and nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        yield bar, bar.add_task(what, total=total)


def duration(seconds: float) -> str:
    """Return a duration as text: ``0.35 s``, ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    if seconds < 0:
        return "0 s"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def time_or_ago(text: str) -> datetime:
    """Return a time in UTC: ``2026-11-25``, ``2026-11-25T08:00`` (local unless it says so), or ``12h``, ``7d`` ago.

    Raises
    ------
    ValueError
        If the text is none.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2][0]]: int(ago[1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def age(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago ``moment`` was, or how far ahead it lies."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    return f"in {duration(-seconds)}" if seconds < 0 else duration(round(seconds))


def due(moment: datetime) -> str:
    """Return how far ahead ``moment`` lies; ``now`` where it has come."""
    ahead = age(moment)
    return ahead if ahead.startswith("in ") else "now"


def counted(number: int, what: str, several: str = "") -> str:
    """Return a number with its noun, in the plural unless it is one: ``1 study``, ``2 studies``."""
    return f"{number} {what if number == 1 else several or what + 's'}"


def size(count: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def path_from_here(path: Path) -> str:
    """Return ``path`` relative to the working directory, where it lies below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def typed_path(path: Path) -> str:
    """Return ``path`` as a part of a command that can be copied into a shell."""
    return shlex.quote(path_from_here(path))


QUICK_SECONDS = 2.0
"""What takes less needs no progress."""
LINES = 10
"""About so many for a step, and more where it takes long."""
SILENT_SECONDS = 60.0
"""After so long without a line, the next one is printed whatever its number."""


@contextmanager
def working(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Say what is being done while it is not known how much of it there is; yield what says that it is something else.

    A spinner on a terminal; elsewhere a line each.
    """
    if console.is_terminal:
        with console.status(what) as spinner:
            yield spinner.update
    else:
        console.print(what, markup=False)
        yield lambda words: console.print(words, markup=False)


def counting(tell: Callable[[str], None], what: str, units: str) -> Callable[[int], None]:
    """Return what is to be called with the number of units that were done since; it says how many, once a minute."""
    done, told = 0, time.monotonic()

    def count(more: int) -> None:
        nonlocal done, told
        done += more
        if time.monotonic() - told >= SILENT_SECONDS:
            told = time.monotonic()
            tell(f"{what}: {done} {units}")

    return count


@contextmanager
def stepping(console: Console, what: str, total: int, silent_seconds: float = 0.0) -> Iterator[Callable[[], None]]:
    """Yield what is to be called when one more of ``total`` is done.

    A bar on a terminal; elsewhere some lines, none before ``silent_seconds``: what is quick says nothing.
    """
    done, began = 0, time.monotonic()
    told = began
    every = max(1, -(-total // LINES))
    with progress(console, what, total) as (bar, task):

        def step() -> None:
            nonlocal done, told
            done += 1
            bar.advance(task)
            now = time.monotonic()
            is_due = done % every == 0 or done == total or now - told >= SILENT_SECONDS
            if now - began >= silent_seconds and not console.is_terminal and is_due:
                told = now
                console.print(f"{what}: {done} of {total}")

        yield step
