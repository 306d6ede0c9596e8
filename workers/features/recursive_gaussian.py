"""ITK's recursive Gaussian filter along one axis, as a matrix.

ITK continues an image beyond its edges with the outermost voxel. The filter is linear, so its matrix follows from two
unit impulses that ITK filters: one far from any edge, and one in the outermost voxel.
"""

from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from workers.features.interpolation import Axis

MIN_LINE_VOXELS = 4
"""ITK filters no shorter lines."""
FILTERED_AT_A_TIME = 256
"""Reaches of a case are a few hundred voxels: most cases share their responses with others."""


class Derivative(Enum):
    """What the filter computes, by ITK's order."""

    SMOOTHED = sitk.RecursiveGaussianImageFilter.ZeroOrder
    SECOND = sitk.RecursiveGaussianImageFilter.SecondOrder


def gaussian_matrix(
    axis: Axis, rows: tuple[int, int], columns: tuple[int, int], sigma_mm: float, derivative: Derivative
) -> NDArray[np.float64]:
    """Return the weights (row, column) of voxels ``columns`` in the filtered voxels ``rows``, normalised across scales.

    Both are the first index on the axis and the last index + 1; ``columns`` contain ``rows``.
    """
    (start, stop), (low, high) = rows, columns
    inside, at_edge = _impulse_responses(sigma_mm / axis.spacing_mm, derivative, high - low)
    at = np.arange(start, stop)
    matrix = inside[np.abs(at[:, None] - np.arange(low, high))]
    beyond = at_edge - inside
    if low == 0:
        matrix[:, 0] += beyond[at]
    if high == axis.size:
        matrix[:, -1] += beyond[axis.size - 1 - at]
    return np.asarray(matrix)


def _impulse_responses(
    sigma_voxels: float, derivative: Derivative, reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the responses to an impulse inside and at an edge, by distance from it (0 to ``reach`` voxels)."""
    inside, at_edge = _responses(sigma_voxels, derivative, -(-reach // FILTERED_AT_A_TIME) * FILTERED_AT_A_TIME)
    return inside[: reach + 1], at_edge[: reach + 1]


@lru_cache(maxsize=64)
def _responses(
    sigma_voxels: float, derivative: Derivative, reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Filter the impulses; how far a line continues beyond a voxel does not change its response."""
    recursive: Any = sitk.RecursiveGaussianImageFilter()  # type: ignore[no-untyped-call]
    recursive.SetSigma(sigma_voxels)
    recursive.SetDirection(0)
    recursive.SetOrder(derivative.value)
    recursive.SetNormalizeAcrossScale(True)
    lines = np.zeros((2, 2 * reach + MIN_LINE_VOXELS))
    lines[0, reach] = lines[1, 0] = 1
    inside, at_edge = np.asarray(sitk.GetArrayFromImage(recursive.Execute(sitk.GetImageFromArray(lines))), np.float64)
    inside, at_edge = inside[reach : 2 * reach + 1], at_edge[: reach + 1]
    inside.flags.writeable = at_edge.flags.writeable = False  # shared by all cases of a process
    return inside, at_edge
