"""The grid of a volume: its place in the patient, and the way between voxel indices and millimetres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels. Vectors are x, y, z; shapes are z, y, x, as arrays are."""

    origin_mm: tuple[float, float, float]
    """Centre of voxel (0, 0, 0) in patient coordinates."""
    spacing_mm: tuple[float, float, float]
    direction: NDArray[np.float64]
    """3 x 3; the columns are the unit vectors along which the x, y and z index grow."""
    shape: tuple[int, int, int]

    def indices_of(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Return the continuous indices (x, y, z) of points in patient coordinates; the last axis has length 3."""
        offsets = np.asarray(points_mm, dtype=np.float64) - self.origin_mm
        return np.asarray(offsets @ np.linalg.inv(self.direction).T / self.spacing_mm)

    def points_of(self, indices: ArrayLike) -> NDArray[np.float64]:
        """Return the points in patient coordinates of continuous indices (x, y, z)."""
        steps = np.asarray(indices, dtype=np.float64) * self.spacing_mm
        return np.asarray(steps @ self.direction.T + self.origin_mm)

    @property
    def spacing_zyx(self) -> tuple[float, float, float]:
        """Spacing in the order of array axes, in mm."""
        x, y, z = self.spacing_mm
        return z, y, x
