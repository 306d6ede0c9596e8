"""The Laplacian of Gaussian of ITK's recursive filter or of IBSI 2, computed only where it is needed.

The response of ITK's decays slowly: for features equal within 1e-6, an image must extend 12 sigma beyond the region,
which is 60 mm on each side for a sigma of 5 mm. Filtering such a block to keep only its middle takes a second per case.
The filter is linear and separable: combined with the interpolation, its matrices give the filtered voxels of the region
directly from the source volume.

What lies beyond the region acts on it through the few numbers that the recursion carries along. The matrices of all
sigmas together therefore have a low rank, and the large block is read once, onto a basis that they share. IBSI's kernel
ends at 4 sigma: its basis are the resampled voxels themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from workers.features.interpolation import Axis, AxisOperator, interpolation
from workers.features.recursive_gaussian import Derivative, gaussian_matrix
from workers.features.resampling import Ranges, Source, by_growth, contract
from workers.features.sampled_gaussian import CUT_OFF_SIGMAS, sampled_gaussian_matrix

MARGIN_SIGMAS = 12.0
"""Beyond this many sigma the response is below 1e-6 of its peak (tests/workers/features/test_extraction.py)."""
STATES_BESIDE = 8
"""What a sigma carries into the region: ITK's recursion has four poles, and runs from both sides."""
SPARE_SUMS = 8
"""More random sums than the rank: what is lost of the matrix falls from 4e-9 to 2e-10 of the filtered values."""
WORTH_REDUCING = 0.9
"""A basis of more than this share of the source voxels of an axis saves nothing."""

Matrices = Sequence[NDArray[np.float64]]
"""One along each axis (z, y, x)."""


class Kernel(Enum):
    """Which Gaussian the images are filtered with."""

    ITK = auto()
    """Recursive, normalised across scales: the response is multiplied by sigma squared, in voxels."""
    IBSI = auto()
    """Sampled, not normalised: the response that IBSI 2 defines."""


def laplacians_of_gaussian(
    source: Source, ranges: Ranges, sigmas_mm: Sequence[float], kernel: Kernel = Kernel.ITK
) -> Iterator[NDArray[np.float64]]:
    """Yield the filtered image of each sigma at ``ranges`` (z, y, x) of the resampled grid.

    The sum of the second derivatives along each axis, each smoothed along the other two axes.
    """
    if not sigmas_mm:
        return
    of_axis = _filters if kernel is Kernel.ITK else _sampled_filters
    filters = [of_axis(axis, part, sigmas_mm) for axis, part in zip(source.axes, ranges, strict=True)]
    z, y, x = (one.basis for one in filters)
    reduced = _reduced(source, (z, y, x))
    for number in range(len(sigmas_mm)):
        smooth, curve = ([one.matrices[number, which] for one in filters] for which in (0, 1))
        yield _sum_of_curvatures(reduced, smooth, curve)


@dataclass(frozen=True, eq=False)
class _Filters:
    """The filters of all sigmas along one axis."""

    basis: AxisOperator
    """From source voxels to coefficients."""
    matrices: NDArray[np.float64]
    """From coefficients to filtered voxels (sigma, smoothing or second derivative, row, column)."""


def _filters(axis: Axis, part: tuple[int, int], sigmas_mm: Sequence[float]) -> _Filters:
    start, stop = part
    seen = _seen(axis, part, int(np.ceil(MARGIN_SIGMAS * max(sigmas_mm) / axis.spacing_mm)))
    near = interpolation(axis, *seen)
    responses = [gaussian_matrix(axis, part, seen, sigma, one) for sigma in sigmas_mm for one in Derivative]
    matrix = np.concatenate(responses) @ near.matrix
    basis = _row_basis(matrix, stop - start + STATES_BESIDE * len(sigmas_mm))
    shape = (len(sigmas_mm), len(Derivative), stop - start, len(basis))
    return _Filters(AxisOperator(near.columns, basis), (matrix @ basis.T).reshape(shape))


def _sampled_filters(axis: Axis, part: tuple[int, int], sigmas_mm: Sequence[float]) -> _Filters:
    start, stop = part
    seen = _seen(axis, part, int(np.ceil(CUT_OFF_SIGMAS * max(sigmas_mm) / axis.spacing_mm)))
    responses = [sampled_gaussian_matrix(axis, part, seen, sigma, one) for sigma in sigmas_mm for one in Derivative]
    shape = (len(sigmas_mm), len(Derivative), stop - start, seen[1] - seen[0])
    return _Filters(interpolation(axis, *seen), np.stack(responses).reshape(shape))


def _seen(axis: Axis, part: tuple[int, int], margin: int) -> tuple[int, int]:
    return max(0, part[0] - margin), min(axis.size, part[1] + margin)


def _row_basis(matrix: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Return orthonormal rows that span those of a matrix of this rank.

    They come from random sums of its rows (Halko, Martinsson and Tropp, SIAM Review 53:217, 2011).
    """
    if rank + SPARE_SUMS > WORTH_REDUCING * matrix.shape[1]:
        return np.eye(matrix.shape[1])
    sums = np.random.default_rng(0).standard_normal((rank + SPARE_SUMS, len(matrix))) @ matrix
    return np.asarray(np.linalg.qr(sums.T).Q.T)


def _reduced(source: Source, bases: tuple[AxisOperator, AxisOperator, AxisOperator]) -> NDArray[np.float64]:
    """Return the coefficients (z, y, x) of the source block, plane by plane: the processor's cache holds a plane."""
    z, y, x = bases
    along_z, along_y, along_x = (None if _is_unit(basis.matrix) else basis.matrix for basis in bases)
    values = np.empty((z.columns.stop - z.columns.start, len(y.matrix), len(x.matrix)))
    for into, plane in zip(values, range(z.columns.start, z.columns.stop), strict=True):
        scores = source.z_scores((slice(plane, plane + 1), y.columns, x.columns))[0]
        if along_x is not None:
            scores = scores @ along_x.T
        into[...] = scores if along_y is None else along_y @ scores
    return values if along_z is None else contract(along_z, values, 0)


def _is_unit(matrix: NDArray[np.float64]) -> bool:
    """Return whether this is the basis of an axis that was not worth reducing."""
    return matrix.shape[0] == matrix.shape[1] and bool((matrix == np.eye(len(matrix))).all())


def _sum_of_curvatures(values: NDArray[np.float64], smooth: Matrices, curve: Matrices) -> NDArray[np.float64]:
    """Add up the second derivatives along each axis.

    The axis that loses most voxels comes first, so that least is left to compute along the others.
    """
    first, second, third = by_growth(smooth)
    smooth_1, curve_1 = (contract(one[first], values, first) for one in (smooth, curve))
    smooth_2 = contract(smooth[second], smooth_1, second)
    curve_2 = contract(curve[second], smooth_1, second) + contract(smooth[second], curve_1, second)
    return contract(curve[third], smooth_2, third) + contract(smooth[third], curve_2, third)
