"""One axis of the resampled grid, and interpolation along it as a small matrix.

The resampled grid is parallel to the source grid, so that interpolation and filters are applied axis by axis. Each is
linear, and therefore a matrix of a few hundred rows and columns that holds the weights of its toolkit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.features.engine import _engine

SUPPORT_VOXELS = 16
"""Number of source voxels on each side that a spline value depends on. The weights fall by a factor of 0.268 per voxel,
so that omitted voxels weigh less than 1e-8."""


@dataclass(frozen=True)
class Axis:
    """One axis of the resampled grid. Index 0 is the first voxel whose centre lies in the volume.

    Positions are counted from the anchor, not from the volume's edge, so that the same voxels in another field of view
    give bitwise equal numbers.
    """

    source_size: int
    source_spacing_mm: float
    spacing_mm: float
    anchor: int = 0
    """Source voxel at whose outer edge a resampled voxel begins."""

    @property
    def size(self) -> int:
        """Number of voxel centres of the resampled grid inside the volume."""
        return max(1, self._lead + self._centres_in(self.source_size - self.anchor))

    @property
    def _lead(self) -> int:
        """Number of voxel centres before the anchor."""
        return self._centres_in(self.anchor)

    def _centres_in(self, source_voxels: int) -> int:
        return int(np.floor(source_voxels * self.source_spacing_mm / self.spacing_mm + 0.5 + 1e-9))

    def from_anchor(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the continuous source index of resampled voxels ``start`` to ``stop`` - 1, relative to the anchor."""
        positions_mm = (np.arange(start, stop) - self._lead + 0.5) * self.spacing_mm
        exact = positions_mm / self.source_spacing_mm - 0.5
        return np.clip(exact, -0.5 - self.anchor, self.source_size - 0.5 - self.anchor)

    def nearest_source(self, start: int, stop: int) -> NDArray[np.intp]:
        """Return the source voxels that contain the centres of resampled voxels (as in ITK, half rounds up)."""
        nearest = np.floor(self.from_anchor(start, stop) + 0.5) + self.anchor
        return np.asarray(np.clip(nearest, 0, self.source_size - 1), dtype=np.intp)

    def nearest_resampled(self) -> NDArray[np.intp]:
        """Return the resampled voxel that contains the centre of each source voxel."""
        exact = (np.arange(self.source_size) - self.anchor + 0.5) * self.source_spacing_mm / self.spacing_mm - 0.5
        return np.asarray(np.clip(np.floor(exact + 0.5) + self._lead, 0, self.size - 1), dtype=np.intp)

    def resampled_range(self, first: int, last: int, margin: int) -> tuple[int, int]:
        """Return the resampled voxels that cover source voxels ``first`` to ``last``, plus ``margin`` on each side."""
        ratio = self.source_spacing_mm / self.spacing_mm
        start = int(np.floor((first - self.anchor) * ratio - 0.5)) + self._lead - margin
        stop = int(np.ceil((last + 1 - self.anchor) * ratio + 0.5)) + self._lead + margin
        return max(0, start), min(self.size, stop)


@dataclass(frozen=True, eq=False)
class AxisOperator:
    """A linear operator along one axis."""

    columns: slice
    """Source voxels that it reads."""
    matrix: NDArray[np.float64]
    """One row for each result voxel, one column for each source voxel."""

    def after(self, matrix: NDArray[np.float64]) -> "AxisOperator":
        """Return the operator that multiplies the result of this one by ``matrix``."""
        return AxisOperator(self.columns, matrix @ self.matrix)


def interpolation(axis: Axis, start: int, stop: int) -> AxisOperator:
    """Return the interpolation of the resampled voxels ``start`` to ``stop`` - 1.

    The weights are those of ITK's B-spline of order 3: spline coefficients with mirrored ends, then the basis function.
    """
    exact = axis.from_anchor(start, stop)
    low = max(0, int(np.floor(exact[0])) + axis.anchor - SUPPORT_VOXELS)
    high = min(axis.source_size, int(np.floor(exact[-1])) + axis.anchor + SUPPORT_VOXELS + 2)
    size = high - low
    basis = np.zeros((stop - start, size))
    for tap in range(-1, 3):
        node = np.floor(exact).astype(np.intp) + tap
        mirrored = _mirror(node + axis.anchor, axis.source_size) - low
        np.add.at(basis, (np.arange(stop - start), mirrored), _cubic_basis(exact - node))
    return AxisOperator(slice(low, high), basis @ spline_coefficients(size))


def spline_coefficients(size: int) -> NDArray[np.float64]:
    """Return the matrix that makes the samples of a line the coefficients of a cubic spline with mirrored ends.

    It equals what `scipy.ndimage.spline_filter1d` makes of a unit matrix along its first axis, bit for bit.
    """
    units = np.eye(size)
    if size > 1:
        _engine.to_splines(units[np.newaxis])
    return np.ascontiguousarray(units.T)


def _mirror(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    if size == 1:
        return np.zeros_like(index)
    period = 2 * (size - 1)
    folded = np.mod(index, period)
    return np.asarray(np.minimum(folded, period - folded))


def _cubic_basis(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near, far = np.abs(distance), 2 - np.abs(distance)
    return np.where(near < 1, 2 / 3 - near**2 + near**3 / 2, np.where(near < 2, far**3 / 6, 0.0))
