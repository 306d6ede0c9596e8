"""The peritumoral ring: every voxel near the tumour's border, by default at most 2 mm inside or outside.

The profile sets both distances (`FeatureProfile.ring_inner_mm`, `FeatureProfile.ring_outer_mm`).

The border lies between voxels. A distance map measures from voxel centres, so its raw values are off by half a voxel
and more: 25,358 voxels for the ring of a 40 mm ball, where 4/3 pi (22^3 - 18^3) = 20,173. Therefore, the depth of each
voxel at the border is determined first (from the tumour smoothed with a kernel that keeps curved borders in place), and
distances are measured from there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.profile import FeatureProfile
from workers.features.dilation import border_of, steps_within
from workers.features.ndimage import lower, smoothed

SMOOTHING_VOXELS = 0.7
"""Sigma of the kernel that locates the border: enough to smooth the steps between voxels."""
WIDE_VOXELS = SMOOTHING_VOXELS * math.sqrt(2)
RING_MARGIN_VOXELS = 4
"""Margin around the ring, so that neither distances nor smoothing are affected by the edge of the crop."""
DEEPEST = math.sqrt(3) / 2
"""No voxel at the border is deeper than half its diagonal."""


class Cause(StrEnum):
    """Why a part of the ring is not measured. A voxel counts for the first cause that applies."""

    OUTSIDE = "outside the images"
    SEGMENT = "in other segments or padding"
    AIR = "in air"
    CHEST_WALL = "in the chest wall"
    SKIN = "in skin"
    VESSEL = "in large vessels"


@dataclass(frozen=True, eq=False)
class Ring:
    """The ring without its excluded parts."""

    mask: NDArray[np.bool_]
    left_out: Mapping[Cause, float]
    """Share of the geometric ring that each cause excludes."""

    @property
    def share(self) -> float:
        """The remaining share of the geometric ring."""
        return 1.0 - sum(self.left_out.values())


def ring_reach(profile: FeatureProfile) -> int:
    """Return the margin around a tumour that is needed to compute its ring, in voxels."""
    return math.ceil(profile.ring_outer_mm / profile.spacing_mm) + RING_MARGIN_VOXELS


def geometric_ring(tumour: NDArray[np.bool_], inner_mm: float, outer_mm: float, spacing_mm: float) -> NDArray[np.bool_]:
    """Return the voxels up to ``inner_mm`` inside and ``outer_mm`` outside the border (isotropic grid, z, y, x)."""
    within, beyond = border_of(tumour), border_of(~tumour)
    smooth = _smoothed(tumour, within | beyond)
    outside = _distance_from(within, smooth, 1, outer_mm / spacing_mm)
    inside = _distance_from(beyond, smooth, -1, inner_mm / spacing_mm)
    outer = ~tumour & (outside <= outer_mm / spacing_mm)
    inner = tumour & (inside <= inner_mm / spacing_mm)
    return outer | inner


def voxels_outside(tumour: NDArray[np.bool_], inner_mm: float, outer_mm: float, spacing_mm: float, margin: int) -> int:
    """Return how many voxels of the geometric ring are beyond the edges of the array, within ``margin`` voxels.

    How far a tumour extends beyond an edge that it touches is unknown: it is taken to end at the edge.
    """
    padded = geometric_ring(np.pad(tumour, margin), inner_mm, outer_mm, spacing_mm)
    inside = padded[margin:-margin, margin:-margin, margin:-margin]
    return int(np.count_nonzero(padded)) - int(np.count_nonzero(inside))


def ring_without(
    ring: NDArray[np.bool_],
    tumour: NDArray[np.bool_],
    excluded: Mapping[Cause, NDArray[np.bool_]],
    outside_voxels: int = 0,
) -> Ring:
    """Exclude masks from the outer half of the ring; ``outside_voxels`` of it are missing already."""
    whole = max(1, int(np.count_nonzero(ring)) + outside_voxels)
    left_out = {Cause.OUTSIDE: outside_voxels / whole}
    kept = ring.copy()
    for cause in Cause:
        if cause in excluded:
            gone = kept & excluded[cause] & ~tumour
            left_out[cause] = int(np.count_nonzero(gone)) / whole
            kept &= ~gone
    return Ring(kept, left_out)


def _smoothed(tumour: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the tumour smoothed so that a curved border stays in place, in the voxels of a mask.

    Twice a Gaussian minus one of twice the variance has no second moment.
    """
    mask = tumour.astype(np.float64)
    smooth = 2 * smoothed(mask, SMOOTHING_VOXELS, wanted)
    smooth -= smoothed(mask, WIDE_VOXELS, wanted)
    return np.asarray(smooth)


def _depth(smooth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the depth inside the tumour, in voxels, of voxels at its border: where a flat border is as smooth."""
    return np.asarray(np.interp(smooth, *_flat_border()))


@cache
def _flat_border() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of a smoothed flat border, and the depths that have them."""
    depths = np.linspace(-1.2, 1.2, 2401)
    smooth = [2 * _below(depth / SMOOTHING_VOXELS) - _below(depth / WIDE_VOXELS) for depth in depths]
    return np.array(smooth), depths


def _below(deviations: float) -> float:
    """Return the share of a normal distribution below so many standard deviations."""
    return math.erfc(-deviations / math.sqrt(2)) / 2


def _distance_from(
    border: NDArray[np.bool_], smooth: NDArray[np.float64], sign: int, reach: float
) -> NDArray[np.float64]:
    """Return the distance of voxels to the border of a region, in voxels; infinite beyond ``reach``.

    It is the smallest distance to a voxel of the region, minus the depth of that voxel: its depth in the tumour, times
    ``sign`` where the region is what lies outside of the tumour. The border lies between the two voxels, so the
    distance between their centres is never less than the result. Only voxels at the border can be the nearest:
    ``border`` is the mask of those of the region.
    """
    depth = np.clip(sign * _depth(smooth[border]), 0.0, DEEPEST)
    margin = math.floor(reach + DEEPEST)
    distance = np.full([size + 2 * margin for size in border.shape], np.inf)
    plane, row, _ = (step // distance.itemsize for step in distance.strides)
    steps = steps_within(reach + DEEPEST)
    places = [z * plane + y * row + x for z, y, x in steps]
    lower(distance, np.flatnonzero(np.pad(border, margin)), depth, places, [math.hypot(*step) for step in steps])
    return distance[tuple(slice(margin, margin + size) for size in border.shape)]
