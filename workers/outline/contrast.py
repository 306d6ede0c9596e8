"""Whether a phase lies after contrast, by its headers and by what other phases show inside the outline."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from workers.errors import Reason, RejectedInput
from workers.images.frames import frames_of
from workers.images.headers import Instance, read_image_headers
from workers.images.phases import Phase, split_series
from workers.images.slices import normal_of
from workers.images.volume import Volume, build_volume
from workers.limits import Limits
from workers.outline.dynamic_series import same_slices, same_technique, start
from workers.outline.phase_times import first_after_bolus
from workers.outline.region_of_interest import RegionOfInterest

ENHANCEMENT = 0.3
"""Of the tumour's median: by how much a phase before contrast is darker than the one that follows. From one phase after
contrast to the next, tumours change by a tenth or two (BI-RADS: persistent from 10 % on)."""
UNCHANGED = 0.1
"""Of the tumour's median: a phase that is brighter than the first one by less shows no contrast in the tumour yet."""


def check_after_contrast(
    phase: Phase,
    volume: Volume,
    roi: RegionOfInterest,
    instances: Sequence[Instance],
    other_series: Sequence[Sequence[Path]],
    limits: Limits,
) -> None:
    """Check that the phase does not lie before contrast, as far as other phases of its examination tell.

    The first phase of an examination is compared with the next one, a later phase with the first, the next and the
    last one: there may be several phases before contrast.

    Raises
    ------
    RejectedInput
        BEFORE_CONTRAST where a later phase is that much brighter inside the outline, or where the phase began before
        the Contrast/Bolus Start Time and is not brighter than the first one.
    """
    examination = _examination(phase, instances, other_series, limits)
    at = [other.references for other in examination].index(phase.references)
    if len(examination) < 2:
        return
    here = float(np.median(volume.array[roi.tumour].astype(np.float64)))
    gained = _gain(_inside(examination[0], volume, roi, limits), here) if at else 0.0
    bolus = first_after_bolus(examination)
    if bolus is not None and at < bolus and (gained is None or gained < ENHANCEMENT):
        raise _before_contrast(volume, "by its acquisition time it began before the Contrast/Bolus Start Time")
    if gained is None or gained >= UNCHANGED:
        return
    later = {"next": examination[at + 1 :][:1], "last": examination[at + 1 :][-1:] if at else ()}
    for which, found in later.items():
        for other in found:
            gain = _gain(here, _inside(other, volume, roi, limits))
            if gain is not None and gain >= ENHANCEMENT:
                raise _before_contrast(volume, f"inside it the {which} phase is {gain:.0%} brighter")


def _before_contrast(volume: Volume, evidence: str) -> RejectedInput:
    return RejectedInput(
        Reason.BEFORE_CONTRAST,
        f"image {volume.frames[0].sop_instance_uid}: the outline was drawn on the phase before contrast: {evidence}: "
        "copy the outline to the phase after contrast, and send it again",
    )


def _inside(phase: Phase, volume: Volume, roi: RegionOfInterest, limits: Limits) -> float | None:
    """Return the median of a phase of the same slices inside the outline; None where it cannot be read.

    Only the slices of the outline are read.
    """
    normal = normal_of(phase.frames[0].plane)
    frames = sorted(phase.frames, key=lambda frame: float(np.dot(frame.plane.position, normal)))
    slices = np.flatnonzero(roi.tumour.any(axis=(1, 2)))
    part = slice(int(slices[0]), int(slices[-1]) + 1)
    try:
        other = build_volume(replace(phase, frames=tuple(frames[part]), expected_slices=len(frames[part])), limits)
    except RejectedInput:  # what cannot be read says nothing of the outlined phase
        return None
    return float(np.median(other.array[roi.tumour[part]].astype(np.float64)))


def _gain(earlier: float | None, later: float | None) -> float | None:
    """Return by which share the later value is the brighter one; None where they do not tell."""
    return later / earlier - 1 if earlier and later and min(earlier, later) > 0 else None


def _examination(
    phase: Phase, instances: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> tuple[Phase, ...]:
    """Return the phases of its examination in order of time: those of its series, and series of the same technique."""
    series = phase.frames[0].instance.series_uid
    mine = _phases([one for one in instances if one.series_uid == series])
    own = [
        other for other in mine if other.frames[0].contrast == phase.frames[0].contrast and same_slices(phase, other)
    ]
    if phase.references not in [other.references for other in own]:
        own = [phase]
    others = [*_by_series([one for one in instances if one.series_uid != series]), *_alike(phase, other_series, limits)]
    beside = [
        other
        for part in others
        for other in _phases(part)
        if same_slices(phase, other) and same_technique(phase, other)
    ]
    before = sorted((other for other in beside if start(other) < start(own[0])), key=start)
    after = sorted((other for other in beside if start(other) > start(own[-1])), key=start)
    return *before, *own, *after


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
