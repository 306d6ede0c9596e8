"""Finds the phases of one dynamic contrast-enhanced examination, for an outline that does not reference images."""

import math
from collections.abc import Sequence

import numpy as np

from workers.errors import RejectedInput
from workers.images.acquisition_times import time_keys
from workers.images.frames import Plane
from workers.images.functional_groups import value_of
from workers.images.phases import Phase, in_order_of_time
from workers.images.slice_geometry import SAME_DIRECTION, normal_of, same_plane, same_positions
from workers.images.technique import derivation, names_a_computation, other_technique
from workers.images.volume import grid_of
from workers.outline.outline import Outline
from workers.outline.region_of_interest import lies_on

TIMING = ("EchoTime", "RepetitionTime")
"""Parameters that stay the same while contrast arrives; without them, separate series cannot be matched."""
TECHNIQUE = (*TIMING, "FlipAngle", "ScanningSequence", "SequenceVariant", "ImageType")
TIMING_TOLERANCE = 0.01
"""As a share: scanners adjust times to the prescan of each series."""
REGISTERED = frozenset({"MOCO"})
"""Values of Image Type that phases after contrast may have in addition: they were registered to the first one."""


def dynamic_examination(phases: Sequence[Phase], outline: Outline) -> tuple[Phase, ...]:
    """Return the numbered phases if those that can hold the outline clearly form one examination; else none.

    Phases on other grids and of other techniques (spin echo, echo planar, diffusion) are excluded. The remaining ones
    must be the phases of one series, or those of several series with the same slices, the same technique and different
    times: a series for each phase, or one before contrast and another with the phases after it.
    """
    left = [phase for phase in phases if not _is_other_technique(phase) and _may_hold(phase, outline)]
    numbers = {(_series(phase), phase.identity.index) for phase in left}
    if len(numbers) < len(left):  # two kinds of images in one series
        return ()
    if len({_series(phase) for phase in left}) == 1 and left[0].identity.count > 1:
        return tuple(left)
    return in_order_of_time(left) if _are_one_examination(left) else ()


def same_slices(phase: Phase, other: Phase) -> bool:
    """Return whether two phases show the same slices."""
    return same_plane(phase.frames[0].plane, other.frames[0].plane) and same_positions(phase.frames, other.frames)


def same_technique(phase: Phase, other: Phase) -> bool:
    """Return whether both phases state the acquisition parameters of `TECHNIQUE`, and they are alike."""
    technique = _technique(phase)
    return _is_known(technique) and _are_alike(technique, _technique(other))


def is_derived(phase: Phase) -> bool:
    """Return whether the images of a phase were computed from others."""
    first = phase.frames[0]
    return bool(derivation(first.instance.dataset, first.number))


def is_computed(phase: Phase) -> bool:
    """Return whether the images of a phase are a subtraction, projection or map by their headers."""
    first = phase.frames[0]
    return names_a_computation(first.instance.dataset, first.number)


def _are_one_examination(phases: Sequence[Phase]) -> bool:
    if len(phases) < 2:
        return False
    first = phases[0]
    technique = _technique(first)
    alike = all(same_slices(first, other) and _are_alike(technique, _technique(other)) for other in phases)
    times = set(time_keys([phase.frames for phase in phases]))
    return alike and _is_known(technique) and len(times) == len(phases)


def _series(phase: Phase) -> str:
    return phase.frames[0].instance.series_uid


def _technique(phase: Phase) -> dict[str, str]:
    first = phase.frames[0]
    found = {keyword: value_of(first.instance.dataset, keyword, first.number) for keyword in TECHNIQUE}
    found["EchoTime"] = found["EchoTime"] or value_of(first.instance.dataset, "EffectiveEchoTime", first.number)
    return found


def _are_alike(technique: dict[str, str], other: dict[str, str]) -> bool:
    return all(
        _same_time(technique[keyword], other[keyword])
        if keyword in TIMING
        else _without_registration(technique[keyword]) == _without_registration(other[keyword])
        for keyword in TECHNIQUE
    )


def _same_time(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=TIMING_TOLERANCE)
    except ValueError:
        return one == other


def _without_registration(values: str) -> list[str]:
    """Return the values without those of a registration, which makes original images derived ones."""
    found = values.split("\\")
    return [value for value in found if value not in REGISTERED and value not in ("ORIGINAL", "DERIVED")]


def _is_known(technique: dict[str, str]) -> bool:
    return all(technique[keyword] for keyword in TIMING)


def _is_other_technique(phase: Phase) -> bool:
    first = phase.frames[0]
    return is_derived(phase) or bool(other_technique(first.instance.dataset, first.number))


def _may_hold(phase: Phase, outline: Outline) -> bool:
    """Return whether the outline is on the phase's grid; True for a damaged phase of the same orientation."""
    if phase.expected_slices < 2:
        return False
    try:
        grid = grid_of(phase)
    except RejectedInput:
        return all(_is_parallel(frame.plane, outline.planes[0]) for frame in phase.frames)
    return all(lies_on(plane, grid) for plane in outline.tumour_planes)


def _is_parallel(plane: Plane, other: Plane) -> bool:
    return bool(abs(abs(np.dot(normal_of(plane), normal_of(other))) - 1) < SAME_DIRECTION)
