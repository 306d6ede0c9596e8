"""Finds large vessels near a tumour: tubes in the enhancement, brighter than the tumour and longer than its structures.

The enhancement is the difference of the phases after and before contrast: fat and glandular tissue disappear, vessels
stay. Tubes are found by the Hessian of the smoothed enhancement at several scales (Frangi et al., MICCAI 1998, in the
form of Antiga, Insight Journal 2007, as in ITK).
"""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.profile import Exclusion, FeatureProfile
from workers.features.dilation import voxels_within
from workers.features.interpolation import interpolation
from workers.features.ndimage import brightest_of, components, grown, longest_distance, smoothed
from workers.features.resampling import Intensities, Resampled, Source
from workers.images.voxels import voxels_of

SCALES_MM = (0.8, 1.2, 1.8, 2.7)
"""Standard deviations of the smoothing, for diameters of about 2 to 8 mm."""
MARGIN_MM = 20.0
"""Margin around the outline: more than the minimum length of a vessel."""
TUBULARITY = 0.4
"""A straight tube reaches at most 0.86; a ball has 0.12, a sheet 0."""
CONTRAST = 0.1
"""As a share of the tumour's median enhancement: smaller second derivatives are noise."""
WALL_MM = 3.0
"""Largest distance of a vessel's wall from its centre line; the wall is at half the brightness."""


def find_vessels(
    after: NDArray[np.generic], before: NDArray[np.generic], resampled: Resampled, profile: FeatureProfile
) -> NDArray[np.bool_] | None:
    """Return the large vessels on the resampled grid (z, y, x), outside the tumour; None where it does not enhance.

    ``after`` and ``before`` are the phases on the source grid that was resampled. A vessel enhances more than the
    tumour's median, is at least ``vessel_length_mm`` long, and is mostly beyond the ring.
    """
    axes = resampled.source.axes
    source = Source(np.subtract(after, before, dtype=np.float32), axes, Intensities(0.0, 1.0), 1.0)
    enhancement = source.apply([interpolation(axis, *part) for axis, part in zip(axes, resampled.ranges, strict=True)])
    median = float(np.median(enhancement[resampled.tumour]))
    if median <= 0:
        return None
    enhancement /= median
    return _vessels(enhancement, resampled.tumour, profile)


def vessel_margin_voxels(profile: FeatureProfile) -> int:
    """Return the margin around a tumour that the resampled image needs, in voxels."""
    return math.ceil(MARGIN_MM / profile.spacing_mm) if Exclusion.VESSELS in profile.exclusions else 0


def _vessels(enhancement: NDArray[np.float64], tumour: NDArray[np.bool_], profile: FeatureProfile) -> NDArray[np.bool_]:
    """Find vessels in the enhancement relative to the tumour's median."""
    bright = voxels_of((enhancement >= 1) & ~tumour)
    is_middle = tubularity(enhancement, bright, profile.spacing_mm) >= TUBULARITY
    places = np.ravel_multi_index(tuple(bright[is_middle].T), tumour.shape)
    middle = np.zeros_like(tumour)
    middle.reshape(-1)[places] = True
    if not middle.any():
        return middle
    half = brightest_of(enhancement, places, math.ceil(WALL_MM / profile.spacing_mm))
    half /= 2
    tubes = grown(middle, within=(half > 0) & (enhancement >= half) & ~tumour, diagonally=True)
    voxels, numbers = voxels_of(tubes), components(tubes, diagonally=True)
    # Measured from centres of tumour voxels; the border is half a voxel closer.
    reach = profile.ring_outer_mm / profile.spacing_mm + 0.5
    is_beyond_ring = ~voxels_within(tumour, reach)[tubes]
    for own in np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers)[:-1])):
        if is_beyond_ring[own].mean() <= 0.5 or _length(voxels[own]) * profile.spacing_mm < profile.vessel_length_mm:
            tubes[tuple(voxels[own].T)] = False
    return tubes


def tubularity(image: NDArray[np.float64], voxels: NDArray[np.intp], spacing_mm: float) -> NDArray[np.float64]:
    """Return the tubularity of the bright structure at each position, 0 to 0.86, the maximum over all scales.

    ``voxels`` are indices (n, 3) in the image (z, y, x; isotropic). The result equals ITK's
    ObjectnessMeasureImageFilter (alpha and beta 0.5, gamma `CONTRAST`), which would take most of a second for the whole
    image.
    """
    found, single = np.zeros(len(voxels)), image.astype(np.float32)
    needed = _with_neighbours(voxels, image.shape)
    for scale_mm in SCALES_MM:
        sigma = scale_mm / spacing_mm
        smooth = smoothed(single, sigma, needed)
        curvatures = np.linalg.eigvalsh(_hessian(smooth, voxels, np.float32(sigma**2)))
        order = np.argsort(np.abs(curvatures), axis=1)
        along, across, most = np.take_along_axis(curvatures, order, axis=1).T
        is_tube = (across < 0) & (most < 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            no_sheet = 1 - np.exp(-2 * (across / most) ** 2)
            no_ball = np.exp(-2 * along**2 / (across * most))
        no_noise = 1 - np.exp(-(along**2 + across**2 + most**2) / (2 * CONTRAST**2))
        found = np.maximum(found, np.where(is_tube, no_sheet * no_ball * no_noise, 0))
    return found


def _with_neighbours(voxels: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the mask (z, y, x) of the voxels and their 26 neighbours."""
    mask = np.zeros(shape, dtype=np.bool_)
    for step in itertools.product((-1, 0, 1), repeat=3):
        mask[tuple(_clipped(voxels + step, shape))] = True
    return mask


def _clipped(voxels: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return indices (n, axes) as one row for each axis, those beyond an edge moved to it."""
    return np.clip(voxels, 0, np.subtract(shape, 1)).T


def _hessian(image: NDArray[np.float32], voxels: NDArray[np.intp], factor: np.float32) -> NDArray[np.float64]:
    """Return the second derivatives (n, 3, 3) of ``factor`` times an image, by central differences in voxels."""
    unit = np.eye(3, dtype=np.intp)

    def at(*steps: NDArray[np.intp]) -> NDArray[np.float64]:
        values = image[tuple(_clipped(voxels + sum(steps), image.shape))] * factor
        return np.asarray(values, dtype=np.float64)

    hessian = np.empty((len(voxels), 3, 3))
    for i, one in enumerate(unit):
        hessian[:, i, i] = at(one) - 2 * at() + at(-one)
        for j, other in enumerate(unit[:i]):
            mixed = (at(one, other) - at(one, -other) - at(-one, other) + at(-one, -other)) / 4
            hessian[:, i, j] = hessian[:, j, i] = mixed
    return hessian


def _length(voxels: NDArray[np.intp]) -> float:
    """Return the largest distance from end to end of two voxels, in voxels."""
    places = voxels - voxels.min(axis=0)
    mask = np.zeros(places.max(axis=0) + 1, dtype=np.bool_)
    mask[tuple(places.T)] = True
    return longest_distance(mask) + 1
