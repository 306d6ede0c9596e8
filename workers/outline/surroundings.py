"""The tissue around a tumour that its brightness is put in relation to."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from workers.images.grey_values import brighter_than
from workers.images.voxels import Box

AROUND_MM = 20.0
"""How far the surroundings reach."""
AIR = 0.1
"""As a share of the tumour's median: darker voxels are air."""


def box_around(tumour: Box, shape: tuple[int, ...], spacing_zyx: Sequence[float]) -> Box:
    """Return the box of a tumour with its surroundings, within an array of this shape (z, y, x)."""
    z, y, x = (
        slice(max(part.start - ceil(AROUND_MM / spacing), 0), min(part.stop + ceil(AROUND_MM / spacing), size))
        for part, spacing, size in zip(tumour, spacing_zyx, shape, strict=True)
    )
    return z, y, x


def surroundings_in(array: NDArray[np.generic], tumour: NDArray[np.bool_], tumour_median: float) -> NDArray[np.bool_]:
    """Return the voxels of a box that are neither tumour nor air."""
    return ~tumour & brighter_than(array, AIR * tumour_median)
