"""Families of pictures: those of a series that can make up volumes together.

A series may hold more than the slices of its phases: a projection, a scout, the same slices in another contrast. They
differ in contrast, in orientation, matrix or pixel spacing, or lie off the steps that the other slices keep. Pictures
are set apart for their geometry only where the others make up a regular stack without them: a slice that differs
belongs to its stack, which is then refused for it, and not measured with a slice lost.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.images.frames import Frame
from workers.images.slices import normal_of, same_plane, slice_numbers, steps_between

FEWEST_SLICES = 4
"""From here on it can be told what step the slices of a stack keep."""
OFF_STEP = 0.1
"""Of the distance between slices: how far from its step a slice of a regular stack may lie."""
MOST_STRAYS = 3
"""More pictures off the steps are no projection or scout: the stack itself is irregular."""


def families(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Split the frames of one series into families, in the order of their first frames."""
    contrasts: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        contrasts[frame.contrast].append(frame)
    return [part for members in contrasts.values() for plane in _by_plane(members) for part in _by_step(plane)]


def _by_plane(frames: list[Frame]) -> list[list[Frame]]:
    groups: list[list[Frame]] = []
    for frame in frames:
        near = [group for group in groups if same_plane(frame.plane, group[0].plane)]
        if near:
            near[0].append(frame)
        else:
            groups.append([frame])
    stack = _by_step(max(groups, key=len))[0]  # one of several projections may be parallel to the slices
    return groups if len(groups) > 1 and _is_regular(_places(stack)) else [frames]


def _by_step(frames: list[Frame]) -> list[list[Frame]]:
    """Split off pictures whose absence makes the stack regular."""
    places = _places(frames)
    if len(places) <= FEWEST_SLICES or _is_regular(places):
        return [frames]
    step = float(np.median(np.diff(places)))
    steps = (places[None] - places[[0, len(places) // 2, -1], None]) / step  # the origin itself may be a stray
    strays = np.abs(steps - np.rint(steps)) > OFF_STEP
    stray = strays[int(np.argmin(strays.sum(axis=1)))]
    of_place = slice_numbers(frames)
    alone = [frame for frame, at in zip(frames, of_place.tolist(), strict=True) if stray[at]]
    if not alone or len(alone) > MOST_STRAYS or not _is_regular(places[~stray]):
        return [frames]
    return [[frame for frame, at in zip(frames, of_place.tolist(), strict=True) if not stray[at]], alone]


def _places(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Return where each slice lies along the normal, in the order of `slice_numbers`."""
    of_place = slice_numbers(frames)
    along = np.array([frame.plane.position for frame in frames]) @ normal_of(frames[0].plane)
    sums = np.bincount(of_place, weights=along)
    return np.asarray(sums / np.bincount(of_place))


def _is_regular(places: NDArray[np.float64]) -> bool:
    if len(places) < FEWEST_SLICES:
        return False
    steps, keeps_steps = steps_between(places)
    gaps = np.diff(places)
    return (keeps_steps and bool(steps.max() == 1)) or bool(
        np.abs(gaps - np.median(gaps)).max() <= OFF_STEP * abs(float(np.median(gaps)))
    )
