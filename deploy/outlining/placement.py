"""The position of a mask on the grid of the images: flipped, rotated, cropped or padded, but never resampled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.outlining.mask import LabelledRegion, Mask
from workers.images.volume import Grid
from workers.outline.region_of_interest import off_grid_limits


@dataclass(frozen=True, eq=False)
class Placement:
    """How a voxel of the mask becomes a voxel of the images: both indices are x, y, z."""

    first: NDArray[np.intp]
    """Index in the images of the mask's first voxel."""
    steps: NDArray[np.intp]
    """3 x 3; row i is the step in the images for one step along index i of the mask: 0, 1 or -1."""

    def draw(self, region: LabelledRegion, grid: Grid) -> tuple[NDArray[np.bool_], int]:
        """Return the region on the grid (z, y, x), and how many of its voxels lie outside of it."""
        indices = np.argwhere(region.voxels)[:, ::-1] @ self.steps + self.first
        inside = ((indices >= 0) & (indices < np.array(grid.shape[::-1]))).all(axis=1)
        drawn = np.zeros(grid.shape, dtype=np.bool_)
        x, y, z = indices[inside].T
        drawn[z, y, x] = True
        return drawn, int(np.count_nonzero(~inside))


def placement_on(mask: Mask, grid: Grid) -> Placement | None:
    """Return the placement of the mask on the grid; None where its voxels are not voxels of the images.

    The corners of the mask may lie as far from voxel centres as those of a received SEG (`off_grid_limits`).
    """
    size = np.array(mask.shape[::-1])
    last = np.maximum(size - 1, 1)
    corners = np.vstack([np.zeros(3), np.diag(last)])
    exact = grid.indices_of(mask.points_of(corners))
    whole = np.rint(exact)
    if (np.abs(exact - whole) > off_grid_limits(grid)).any():
        return None
    steps = (whole[1:] - whole[0]) / last[:, None]
    if not _is_signed_permutation(steps):
        return None
    return Placement(whole[0].astype(np.intp), steps.astype(np.intp))


def differences(mask: Mask, grid: Grid) -> str:
    """Return a description of how the grid of the mask differs from that of the images."""
    found = []
    ours, theirs = mask.shape[::-1], grid.shape[::-1]
    if sorted(ours) != sorted(theirs):
        found.append(f"{_by(ours)} voxels, the images {_by(theirs)}")
    if not np.allclose(sorted(mask.spacing_mm), sorted(grid.spacing_mm), rtol=1e-3):
        found.append(f"voxels of {_by(mask.spacing_mm)} mm, those of the images {_by(grid.spacing_mm)} mm")
    turned = np.linalg.inv(grid.direction) @ mask.direction
    off_axis = np.degrees(np.arccos(np.clip(np.abs(turned).max(axis=0).min(), 0, 1)))
    if off_axis > 0.1:
        found.append(f"its axes are turned by {off_axis:.1f} degrees")
    if not found:
        exact = grid.indices_of(mask.points_of(np.zeros((1, 3))))[0]
        off = np.abs(exact - np.rint(exact)) * grid.spacing_mm
        found.append(f"its voxel centres lie {off.max():.2f} mm beside those of the images")
    return "; ".join(found)


def _is_signed_permutation(steps: NDArray[np.float64]) -> bool:
    return bool((np.sort(np.abs(steps), axis=1) == [0, 0, 1]).all() and abs(abs(np.linalg.det(steps)) - 1) < 1e-9)


def _by(values: tuple[float, ...] | tuple[int, ...]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
