"""From the source grid to what features are measured on: z-scores on a 1 mm grid, around the tumour only.

The grid is anchored to the whole volume, not to the crop: its first voxel shares its outer corner with the volume's
first voxel (as pyradiomics does), so that a voxel's value never depends on what was cropped.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_store.profile import FeatureProfile

SUPPORT_VOXELS = 16
"""Source voxels on each side that a spline value is taken from. The weights fall by 0.268 per voxel, so that what is
left out weighs less than 1e-8."""

Box = tuple[slice, slice, slice]
"""A part of an array (z, y, x)."""


@dataclass(frozen=True)
class Intensities:
    """Mean and standard deviation of the whole phase volume (n - 1 in the denominator, as ITK and pyradiomics do)."""

    mean: float
    standard_deviation: float


def intensities_of(array: NDArray[np.generic]) -> Intensities:
    """Return mean and standard deviation; integers are summed exactly."""
    count = array.size
    if np.issubdtype(array.dtype, np.integer) and array.dtype.itemsize <= 2:
        total, squares = _exact_sums(array)
        variance = (count * squares - total * total) / (count * (count - 1))
        return Intensities(total / count, float(np.sqrt(variance)))
    return Intensities(float(array.mean()), float(array.std(ddof=1)))


def _exact_sums(array: NDArray[np.generic]) -> tuple[int, int]:
    """Sum values and squares slice by slice in double precision, which is exact below 2**53."""
    total = squares = 0
    buffer = np.empty(array[0].size, dtype=np.float64)
    for plane in array:
        buffer[:] = plane.reshape(-1)
        total += int(buffer.sum())
        squares += int(np.dot(buffer, buffer))
    return total, squares


@dataclass(frozen=True)
class Axis:
    """One axis of the resampled grid. Index 0 is the voxel at the volume's edge."""

    source_size: int
    source_spacing_mm: float
    spacing_mm: float

    @property
    def size(self) -> int:
        """How many voxel centres of the resampled grid lie inside the volume."""
        return max(1, int(np.floor(self.source_size * self.source_spacing_mm / self.spacing_mm + 0.5 + 1e-9)))

    def source_indices(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the continuous source index of the resampled voxels from ``start`` up to before ``stop``."""
        places_mm = (np.arange(start, stop) + 0.5) * self.spacing_mm
        inside = places_mm / self.source_spacing_mm - 0.5
        return np.clip(inside, 0.0 - 0.5, self.source_size - 0.5)

    def resampled_range(self, first: int, last: int, margin: int) -> tuple[int, int]:
        """Return the resampled voxels whose centres lie in source voxels ``first`` to ``last``, and ``margin`` more."""
        ratio = self.source_spacing_mm / self.spacing_mm
        start = int(np.floor(first * ratio - 0.5)) - margin
        stop = int(np.ceil((last + 1) * ratio + 0.5)) + margin
        return max(0, start), min(self.size, stop)

    @cached_property
    def nearest_source(self) -> NDArray[np.intp]:
        """Index of the source voxel that holds each resampled voxel's centre (ITK's rounding: half goes up)."""
        exact = self.source_indices(0, self.size)
        return np.clip(np.floor(exact + 0.5), 0, self.source_size - 1).astype(np.intp)


@dataclass(frozen=True, eq=False)
class Resampled:
    """The surroundings of the tumour on the resampled grid."""

    image: NDArray[np.float64]
    """Scaled z-scores (z, y, x)."""
    tumour: NDArray[np.bool_]
    other_tissue: NDArray[np.bool_] | None
    start: tuple[int, int, int]
    """Index (z, y, x) of the first voxel on the whole resampled grid."""
    axes: tuple[Axis, Axis, Axis]
    """z, y, x."""
    spacing_mm: float
    intensities: Intensities
    scale: float

    def scaled(self, grey_value: float) -> float:
        """Return the scaled z-score of a grey value of the volume."""
        return (grey_value - self.intensities.mean) / self.intensities.standard_deviation * self.scale


def resample(
    array: NDArray[np.generic],
    spacing_zyx: tuple[float, float, float],
    tumour: NDArray[np.bool_],
    other_tissue: NDArray[np.bool_] | None,
    profile: FeatureProfile,
    margin: int,
) -> Resampled:
    """Return scaled z-scores and masks around the tumour, ``margin`` resampled voxels more on each side."""
    axes = _axes(array.shape, spacing_zyx, profile.spacing_mm)
    ranges = [
        axis.resampled_range(first, last, margin) for axis, (first, last) in zip(axes, bounds(tumour), strict=True)
    ]
    intensities = intensities_of(array)
    scale = profile.intensity_scale / intensities.standard_deviation
    image = (_interpolated(array, axes, ranges) - intensities.mean) * scale
    return Resampled(
        image=image,
        tumour=nearest(tumour, axes, ranges),
        other_tissue=None if other_tissue is None else nearest(other_tissue, axes, ranges),
        start=(ranges[0][0], ranges[1][0], ranges[2][0]),
        axes=axes,
        spacing_mm=profile.spacing_mm,
        intensities=intensities,
        scale=profile.intensity_scale,
    )


def bounds(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and last index of a mask along each axis."""
    found = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        found.append((int(hit[0]), int(hit[-1])))
    return found


