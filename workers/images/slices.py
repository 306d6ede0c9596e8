"""Which frames lie in the same slice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.images.frames import Frame, Plane

SAME_SLICE_MM = 0.05
"""Frames whose distance along the normal is below this lie in the same slice."""
SAME_DIRECTION = 1e-3
"""Direction cosines that differ by less are the same."""


def normal_of(plane: Plane) -> NDArray[np.float64]:
    """Return the unit normal of a plane: row direction x column direction."""
    normal = np.cross(plane.row_direction, plane.column_direction)
    return np.asarray(normal / np.linalg.norm(normal))


def slice_numbers(frames: Sequence[Frame]) -> NDArray[np.intp]:
    """Number the slices that the frames lie in: equal numbers, same orientation and same place along the normal."""
    numbers = np.zeros(len(frames), dtype=np.intp)
    taken = 0
    for members in _by_orientation(frames):
        normal = normal_of(frames[members[0]].plane)
        places = np.array([frames[at].plane.position for at in members]) @ normal
        order = np.argsort(places, kind="stable")
        steps = np.diff(places[order]) > SAME_SLICE_MM
        numbers[np.array(members)[order]] = taken + np.concatenate([[0], np.cumsum(steps)])
        taken += 1 + int(steps.sum())
    return numbers


def _by_orientation(frames: Sequence[Frame]) -> list[list[int]]:
    groups: list[tuple[NDArray[np.float64], list[int]]] = []
    known: dict[tuple[object, object], list[int]] = {}
    for at, frame in enumerate(frames):
        exact = (frame.plane.row_direction, frame.plane.column_direction)
        if exact not in known:
            axes = np.array(exact)
            near = [members for other, members in groups if np.abs(other - axes).max() < SAME_DIRECTION]
            known[exact] = near[0] if near else []
            if not near:
                groups.append((axes, known[exact]))
        known[exact].append(at)
    return [members for _, members in groups]
