"""What a check found, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from deploy.configuration.settings import Configuration


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but needs attention."""
    FAULT = "fault"
    """Something does not work."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    """What was checked: one of the names that `radtme doctor` prints."""
    level: Level
    message: str
    remedy: str = ""
    """The one thing to do; empty where all is well."""


Check = Callable[[Configuration], Iterator[Finding]]


def ok(check: str, message: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Level.OK, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """Return what works and should be known."""
    return Finding(check, Level.WARNING, message, remedy)


def fault(check: str, message: str, remedy: str) -> Finding:
    """Return what does not work."""
    return Finding(check, Level.FAULT, message, remedy)
