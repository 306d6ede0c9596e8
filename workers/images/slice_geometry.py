"""Assigns frames to slices, and checks whether slices are equally spaced."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.images.frames import Frame, Plane, Vector

SAME_SLICE_MM = 0.05
"""mm. Frames whose distance along the normal is below this belong to the same slice."""
SAME_DIRECTION = 1e-3
"""Direction cosines that differ by less than this are equal."""
SAME_SPACING = 1e-3
"""As a share of the pixel spacing."""
ROUNDING_MM = 0.12
"""How far a position may lie from its grid, in mm. Devices and archives write positions with one decimal: each
coordinate then has an error of up to 0.05 mm, a position along an oblique normal of up to 0.087 mm, and a grid that is
fitted to a few such positions slightly more."""


def normal_of(plane: Plane) -> NDArray[np.float64]:
    """Return the unit normal of a plane: row direction x column direction."""
    normal = np.cross(plane.row_direction, plane.column_direction)
    return np.asarray(normal / np.linalg.norm(normal))


def same_plane(plane: Plane, other: Plane) -> bool:
    """Return whether two planes agree in matrix, orientation and pixel spacing."""
    spacings = ((plane.row_spacing, other.row_spacing), (plane.column_spacing, other.column_spacing))
    return (
        (plane.rows, plane.columns) == (other.rows, other.columns)
        and _same_direction(plane.row_direction, other.row_direction)
        and _same_direction(plane.column_direction, other.column_direction)
        and all(abs(one - two) <= SAME_SPACING * plane.row_spacing for one, two in spacings)
    )


def _same_direction(direction: Vector, other: Vector) -> bool:
    """Return whether unit vectors are equal apart from rounding; of a series, nearly all are equal."""
    return direction == other or all(abs(one - two) < SAME_DIRECTION for one, two in zip(direction, other, strict=True))


def same_positions(frames: Sequence[Frame], others: Sequence[Frame]) -> bool:
    """Return whether two stacks hold the same slices, apart from rounding."""
    if not frames or len(frames) != len(others):
        return len(frames) == len(others)
    normal = normal_of(frames[0].plane)
    one, two = (np.array([frame.plane.position for frame in stack]) for stack in (frames, others))
    one, two = (positions[np.argsort(positions @ normal, kind="stable")] for positions in (one, two))
    return bool(np.abs(one - two).max() <= ROUNDING_MM)


def steps_between(positions: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """Return the number of steps between positions in ascending order, and whether all positions lie on equal steps.

    A value of 2 means a missing slice. Positions may deviate by up to `ROUNDING_MM` from the best-fitting equal steps.
    """
    gaps = np.diff(positions)
    steps = np.maximum(1.0, np.rint(gaps / np.median(gaps)))
    numbers = np.concatenate([[0.0], np.cumsum(steps)])
    off = positions - np.polynomial.Polynomial.fit(numbers, positions, 1)(numbers)
    return steps, bool(np.abs(off).max() <= ROUNDING_MM)


def slice_numbers(frames: Sequence[Frame]) -> NDArray[np.intp]:
    """Number the slices of the frames: the same number means the same orientation and position along the normal."""
    numbers = np.zeros(len(frames), dtype=np.intp)
    taken = 0
    for members in _by_orientation(frames):
        normal = normal_of(frames[members[0]].plane)
        positions = np.array([frames[at].plane.position for at in members]) @ normal
        order = np.argsort(positions, kind="stable")
        steps = np.diff(positions[order]) > SAME_SLICE_MM
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
