"""Voxels within a short reach of a mask, without a distance map: only voxels at its border can be the nearest."""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from workers.features.engine import _engine


def steps_within(radius: float) -> list[tuple[int, int, int]]:
    """Return all steps (z, y, x) of up to ``radius`` voxels, without the one that stays."""
    reach = range(-math.floor(radius), math.floor(radius) + 1)
    steps = itertools.product(reach, reach, reach)
    return [step for step in steps if 0 < math.hypot(*step) <= radius]


def border_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the voxels of a mask (z, y, x) that have a face in common with one outside of it, within the array."""
    border = np.zeros_like(mask)
    for axis in range(mask.ndim):
        planes, found = np.moveaxis(mask, axis, 0), np.moveaxis(border, axis, 0)
        change = planes[1:] != planes[:-1]
        found[1:] |= change
        found[:-1] |= change
    border &= mask
    return border


def voxels_within(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Return the voxels whose centres are at most ``reach`` voxels from that of a voxel of the mask (z, y, x)."""
    found = np.array(mask, dtype=np.uint8, order="C")
    _engine.spread(found, steps_within(reach))
    return found.view(np.bool_)
