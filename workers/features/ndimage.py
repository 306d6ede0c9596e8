"""Filters of whole arrays (z, y, x) in the compiled module of the feature engine: SciPy's, value for value.

SciPy takes three to ten times as long for each.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.features.engine import _engine

Value = TypeVar("Value", np.float32, np.float64)
TRUNCATED_AT = 4.0
"""In standard deviations, as in SciPy: weights of the Gaussian beyond are omitted."""


def smoothed(image: NDArray[Value], sigma: float, wanted: NDArray[np.bool_] | None = None) -> NDArray[Value]:
    """Return an image smoothed with a Gaussian of ``sigma`` voxels; beyond its edges it continues with their values.

    It equals `scipy.ndimage.gaussian_filter` with mode ``nearest``, bit for bit. With a mask ``wanted``, the voxels
    outside of it mean nothing.
    """
    found = np.array(image, order="C")
    _engine.smooth(found, _weights(sigma), None if wanted is None else np.ascontiguousarray(wanted).view(np.uint8))
    return found


def smoothed_line(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return a line smoothed likewise: it equals `scipy.ndimage.gaussian_filter1d` with mode ``nearest``."""
    middle, *beside = _weights(sigma)
    count, reach = len(values), len(beside)
    padded = np.pad(values, reach, mode="edge")
    found = values * middle
    for step in range(reach, 0, -1):
        found += (padded[reach - step :][:count] + padded[reach + step :][:count]) * beside[step - 1]
    return found


def _weights(sigma: float) -> list[float]:
    """Return the weights from the middle to one end, as SciPy computes them."""
    reach = int(TRUNCATED_AT * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-reach, reach + 1) ** 2)
    half: list[float] = (weights / weights.sum())[reach:].tolist()
    return half


def brightest_at(image: NDArray[np.float64], reach: int, voxels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the largest value of a cube that extends ``reach`` voxels from each voxel, as far as it is in the image.

    ``voxels`` are places in the flat array. It equals `scipy.ndimage.maximum_filter` there.
    """
    found = np.empty(len(voxels))
    _engine.brightest_at(np.ascontiguousarray(image), reach, voxels, found)
    return found


def brightest_of(image: NDArray[np.float64], voxels: NDArray[np.intp], reach: int) -> NDArray[np.float64]:
    """Return an array that holds the largest value of those ``voxels`` of which each voxel lies in the cube; else 0.

    The cube extends ``reach`` voxels from its middle; ``voxels`` are places in the flat array of positive values.
    """
    found = np.zeros(image.shape)
    _engine.raise_near(found, np.ascontiguousarray(image), voxels, reach)
    return found


def grown(
    mask: NDArray[np.bool_], steps: int = -1, within: NDArray[np.bool_] | None = None, *, diagonally: bool = False
) -> NDArray[np.bool_]:
    """Return a mask that has grown by ``steps`` voxels (without a limit where negative) into voxels of ``within``.

    A step is to the six neighbours that share a face, or to all 26. It equals `scipy.ndimage.binary_dilation`.
    """
    found = np.array(mask, dtype=np.uint8, order="C")
    allowed = None if within is None else np.ascontiguousarray(within).view(np.uint8)
    _engine.grow(found, allowed, steps, diagonally)
    return found.view(np.bool_)


def components(mask: NDArray[np.bool_], *, diagonally: bool = False) -> NDArray[np.int32]:
    """Return the number of its connected component, from 0, for each voxel of a mask, in their order.

    Neighbours share a face, or are any of 26. Numbers are one less than those of `scipy.ndimage.label`.
    """
    numbers = np.empty(np.count_nonzero(mask), dtype=np.int32)
    _engine.number_components(np.ascontiguousarray(mask).view(np.uint8), diagonally, numbers)
    return numbers


def distances_within(
    mask: NDArray[np.bool_], reach: float, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> NDArray[np.float64]:
    """Return the distances to the nearest voxel of a mask that are at most ``reach``, and larger ones elsewhere.

    It equals `scipy.ndimage.distance_transform_edt` of the other voxels, as far as ``reach``.
    """
    squares = np.empty(mask.shape)
    _engine.squared_distances(np.ascontiguousarray(mask).view(np.uint8), squares, spacing, reach)
    return np.sqrt(squares, out=squares)


def longest_distance(mask: NDArray[np.bool_]) -> float:
    """Return the largest distance between the centres of two voxels of a mask, in voxels; 0 without voxels."""
    return _engine.longest(np.ascontiguousarray(mask).view(np.uint8))


def transformed(
    values: NDArray[np.float64], matrix: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the values at ``matrix`` times each voxel's index plus ``offset``, linearly interpolated.

    It is `scipy.ndimage.affine_transform` of order 1 with mode ``nearest``, but for the rounding of positions.
    """
    moved = np.empty(values.shape)
    _engine.transform(np.ascontiguousarray(values), matrix.ravel().tolist(), offset.tolist(), moved)
    return moved


def lower(
    values: NDArray[np.float64],
    voxels: NDArray[np.intp],
    depths: NDArray[np.float64],
    steps: Sequence[int],
    reaches: Sequence[float],
) -> None:
    """Lower contiguous ``values`` to a reach minus a voxel's depth at each step from each voxel, where they are above.

    ``voxels`` and ``steps`` are places and distances in the flat array; each step has its reach.
    """
    _engine.lower(values.reshape(-1), voxels, depths, steps, reaches)
