"""Where the body ends: air around the breast does not belong in the ring.

Air is dark, it is the darkest peak of the histogram, and it reaches the edge of the images; fat that a scanner
suppressed is nearly as dark, but lies behind the skin. So: a threshold just above the air peak of the smoothed volume,
on a coarse grid; the largest bright part with its holes filled is the body; what is left is air. Near the tumour the
same threshold then finds the border of that air on the fine grid.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_store.profile import FeatureProfile
from workers.preprocess import Resampled

COARSE_MM = 3.0
DARK_SHARE = 0.15
"""Of the brightest percentile: a darkest peak above this is tissue, and the images show no air."""
HISTOGRAM_BINS = 400
SMALLEST_PEAK = 0.1
"""Of the highest peak."""


@dataclass(frozen=True, eq=False)
class Air:
    """Air of a whole volume, on a coarse grid."""

    mask: NDArray[np.bool_]
    """z, y, x; voxel i is voxel i x step of the volume."""
    steps: tuple[int, int, int]
    threshold: float
    """Grey value of the volume: what is brighter is body."""


def find_air(
    array: NDArray[np.generic], spacing_zyx: tuple[float, float, float], profile: FeatureProfile
) -> Air | None:
    """Find the air outside the body (z, y, x); None where the images show none."""
    steps = tuple(max(1, round(COARSE_MM / spacing)) for spacing in spacing_zyx)
    z, y, x = steps
    coarse = ndimage.gaussian_filter(array[::z, ::y, ::x].astype(np.float32), 1.0, mode="nearest")
    threshold = _threshold(coarse, profile.air_sigmas)
    if threshold is None:
        return None
    bright = coarse > threshold
    labels, count = ndimage.label(bright)
    if count == 0:
        return None
    body = labels == 1 + int(np.argmax(np.bincount(labels[bright])[1:]))
    return Air(~ndimage.binary_fill_holes(body), (z, y, x), threshold)


def air_near(air: Air | None, resampled: Resampled, box: tuple[slice, slice, slice]) -> NDArray[np.bool_]:
    """Return the air in a part of the resampled image (z, y, x)."""
    part = resampled.image[box]
    if air is None:
        return np.zeros(part.shape, dtype=np.bool_)
    coarse = air.mask[np.ix_(*_coarse_indices(air, resampled, box))]
    smooth = ndimage.gaussian_filter(part, 1.0 / resampled.spacing_mm, mode="nearest")
    dark = smooth <= resampled.source.scaled(air.threshold)
    # Smoothing bright skin moves the coarse border outwards, by less than two coarse voxels.
    reach = math.ceil(2 * COARSE_MM / resampled.spacing_mm)
    near = ndimage.binary_dilation(coarse, iterations=reach)
    return np.asarray(ndimage.binary_propagation(coarse & dark, mask=near & dark))


def _threshold(coarse: NDArray[np.float32], sigmas: float) -> float | None:
    darkest, brightest = float(coarse.min()), float(np.percentile(coarse, 99))
    counts, edges = np.histogram(coarse, bins=HISTOGRAM_BINS, range=(darkest, max(brightest, darkest + 1e-6)))
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), 2.0, mode="nearest")
    highest = ndimage.maximum_filter1d(smooth, 17, mode="nearest")
    peaks = np.flatnonzero((smooth == highest) & (smooth >= SMALLEST_PEAK * smooth.max()))
    at = int(peaks[0])
    mode = float(edges[at] + edges[at + 1]) / 2
    if mode - min(0.0, darkest) > DARK_SHARE * (brightest - min(0.0, darkest)):
        return None
    below = coarse[coarse <= mode]
    # Half of the peak, because tissue lies on the other side of it.
    spread = 1.4826 * float(np.median(mode - below)) if below.size else 0.0
    return mode + max(sigmas * spread, 0.01 * (brightest - darkest))


def _coarse_indices(air: Air, resampled: Resampled, box: tuple[slice, slice, slice]) -> list[NDArray[np.intp]]:
    indices = []
    for axis, (start, _), part, step, size in zip(
        resampled.source.axes, resampled.ranges, box, air.steps, air.mask.shape, strict=True
    ):
        source = axis.source_indices(start + part.start, start + part.stop)
        indices.append(np.clip(np.rint(source / step), 0, size - 1).astype(np.intp))
    return indices
