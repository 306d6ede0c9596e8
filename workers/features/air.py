"""Finds the air around the body, which is excluded from the ring.

Air is dark, forms the darkest peak of the histogram, and reaches the edge of the images; fat that a scanner suppressed
is nearly as dark, but is below the skin. A threshold just above the air peak is applied to the smoothed volume on a
coarse grid. The largest bright component with its holes filled is the body, the rest is air. Near the tumour, the same
threshold then finds the border of that air on the fine grid.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from model_store.signatures.profile import FeatureProfile
from workers.features.dilation import voxels_within
from workers.features.ndimage import brightest_at, components, grown, smoothed, smoothed_line
from workers.features.resampling import Resampled, taken

COARSE_MM = 3.0
DARK_SHARE = 0.15
"""As a share of the 99th percentile: a darkest peak above this is tissue, and the images show no air."""
HISTOGRAM_BINS = 400
PEAK_REACH = 8
"""A peak of the histogram is higher than so many bins on either side."""
MIN_PEAK = 0.1
"""As a share of the highest peak: lower maxima of the histogram are not peaks."""
MIN_STEP = 0.01
"""As a share of the 99th percentile, above air: where a scanner sets air to zero, its peak has no width."""
SMOOTHING_REACH_MM = 2.0
HALO_MM = 10.0
"""How far smoothing of bright skin moves the border outwards on the coarse grid: up to three coarse voxels."""


@dataclass(frozen=True, eq=False)
class Air:
    """Air of a whole volume, on a coarse grid."""

    mask: NDArray[np.bool_]
    """(z, y, x); voxel i is voxel i x step of the volume, minus the start."""
    steps: tuple[int, int, int]
    level: float
    """Grey value of air."""
    threshold: float
    """Grey value of the smoothed volume above which a voxel belongs to the body."""
    dark: NDArray[np.bool_]
    """All voxels up to the threshold, on the same grid: air, and equally dark voxels inside the body."""
    start: tuple[int, int, int] = (0, 0, 0)
    """Voxel of the searched volume at which the measured part begins."""

    def seen_from(self, start: tuple[int, int, int]) -> "Air":
        """Return the same air in an array that begins at voxel ``start``."""
        return replace(self, start=start)


def find_air(
    array: NDArray[np.generic],
    spacing_zyx: tuple[float, float, float],
    profile: FeatureProfile,
    dark: float | None = None,
) -> Air | None:
    """Find the air outside the body (z, y, x); None where the images show none.

    Voxels up to the grey value ``dark`` are air; without it, the threshold is just above the darkest peak.
    """
    steps = tuple(max(1, round(COARSE_MM / spacing)) for spacing in spacing_zyx)
    z, y, x = steps
    coarse = smoothed(array[::z, ::y, ::x].astype(np.float32), 1.0)
    found = _above_the_darkest_peak(coarse, profile) if dark is None else (min(0.0, dark), dark)
    if found is None:
        return None
    level, threshold = found
    bright = coarse > threshold
    numbers = components(bright)
    if numbers.size == 0:
        return None
    body = np.zeros_like(bright)
    body[bright] = numbers == np.argmax(np.bincount(numbers))
    return Air(_outside_of(body), (z, y, x), level, threshold, ~bright)


def _outside_of(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies around a body, without its holes: what faces connect with the edges of the array."""
    edges = ~body
    edges[1:-1, 1:-1, 1:-1] = False
    return grown(edges, within=~body)


def air_margin_voxels(profile: FeatureProfile) -> int:
    """Return the margin around a ring that the resampled image needs, to show air beyond the halo of bright skin."""
    return math.ceil(HALO_MM / profile.spacing_mm)


def air_near(air: Air | None, resampled: Resampled) -> NDArray[np.bool_]:
    """Return the mask of air in the resampled image (z, y, x)."""
    coarse = None if air is None else on_resampled(air.mask, air, resampled)
    if air is None or coarse is None or not coarse.any():
        return np.zeros(resampled.image.shape, dtype=np.bool_)
    sure, smooth = dark_near(coarse, air, resampled)
    part = resampled.image
    return _up_to_the_edge(sure, part, smooth, resampled.source.scaled(air.level), resampled.spacing_mm)