def box_of(mask: NDArray[np.bool_], margin: int = 0) -> Box:
    """Return the bounding box of a mask, ``margin`` voxels wider on each side as far as the array goes."""
    z, y, x = (
        slice(max(0, first - margin), min(size, last + 1 + margin))
        for (first, last), size in zip(bounds(mask), mask.shape, strict=True)
    )
    return z, y, x


def nearest(mask: NDArray[np.bool_], axes: tuple[Axis, ...], ranges: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Resample a mask by nearest neighbour."""
    return mask[np.ix_(*(axis.nearest_source[start:stop] for axis, (start, stop) in zip(axes, ranges, strict=True)))]


def to_source(mask: NDArray[np.bool_], resampled: Resampled, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Bring a mask on the resampled crop back to the source grid, by nearest neighbour."""
    source = np.zeros(shape, dtype=np.bool_)
    takers, places = [], []
    for axis, start, size in zip(resampled.axes, resampled.start, mask.shape, strict=True):
        exact = (np.arange(axis.source_size) + 0.5) * axis.source_spacing_mm / axis.spacing_mm - 0.5
        index = np.floor(np.clip(exact, -0.5, axis.size - 1) + 0.5).astype(np.intp) - start
        inside = np.flatnonzero((index >= 0) & (index < size))
        takers.append(inside)
        places.append(index[inside])
    source[np.ix_(*takers)] = mask[np.ix_(*places)]
    return source


def _axes(shape: tuple[int, ...], spacing: tuple[float, float, float], target_mm: float) -> tuple[Axis, Axis, Axis]:
    z, y, x = (Axis(size, step, target_mm) for size, step in zip(shape, spacing, strict=True))
    return z, y, x


def _interpolated(
    array: NDArray[np.generic], axes: tuple[Axis, ...], ranges: list[tuple[int, int]]
) -> NDArray[np.float64]:
    """Cubic B-spline interpolation, axis after axis: on an axis-parallel grid it is one small matrix for each."""
    boxes, matrices = [], []
    for axis, (start, stop) in zip(axes, ranges, strict=True):
        box, matrix = spline_matrix(axis, start, stop)
        boxes.append(box)
        matrices.append(matrix)
    values = array[tuple(boxes)].astype(np.float64)
    for position, matrix in enumerate(matrices):
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, position)), 0, position)
    return np.ascontiguousarray(values)


def spline_matrix(axis: Axis, start: int, stop: int) -> tuple[slice, NDArray[np.float64]]:
    """Return which source voxels the resampled ones from ``start`` to before ``stop`` need, and with what weights.

    The weights are those of ITK's B-spline of order 3: spline coefficients with mirrored ends, then the basis function.
    """
    exact = axis.source_indices(start, stop)
    low = max(0, int(np.floor(exact[0])) - SUPPORT_VOXELS)
    high = min(axis.source_size, int(np.floor(exact[-1])) + SUPPORT_VOXELS + 2)
    # The far part of the axis weighs nothing; the spline is computed on what lies near, so that the matrix stays small.
    size = high - low
    coefficients = ndimage.spline_filter1d(np.eye(size), order=3, axis=0, mode="mirror") if size > 1 else np.eye(1)
    basis = np.zeros((stop - start, size))
    for tap in range(-1, 3):
        place = np.floor(exact).astype(np.intp) + tap
        mirrored = _mirror(place, axis.source_size) - low
        np.add.at(basis, (np.arange(stop - start), mirrored), _cubic_basis(exact - place))
    return slice(low, high), basis @ coefficients


def _mirror(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    if size == 1:
        return np.zeros_like(index)
    period = 2 * (size - 1)
    folded = np.mod(index, period)
    return np.asarray(np.minimum(folded, period - folded))


def _cubic_basis(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near, far = np.abs(distance), 2 - np.abs(distance)
    return np.where(near < 1, 2 / 3 - near**2 + near**3 / 2, np.where(near < 2, far**3 / 6, 0.0))
