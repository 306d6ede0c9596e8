"""Acquisition times of phases from their headers, and the first phase after the contrast injection."""

import re
from collections.abc import Sequence
from itertools import pairwise

from pydicom import Dataset

from workers.images.acquisition_times import starts_of, trigger_starts
from workers.images.attributes import items, text
from workers.images.phases import Phase

SECONDS_GIVEN = re.compile(r"(?:\d{8})?\d{6}(?:\.\d*)?(?:[+-]\d{4})?", re.ASCII)
"""A time to the second (VR TM), optionally preceded by a date and followed by an offset from UTC (VR DT)."""


def pace_seconds(phases: Sequence[Phase]) -> float | None:
    """Return the median time between successive phases, in seconds; None where the headers do not state it."""
    stacks = [phase.frames for phase in phases]
    content = [[frame.content_time for frame in stack] for stack in stacks]
    starts = _acquired(phases) or _to_the_second(content) or trigger_starts(stacks)
    gaps = sorted(later - earlier for earlier, later in pairwise(starts))
    return gaps[len(gaps) // 2] if gaps and gaps[0] > 0 else None


def first_after_bolus(phases: Sequence[Phase]) -> int | None:
    """Return the index in ``phases`` (in order of time) of the first phase that began after the bolus; else None.

    Contrast/Bolus Start Time (PS3.3 sections C.7.6.4 and C.7.6.4b) is compared with the acquisition times, plus Trigger
    Time where all phases have the same acquisition time. It counts only where all phases that state it agree, and where
    it falls between two phases. Content times are not used: they are times of reconstruction.
    """
    found = {time for phase in phases if (time := _bolus_time(phase.frames[0].instance.dataset))}
    acquired = _acquired(phases, found.pop()) if len(found) == 1 else []
    *starts, bolus = acquired or [0.0]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return None
    after = sum(start < bolus for start in starts)
    return after if 0 < after < len(starts) else None


def began_before_bolus(alone: Phase) -> bool:
    """Return whether a single phase began before its Contrast/Bolus Start Time."""
    bolus = _bolus_time(alone.frames[0].instance.dataset)
    begin_and_bolus = _acquired([alone], bolus) if bolus else []
    return len(begin_and_bolus) == 2 and begin_and_bolus[0] < begin_and_bolus[1]


def _bolus_time(header: Dataset) -> str:
    """Return Contrast/Bolus Start Time of a classic or Enhanced image; empty where there is none."""
    profiles = [
        profile
        for agent in items(header, "ContrastBolusAgentSequence")
        for profile in items(agent, "ContrastAdministrationProfileSequence")
    ]
    return next(filter(None, (text(item, "ContrastBolusStartTime") for item in (header, *profiles))), "")


def _acquired(phases: Sequence[Phase], *others: str) -> list[float]:
    """Return the start of each phase, then ``others``, in seconds; empty where a frame has no acquisition time."""
    found = _to_the_second([[frame.acquisition_time for frame in phase.frames] for phase in phases], *others)
    starts, rest = found[: len(phases)], found[len(phases) :]
    if len(set(starts)) == 1 and (triggers := trigger_starts([phase.frames for phase in phases])):
        starts = [start + trigger for start, trigger in zip(starts, triggers, strict=True)]
    return [*starts, *rest]


def _to_the_second(stacks: Sequence[Sequence[str]], *others: str) -> list[float]:
    times = [*(time for stack in stacks for time in stack), *others]
    return starts_of(stacks, *others) if all(map(SECONDS_GIVEN.fullmatch, times)) else []