def on_resampled(mask: NDArray[np.bool_], air: Air, resampled: Resampled) -> NDArray[np.bool_]:
    """Map a mask on the coarse grid of the air to the resampled grid, by nearest neighbour."""
    z, y, x = _coarse_indices(air, resampled)
    return taken(mask, z, y, x)


def dark_near(
    coarse: NDArray[np.bool_], air: Air, resampled: Resampled
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return the dark voxels that are connected to a mask of `on_resampled`, and the smoothed image."""
    smooth = smoothed(resampled.image, 1.0 / resampled.spacing_mm)
    dark = smooth <= resampled.source.scaled(air.threshold)
    near = grown(coarse, math.ceil(HALO_MM / resampled.spacing_mm))
    return grown(coarse & dark, within=near & dark), smooth


def skin_below(air: NDArray[np.bool_], profile: FeatureProfile) -> NDArray[np.bool_]:
    """Return the voxels of the resampled grid whose centres are at most ``skin_mm`` below the border of air."""
    if not air.any():
        return np.zeros_like(air)
    # Distances are measured from centres of air voxels; the border is half a voxel closer.
    reach = profile.skin_mm / profile.spacing_mm + 0.5
    return np.asarray(~air & voxels_within(air, reach))


def _up_to_the_edge(
    sure: NDArray[np.bool_], part: NDArray[np.float64], smooth: NDArray[np.float64], level: float, spacing_mm: float
) -> NDArray[np.bool_]:
    """Extend air over the border that smoothing of bright skin hid: up to half of the brightest value nearby.

    Only the voxels that so many steps reach are compared.
    """
    steps = math.ceil(SMOOTHING_REACH_MM / spacing_mm)
    below_half = grown(sure, steps) & ~sure
    voxels = np.flatnonzero(below_half)
    fine = smoothed(part, 0.5 / spacing_mm, below_half).reshape(-1)[voxels]
    below_half.reshape(-1)[voxels] = fine <= (level + brightest_at(smooth, steps, voxels)) / 2
    return grown(sure, steps, below_half)


def _above_the_darkest_peak(coarse: NDArray[np.float32], profile: FeatureProfile) -> tuple[float, float] | None:
    """Return the grey value of air and the threshold above it; None where the darkest peak is tissue."""
    level, spread, brightest = _darkest_peak(coarse)
    if level - min(0.0, float(coarse.min())) > DARK_SHARE * brightest:
        return None
    return level, level + max(profile.air_sigmas * spread, MIN_STEP * brightest)


def _darkest_peak(coarse: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return position and spread of the darkest peak, and the 99th percentile (above the lowest value if negative)."""
    darkest, brightest = float(coarse.min()), float(np.percentile(coarse, 99))
    counts, edges = np.histogram(coarse, bins=HISTOGRAM_BINS, range=(darkest, max(brightest, darkest + 1e-6)))
    smooth = smoothed_line(counts.astype(np.float64), 2.0)
    highest = sliding_window_view(np.pad(smooth, PEAK_REACH, mode="edge"), 2 * PEAK_REACH + 1).max(axis=1)
    at = int(np.flatnonzero((smooth == highest) & (smooth >= MIN_PEAK * smooth.max()))[0])
    level = float(edges[at] + edges[at + 1]) / 2
    # Only the dark half of the peak: the other half contains tissue.
    below = coarse[coarse <= level]
    spread = 1.4826 * float(np.median(level - below)) if below.size else 0.0
    return level, spread, brightest - min(0.0, darkest)


def _coarse_indices(air: Air, resampled: Resampled) -> list[NDArray[np.intp]]:
    indices = []
    for axis, part, step, size, start in zip(
        resampled.source.axes, resampled.ranges, air.steps, air.mask.shape, air.start, strict=True
    ):
        source = axis.from_anchor(*part) + axis.anchor + start
        indices.append(np.clip(np.rint(source / step), 0, size - 1).astype(np.intp))
    return indices
