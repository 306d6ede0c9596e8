"""DCE phases: groups the frames of a series that were acquired at the same moment.

Several kinds of evidence are tried in a fixed order, and each is accepted only where it is consistent: no phase may
hold a slice twice. Acquisition numbers come last: some scanners give one number to several phases, which is noticed,
and the Standard does not say that they rise with time.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.errors import Reason, RejectedInput
from workers.images.acquisition_times import seconds_of, time_keys
from workers.images.families import families
from workers.images.frames import Frame
from workers.images.slice_geometry import slice_numbers
from workers.notes import Note

Labels = list[float] | list[int] | list[str] | list[tuple[int, int]] | None
"""Returns a sortable phase label for each frame, or None where this evidence is absent."""


class PhaseEvidence(StrEnum):
    """The evidence that separated the phases of a series."""

    SINGLE = "single phase"
    TEMPORAL_POSITION = "temporal position"
    TRIGGER_TIME = "trigger time"
    REPETITION = "repetition of slice positions"
    ACQUISITION_TIME = "acquisition time"
    CONTENT_TIME = "content time"
    ACQUISITION_NUMBER = "acquisition number"
    SERIES = "series"


@dataclass(frozen=True)
class PhaseIdentity:
    """The phase's number in the examination, and how it was determined."""

    index: int
    """1 is the first."""
    count: int
    found_by: PhaseEvidence


@dataclass(frozen=True, eq=False)
class Phase:
    """The frames of one phase, in no particular order."""

    frames: tuple[Frame, ...]
    identity: PhaseIdentity
    expected_slices: int
    """Number of slices in the series; greater than the number of frames where slices of this phase are missing."""
    notes: tuple[Note, ...] = ()
    """Notes for the report on how the phase was chosen."""

    @property
    def references(self) -> frozenset[tuple[str, int | None]]:
        """SOP Instance UID and frame number of each frame."""
        return frozenset(frame.reference for frame in self.frames)


def split_series(frames: Sequence[Frame]) -> tuple[Phase, ...]:
    """Split the frames of one series into phases, separately for each family of frames.

    Raises
    ------
    RejectedInput
        UNKNOWN_PHASE where slices repeat and no evidence separates the phases.
    """
    return tuple(phase for family in families(frames) for phase in _split_family(family))


def _split_family(frames: Sequence[Frame]) -> tuple[Phase, ...]:
    slices = slice_numbers(frames)
    expected = len(set(slices.tolist()))
    repeats = max(Counter(slices.tolist()).values())
    if repeats == 1 and not _are_parts_of_phases(frames):
        return (Phase(tuple(frames), PhaseIdentity(1, 1, PhaseEvidence.SINGLE), expected),)
    for evidence, find_labels in EVIDENCE if repeats > 1 else EVIDENCE[:1]:
        labels = find_labels(frames, slices)
        if labels is not None and _is_sound(labels, slices, repeats, evidence):
            return _phases(frames, labels, evidence, expected)
    raise RejectedInput(
        Reason.UNKNOWN_PHASE,
        f"series {frames[0].instance.series_uid}: slice positions repeat up to {repeats} times, and neither temporal "
        "positions, trigger times, the order of instance numbers, acquisition times nor acquisition numbers tell the "
        "phases apart: send the original series with its acquisition times, or each phase as a series of its own, "
        "without scouts and projections",
    )


def _are_parts_of_phases(frames: Sequence[Frame]) -> bool:
    """Return whether frames of different temporal positions share no slice: remains of incomplete phases.

    Where each slice has a position of its own, the scanner counts slices in this attribute.
    """
    positions = {frame.temporal_position for frame in frames} - {None}
    return 1 < len(positions) < len(frames)


def _phases(
    frames: Sequence[Frame], labels: Sequence[Hashable], evidence: PhaseEvidence, expected: int
) -> tuple[Phase, ...]:
    groups: dict[Hashable, list[Frame]] = {}
    for frame, label in zip(frames, labels, strict=True):
        groups.setdefault(label, []).append(frame)
    ordered = sorted(groups.items())
    return tuple(
        Phase(tuple(members), PhaseIdentity(index, len(ordered), evidence), expected)
        for index, (_, members) in enumerate(ordered, start=1)
    )


def _is_sound(labels: Sequence[Hashable], slices: NDArray[np.intp], repeats: int, evidence: PhaseEvidence) -> bool:
    pairs = set(zip(labels, slices.tolist(), strict=True))
    if len(pairs) < len(labels):
        return False
    # A temporal position identifies a phase, even one with missing slices; but some scanners count images in
    # it. Any other attribute could also count slices.
    if evidence is PhaseEvidence.TEMPORAL_POSITION:
        return len(set(labels)) <= len(labels) / 2
    return len(set(labels)) == repeats


