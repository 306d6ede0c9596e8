"""Rasterises closed planar contours: pixels inside or on a contour, without holes."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ON_CONTOUR_PIXELS = 0.02
"""As a share of a pixel: how far a pixel centre may be from a contour and still be on it. Writers that trace a mask
draw through pixel centres, and round to a hundredth of a millimetre."""


def filled(contours: Iterable[NDArray[np.float64]], rows: int, columns: int) -> NDArray[np.bool_]:
    """Return the mask (row, column) of pixels whose centres are inside the contours by the even-odd rule, or on one.

    A contour inside another one is a hole, one inside the hole an island; a keyhole contour that joins both gives the
    same mask. Contours are n x 2 (column, row) in pixels; 0 is the centre of the first pixel.
    """
    inside = np.zeros((rows, columns), dtype=np.bool_)
    on_line = np.zeros_like(inside)
    for contour in contours:
        following = np.roll(contour, -1, axis=0)
        for start, end in zip(contour, following, strict=True):
            _cross(inside, start, end)
            _mark(on_line, start, end)
    return inside | on_line


def _cross(inside: NDArray[np.bool_], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Invert the pixels beyond an edge in each row that it crosses."""
    (x0, y0), (x1, y1) = (start, end) if start[1] <= end[1] else (end, start)
    rows = np.arange(max(0, int(np.ceil(y0))), min(inside.shape[0], int(np.ceil(y1))))
    for row in rows:  # y0 <= row < y1: a vertex counts for one of its two edges
        first = int(np.ceil(x0 + (row - y0) * (x1 - x0) / (y1 - y0)))
        inside[row, max(0, first) :] ^= True


def _mark(on_line: NDArray[np.bool_], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Mark the pixels whose centres are on an edge."""
    length = float(np.abs(end - start).max())
    along = int(np.argmax(np.abs(end - start)))
    low, high = sorted((float(start[along]), float(end[along])))
    steps = np.arange(np.ceil(low - ON_CONTOUR_PIXELS), np.floor(high + ON_CONTOUR_PIXELS) + 1)
    share = (steps - start[along]) / (end[along] - start[along]) if length else np.zeros_like(steps)
    across = start[1 - along] + share * (end[1 - along] - start[1 - along])
    near = np.abs(across - np.rint(across)) <= ON_CONTOUR_PIXELS
    found = np.empty((int(near.sum()), 2), dtype=np.intp)
    found[:, along], found[:, 1 - along] = steps[near], np.rint(across[near])
    rows, columns = on_line.shape
    x, y = found[((found >= 0) & (found < [columns, rows])).all(axis=1)].T
    on_line[y, x] = True
