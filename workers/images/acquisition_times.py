"""The times of frames on one scale, in whatever form their headers state them (VR TM and DT, PS3.5 section 6.2)."""

import re
from collections.abc import Sequence
from datetime import date

from workers.images.frames import Frame

CLOCK = re.compile(r"(\d{8})?(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d*))?)?)?([+-]\d{4})?", re.ASCII)
"""A time, optionally preceded by a date and followed by an offset from UTC."""
SECONDS_A_DAY = 86400
LONGEST_OVER_MIDNIGHT_SECONDS = 7200
"""Times of day without dates that lie so close around midnight are of one examination, which went on after it."""
TimeKey = tuple[float, float, float]
"""Sorts stacks by acquisition, trigger and content time; 0 for a time that not all of the stacks have."""


def seconds_of(times: Sequence[str]) -> list[float | None]:
    """Return times in seconds on a scale that all of them share; None for what is not a time.

    Dates count where all times have one, and offsets from UTC where all have one; else times of day are compared, and
    those after midnight follow those shortly before it.
    """
    clocks = [CLOCK.fullmatch(time) for time in times]
    days = [clock and _day(clock[1]) for clock in clocks]
    if any(clock and day is None for clock, day in zip(clocks, days, strict=True)):
        days = [0 for _ in clocks]
    first = min((day for day in days if day is not None), default=0)
    has_offsets = all(clock[6] for clock in clocks if clock)
    found = [
        None
        if clock is None
        else ((day or 0) - first) * SECONDS_A_DAY + _second_of_day(clock) - (_offset(clock[6]) if has_offsets else 0)
        for clock, day in zip(clocks, days, strict=True)
    ]
    return found if first else _over_midnight(found)


def starts_of(stacks: Sequence[Sequence[str]], *others: str) -> list[float]:
    """Return when stacks began, given the times of their frames, then ``others`` on the same scale.

    Empty where one of all these is not a time.
    """
    found = seconds_of([*(time for stack in stacks for time in stack), *others])
    known = [second for second in found if second is not None]
    if len(known) < len(found) or not all(stacks):
        return []
    starts = []
    for stack in stacks:
        starts.append(min(known[: len(stack)]))
        known = known[len(stack) :]
    return [*starts, *known]


def trigger_starts(stacks: Sequence[Sequence[Frame]]) -> list[float]:
    """Return the first Trigger Time of each stack, in seconds; empty where a frame has none."""
    times = [[frame.trigger_time_ms for frame in stack] for stack in stacks]
    known = [[time for time in stack if time is not None] for stack in times]
    return [min(stack) / 1000 for stack in known] if all(known) and known == times else []


def time_keys(stacks: Sequence[Sequence[Frame]]) -> list[TimeKey]:
    """Return keys that sort stacks by the time at which they began."""
    acquired = starts_of([[frame.acquisition_time for frame in stack] for stack in stacks])
    content = starts_of([[frame.content_time for frame in stack] for stack in stacks])
    absent = [0.0] * len(stacks)
    return list(zip(acquired or absent, trigger_starts(stacks) or absent, content or absent, strict=True))


def _over_midnight(times: Sequence[float | None]) -> list[float | None]:
    """Return times of day with a day added to those after midnight, if the others lie shortly before it."""
    noon = SECONDS_A_DAY / 2
    later = [time + SECONDS_A_DAY if time is not None and time < noon else time for time in times]
    known = [time for time in later if time is not None]
    is_over = any(time < SECONDS_A_DAY for time in known) and any(time >= SECONDS_A_DAY for time in known)
    return later if is_over and max(known) - min(known) <= LONGEST_OVER_MIDNIGHT_SECONDS else list(times)


def _day(digits: str | None) -> int | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).toordinal() if digits else None
    except ValueError:
        return None


def _second_of_day(clock: re.Match[str]) -> float:
    hours, minutes, seconds, fraction = (clock[group] or "0" for group in (2, 3, 4, 5))
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _offset(text: str) -> int:
    seconds = int(text[1:3]) * 3600 + int(text[3:]) * 60
    return -seconds if text.startswith("-") else seconds
