"""Whether a phase lies after contrast, by what a later phase of the same examination shows inside the outline."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from workers.errors import Reason, RejectedInput
from workers.images.frames import frames_of
from workers.images.headers import Instance, read_image_headers
from workers.images.phases import Phase, split_series
from workers.images.volume import Volume, build_volume
from workers.limits import Limits
from workers.outline.dynamic_series import same_slices, same_technique, start
from workers.outline.region_of_interest import RegionOfInterest

ENHANCEMENT = 0.3
"""Of the tumour's median: by how much a phase before contrast is darker than the one that follows. From one phase after
contrast to the next, tumours change by a tenth or two (BI-RADS: persistent from 10 % on)."""


def check_after_contrast(
    phase: Phase,
    volume: Volume,
    roi: RegionOfInterest,
    instances: Sequence[Instance],
    other_series: Sequence[Sequence[Path]],
    limits: Limits,
) -> None:
    """See that the phase, where it is the first of its examination, is not the one before contrast.

    Raises
    ------
    RejectedInput
        BEFORE_CONTRAST where the next phase is that much brighter inside the outline.
    """
    following = _following(phase, instances, other_series, limits)
    if following is None:
        return
    try:
        later = build_volume(following, limits)
    except RejectedInput:  # a next phase that cannot be read says nothing of this one
        return
    if later.array.shape != volume.array.shape:
        return
    here, there = (float(np.median(one.array[roi.tumour].astype(np.float64))) for one in (volume, later))
    if here > 0 and there / here - 1 >= ENHANCEMENT:
        raise RejectedInput(
            Reason.BEFORE_CONTRAST,
            f"image {volume.frames[0].sop_instance_uid}: the outline was drawn on the phase before contrast: inside it "
            f"the next phase is {there / here - 1:.0%} brighter: copy the outline to the phase after contrast, and "
            "send it again",
        )


def _following(
    phase: Phase, instances: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> Phase | None:
    """Return the phase after ``phase``, where that is the first of its examination."""
    series = phase.frames[0].instance.series_uid
    mine = _phases([one for one in instances if one.series_uid == series])
    own = [
        other for other in mine if other.frames[0].contrast == phase.frames[0].contrast and same_slices(phase, other)
    ]
    number = next((other.identity.index for other in own if other.references == phase.references), 1)
    others = [*_by_series([one for one in instances if one.series_uid != series]), *_alike(phase, other_series, limits)]
    beside = [
        other
        for part in others
        for other in _phases(part)
        if same_slices(phase, other) and same_technique(phase, other)
    ]
    if number > 1 or any(start(other) < start(phase) for other in beside):
        return None
    if len(own) > 1:
        return next((other for other in own if other.identity.index == 2), None)
    return min((other for other in beside if start(other) > start(phase)), key=start, default=None)


def _alike(phase: Phase, other_series: Sequence[Sequence[Path]], limits: Limits) -> Iterator[list[Instance]]:
    """Yield the other series whose first image is of the same technique; the rest is not even opened."""
    for paths in other_series:
        with suppress(RejectedInput):  # an object that cannot be read, or is no MR image, is no phase
            (first,) = read_image_headers(paths[:1], limits)
            (head,) = split_series(frames_of(first))[:1]
            if same_technique(phase, head):
                yield list(read_image_headers(paths, limits))


def _phases(instances: Sequence[Instance]) -> tuple[Phase, ...]:
    try:
        return split_series([frame for instance in instances for frame in frames_of(instance)]) if instances else ()
    except RejectedInput:
        return ()


def _by_series(instances: Sequence[Instance]) -> list[list[Instance]]:
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.series_uid, []).append(instance)
    return list(groups.values())
