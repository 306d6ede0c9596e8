"""Acquisition times of phases from their headers, and the first phase after the contrast injection."""

import re
from collections.abc import Sequence
from itertools import pairwise

from pydicom import Dataset

from workers.images.attributes import items, text
from workers.images.phases import Phase

CLOCK = re.compile(r"(?:\d{8})?(\d\d)(\d\d)(\d\d)(?:\.(\d*))?(?:[+-]\d{4})?")
"""A time with seconds (VR TM), optionally preceded by a date and followed by an offset from UTC (VR DT)."""


def pace_seconds(phases: Sequence[Phase]) -> float | None:
    """Return the median time between successive phases, in seconds; None where the headers do not state it."""
    starts = _starts(phases, "acquisition_time") or _starts(phases, "content_time") or _triggers(phases)
    gaps = sorted(later - earlier for earlier, later in pairwise(starts))
    return gaps[len(gaps) // 2] if gaps and gaps[0] > 0 else None


def first_after_bolus(phases: Sequence[Phase]) -> int | None:
    """Return the index in ``phases`` (in order of time) of the first phase that began after the bolus; else None.

    Contrast/Bolus Start Time (PS3.3 sections C.7.6.4 and C.7.6.4b) is compared with the acquisition times, plus Trigger
    Time where all phases have the same acquisition time. It counts only where all phases that state it agree, and where
    it falls between two phases. Content times are not used: they are times of reconstruction.
    """
    found = {time for phase in phases if (time := _bolus_time(phase.frames[0].instance.dataset))}
    bolus = _seconds(found.pop()) if len(found) == 1 else None
    starts = _starts(phases, "acquisition_time")
    if bolus is None or not starts or any(later <= earlier for earlier, later in pairwise(starts)):
        return None
    after = sum(start < bolus for start in starts)
    return after if 0 < after < len(starts) else None


def _bolus_time(header: Dataset) -> str:
    """Return Contrast/Bolus Start Time of a classic or Enhanced image; empty where there is none."""
    profiles = [
        profile
        for agent in items(header, "ContrastBolusAgentSequence")
        for profile in items(agent, "ContrastAdministrationProfileSequence")
    ]
    return next(filter(None, (text(item, "ContrastBolusStartTime") for item in (header, *profiles))), "")


def _starts(phases: Sequence[Phase], keyword: str) -> list[float]:
    """Return the start of each phase, in seconds of the day; empty where a frame has no such time."""
    starts = _firsts([[_seconds(getattr(frame, keyword)) for frame in phase.frames] for phase in phases])
    triggers = _triggers(phases)
    if len(set(starts)) == 1 and triggers:
        return [start + trigger for start, trigger in zip(starts, triggers, strict=True)]
    return starts


def _triggers(phases: Sequence[Phase]) -> list[float]:
    """Return the first Trigger Time of each phase, in seconds; empty where a frame has none."""
    return [first / 1000 for first in _firsts([[frame.trigger_time_ms for frame in phase.frames] for phase in phases])]


def _firsts(times: Sequence[Sequence[float | None]]) -> list[float]:
    known = [[time for time in part if time is not None] for part in times]
    return list(map(min, known)) if all(known) and known == times else []


def _seconds(time: str) -> float | None:
    clock = CLOCK.fullmatch(time)
    if clock is None:
        return None
    hours, minutes, seconds, fraction = clock.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")
