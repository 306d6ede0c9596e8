"""The Laplacian of Gaussian of ITK's recursive filter, computed only where it is needed.

Its response decays slowly: for features equal within 1e-6, an image must extend 12 sigma beyond the region, which is 60
mm on each side for a sigma of 5 mm. Filtering such a block to keep only its middle takes a second per case. The filter
is linear and separable, so ITK's response along each axis is measured by filtering unit impulses. Combined with the
interpolation, it gives the filtered voxels of the region directly from the source volume.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from workers.features.interpolation import Axis, AxisOperator, interpolation
from workers.features.resampling import Ranges, Source, contract

MARGIN_SIGMAS = 12.0
"""Beyond this many sigma the response is below 1e-6 of its peak (tests/workers/features/test_extraction.py)."""


def laplacian_of_gaussian(source: Source, ranges: Ranges, sigma_mm: float) -> NDArray[np.float64]:
    """Return the filtered image at ``ranges`` (z, y, x) of the resampled grid, normalised across scales."""
    smooth, curve = [], []
    for axis, (start, stop) in zip(source.axes, ranges, strict=True):
        smoothed, curved = _operators(axis, start, stop, sigma_mm)
        smooth.append(smoothed)
        curve.append(curved)
    values = source.z_scores((smooth[0].columns, smooth[1].columns, smooth[2].columns))
    return _sum_of_curvatures(values, [one.matrix for one in smooth], [one.matrix for one in curve])


def _sum_of_curvatures(
    values: NDArray[np.float64], smooth: list[NDArray[np.float64]], curve: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Add up the second derivatives along each axis, each smoothed along the other two axes.

    The axis that loses most voxels comes first, so that least is left to compute along the others.
    """
    first, second, third = sorted(range(3), key=lambda axis: len(smooth[axis]) / smooth[axis].shape[1])
    smooth_1, curve_1 = (contract(one[first], values, first) for one in (smooth, curve))
    smooth_2 = contract(smooth[second], smooth_1, second)
    curve_2 = contract(curve[second], smooth_1, second) + contract(smooth[second], curve_1, second)
    return contract(curve[third], smooth_2, third) + contract(smooth[third], curve_2, third)


def _operators(axis: Axis, start: int, stop: int, sigma_mm: float) -> tuple[AxisOperator, AxisOperator]:
    margin = int(np.ceil(MARGIN_SIGMAS * sigma_mm / axis.spacing_mm))
    low, high = max(0, start - margin), min(axis.size, stop + margin)
    near = interpolation(axis, low, high)
    sigma_voxels = sigma_mm / axis.spacing_mm
    smooth, curve = (
        near.after(_response(axis.size, sigma_voxels, order, low, high)[start:stop])
        for order in (sitk.RecursiveGaussianImageFilter.ZeroOrder, sitk.RecursiveGaussianImageFilter.SecondOrder)
    )
    return smooth, curve


@lru_cache(maxsize=24)
def _response(size: int, sigma_voxels: float, order: int, low: int, high: int) -> NDArray[np.float64]:
    """Return ITK's filter along an axis as a matrix: its columns are the responses to impulses at ``low`` to ``high``.

    Kept for a case, four sigmas of two orders along three axes: its redrawn outlines are filtered in the same grid.
    """
    recursive: Any = sitk.RecursiveGaussianImageFilter()  # type: ignore[no-untyped-call]
    recursive.SetSigma(sigma_voxels)
    recursive.SetDirection(0)
    recursive.SetOrder(order)
    recursive.SetNormalizeAcrossScale(True)
    lines = sitk.GetImageFromArray(np.eye(size)[low:high])
    response = np.asarray(sitk.GetArrayFromImage(recursive.Execute(lines)).T)
    response.flags.writeable = False
    return response