def _temporal_position(frames: Sequence[Frame], slices: NDArray[np.intp]) -> Labels:
    return _complete([frame.temporal_position for frame in frames])


def _trigger_time(frames: Sequence[Frame], slices: NDArray[np.intp]) -> Labels:
    return _by_value_or_rank(_complete([frame.trigger_time_ms for frame in frames]), slices)


def _acquisition_time(frames: Sequence[Frame], slices: NDArray[np.intp]) -> Labels:
    return _by_value_or_rank(_complete(seconds_of([frame.acquisition_time for frame in frames])), slices)


def _content_time(frames: Sequence[Frame], slices: NDArray[np.intp]) -> Labels:
    return _by_value_or_rank(_complete(seconds_of([frame.content_time for frame in frames])), slices)


def _acquisition_number(frames: Sequence[Frame], slices: NDArray[np.intp]) -> Labels:
    return _complete([frame.acquisition_number for frame in frames])


def _repetition(frames: Sequence[Frame], slices: NDArray[np.intp]) -> Labels:
    numbers = _complete([frame.order for frame in frames])
    if numbers is None or len(set(numbers)) < len(numbers):
        return None
    order = np.array(sorted(range(len(numbers)), key=lambda at: numbers[at]))
    repeats = max(Counter(slices.tolist()).values())
    runs = _runs(slices[order])
    if len(set(runs)) == repeats:
        return _in_original_order(runs, order)
    # All phases of a slice, then the next slice; numbers in any other order are no evidence.
    changes = int(np.count_nonzero(np.diff(slices[order])))
    return _ranks(numbers, slices) if changes == int(slices.max()) else None


def _runs(slices: NDArray[np.intp]) -> list[int]:
    """Label frames stored phase after phase: a phase begins with the first slice that the current one already has."""
    labels: list[int] = []
    seen: set[int] = set()
    run = 0
    for number in slices.tolist():
        if number in seen:
            run, seen = run + 1, set()
        seen.add(number)
        labels.append(run)
    return labels


def _ranks(values: Sequence[Any], slices: NDArray[np.intp]) -> Labels:
    """Label frames stored slice after slice: the n-th frame of a slice is of the n-th phase. Needs complete slices."""
    counts = set(Counter(slices.tolist()).values())
    if len(counts) != 1 or len(set(zip(values, slices.tolist(), strict=True))) < len(values):
        return None
    order = sorted(range(len(values)), key=lambda at: values[at])
    seen: Counter[int] = Counter()
    labels = []
    for at in order:
        labels.append(seen[int(slices[at])])
        seen[int(slices[at])] += 1
    return _in_original_order(labels, np.array(order))


def _by_value_or_rank(values: Labels, slices: NDArray[np.intp]) -> Labels:
    if values is None or len(set(values)) == max(Counter(slices.tolist()).values()):
        return values
    return _ranks(values, slices)


def _in_original_order(labels: Sequence[int], order: NDArray[np.intp]) -> list[int]:
    original = [0] * len(labels)
    for label, at in zip(labels, order.tolist(), strict=True):
        original[at] = label
    return original


def _complete(values: Sequence[Any]) -> Labels:
    return None if any(value is None for value in values) else list(values)


EVIDENCE: tuple[tuple[PhaseEvidence, Callable[[Sequence[Frame], NDArray[np.intp]], Labels]], ...] = (
    (PhaseEvidence.TEMPORAL_POSITION, _temporal_position),
    (PhaseEvidence.TRIGGER_TIME, _trigger_time),
    (PhaseEvidence.REPETITION, _repetition),
    (PhaseEvidence.ACQUISITION_TIME, _acquisition_time),
    (PhaseEvidence.CONTENT_TIME, _content_time),
    (PhaseEvidence.ACQUISITION_NUMBER, _acquisition_number),
)


def across_series(phases: Iterable[Phase]) -> tuple[Phase, ...]:
    """Number the phases of several series as one examination, in order of time, where each series holds one phase."""
    found = list(phases)
    return tuple(found) if any(phase.identity.count > 1 for phase in found) else in_order_of_time(found)


def in_order_of_time(found: Sequence[Phase]) -> tuple[Phase, ...]:
    """Number the phases of several series as one examination, in order of time; a single one keeps its number."""
    if len(found) < 2:
        return tuple(found)
    keys = zip(time_keys([phase.frames for phase in found]), map(_first_order, found), range(len(found)), strict=True)
    return tuple(
        replace(found[at], identity=PhaseIdentity(index, len(found), PhaseEvidence.SERIES))
        for index, (*_, at) in enumerate(sorted(keys), start=1)
    )


def _first_order(phase: Phase) -> tuple[int, int]:
    return min(frame.order or (0, 0) for frame in phase.frames)
