"""Smooth random fields, which give simulated tissue a natural texture."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

FloatArray = NDArray[np.float32]
_matrix_libraries = cache(ThreadpoolController)
"""Looked for once: that takes milliseconds, and NumPy has loaded its own."""


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], scale_mm: float
) -> FloatArray:
    """Return a field (z, y, x) of mean 0 and standard deviation 1 that varies over about ``scale_mm``.

    Random coefficients on a coarse grid of that step are interpolated by cubic B-splines: one small matrix product per
    axis, where a Gaussian filter of the same width would read the full volume dozens of times.
    """
    weights = [
        _spline_weights(size, step_mm / scale_mm, offset)
        for size, step_mm, offset in zip(shape, spacing_mm, rng.random(3), strict=True)
    ]
    field = rng.standard_normal([matrix.shape[1] for matrix in weights]).astype(np.float32)
    # Several threads change the rounding of sums; a seed must always give the same field.
    with _matrix_libraries().limit(limits=1):
        for axis, matrix in enumerate(weights):
            field = np.moveaxis(np.tensordot(matrix, field, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(field)


def _spline_weights(size: int, step: float, offset: float) -> FloatArray:
    """Return the weight of each coefficient at each sample, shape ``(size, coefficients)``, each row of norm 1."""
    position = offset + step * np.arange(size)
    first = np.floor(position).astype(int)
    u = position - first
    basis = np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1)
    # Norm 1 gives the same variance between knots as on them.
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    weights = np.zeros((size, int(first[-1]) + 4), dtype=np.float32)
    for shift in range(4):
        weights[np.arange(size), first + shift] = basis[:, shift]
    return weights
