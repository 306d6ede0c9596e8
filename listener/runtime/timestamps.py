"""Times in the spool's files, and whether they have come where somebody moved the clock."""

from datetime import UTC, datetime, timedelta

MAX_WAIT_SECONDS = 24 * 3600.0
"""Taken for the length of a wait where a file does not say it."""
SLACK_SECONDS = 1.0
"""A file's times are rounded."""


def parse_time(text: object) -> datetime | None:
    """Read a time (ISO 8601, UTC where it does not say); None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(moment: datetime | None) -> str | None:
    """Return what `parse_time` reads."""
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def is_past(moment: datetime | None, wait_seconds: float | None, clock: datetime) -> bool:
    """Tell whether something that was put off by ``wait_seconds`` until ``moment`` is due.

    What lies further ahead than the whole wait was written before the clock was set back: it is due rather than stuck.
    No time at all means now.
    """
    if moment is None:
        return True
    longest = MAX_WAIT_SECONDS if wait_seconds is None else wait_seconds
    return moment <= clock or moment - clock > timedelta(seconds=longest + SLACK_SECONDS)
