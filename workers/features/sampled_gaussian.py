"""IBSI 2's Gaussian along one axis, as a matrix: sampled at voxel centres, cut off, and mirrored at its edges.

Whybra et al., Radiology 310:e231319 (2024); reference manual: arXiv:2006.05470. Its Laplacian of Gaussian is separable,
because the kernel is cut off at the same distance along each axis.
"""

import numpy as np
from numpy.typing import NDArray

from workers.features.interpolation import Axis
from workers.features.recursive_gaussian import Derivative

CUT_OFF_SIGMAS = 4.0
"""As in all of IBSI's reference maps."""


def sampled_gaussian_matrix(
    axis: Axis, rows: tuple[int, int], columns: tuple[int, int], sigma_mm: float, derivative: Derivative
) -> NDArray[np.float64]:
    """Return the weights (row, column) of voxels ``columns`` in the filtered voxels ``rows``, not normalised.

    Both are the first index on the axis and the last index + 1; ``columns`` contain what the kernel reads.
    """
    (start, stop), (low, high) = rows, columns
    kernel = _kernel(sigma_mm / axis.spacing_mm, derivative)
    reach = len(kernel) // 2
    matrix = np.zeros((stop - start, high - low))
    for offset, weight in zip(range(-reach, reach + 1), kernel, strict=True):
        read = np.mod(np.arange(start, stop) + offset, 2 * axis.size)
        mirrored = np.minimum(read, 2 * axis.size - 1 - read)
        np.add.at(matrix, (np.arange(stop - start), mirrored - low), weight)
    return matrix


def _kernel(sigma_voxels: float, derivative: Derivative) -> NDArray[np.float64]:
    reach = int(np.floor(CUT_OFF_SIGMAS * sigma_voxels + 0.5))
    scaled = np.arange(-reach, reach + 1) / sigma_voxels
    gaussian = np.exp(-(scaled**2) / 2) / (np.sqrt(2 * np.pi) * sigma_voxels)
    is_second = derivative is Derivative.SECOND
    return np.asarray(gaussian * (scaled**2 - 1) / sigma_voxels**2 if is_second else gaussian)
