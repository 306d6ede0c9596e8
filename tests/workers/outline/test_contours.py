"""Contours as pixels: areas and volumes with a closed form, holes, and contours that were traced along a mask."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.outline.contours import filled

CENTRE = np.array([31.37, 29.81])
"""Between pixel centres: no symmetry flatters the result."""


def circle(radius: float, centre: NDArray[np.float64] = CENTRE, points: int = 720) -> NDArray[np.float64]:
    """Return a circle as a contour (column, row)."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])


@pytest.mark.parametrize("radius", [5.0, 12.5, 24.0])
def test_a_circle_has_its_area(radius: float) -> None:
    """Gauss: the pixels of a circle of radius r are pi r^2 of them, but for a share of its border."""
    area = int(filled([circle(radius)], 64, 64).sum())
    assert abs(area - np.pi * radius**2) < 2 * np.sqrt(2 * np.pi * radius)


def test_a_stack_of_circles_has_the_volume_of_the_ball() -> None:
    """4/3 pi r^3 within one in a hundred."""
    radius, depths = 20.0, np.arange(-30, 31) + 0.21
    area = sum(int(filled([circle(np.sqrt(radius**2 - z**2))], 64, 64).sum()) for z in depths if abs(z) < radius)
    assert area == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)


def test_a_contour_in_a_contour_is_a_hole_and_one_in_that_an_island() -> None:
    """The even-odd rule, in whatever order the contours come, and for a keyhole that joins two of them in one line."""
    ring = np.pi * (20.0**2 - 10.0**2)
    contours = [circle(20.0), circle(10.0), circle(4.0)]
    assert int(filled(contours[:2], 64, 64).sum()) == pytest.approx(ring, rel=0.02)
    whole = filled(contours, 64, 64)
    assert int(whole.sum()) == pytest.approx(ring + np.pi * 16, rel=0.02)
    np.testing.assert_array_equal(whole, filled(contours[::-1], 64, 64))
    outer, inner = circle(20.0), circle(10.0)
    keyhole = np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]])
    assert int(filled([keyhole], 64, 64).sum()) == pytest.approx(ring, rel=0.02)


def traced(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the contour of a row-convex mask through the centres of its border pixels, as tracing writers give it."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = [(int(np.flatnonzero(mask[row])[0]), int(row)) for row in rows]
    right = [(int(np.flatnonzero(mask[row])[-1]), int(row)) for row in rows[::-1]]
    return np.array([*left, *right], dtype=float)


@pytest.mark.parametrize("rounding", [0.0, 0.01])
def test_a_traced_mask_comes_back_whole(rounding: float) -> None:
    """Pixels on the contour belong to the region: without them a tumour would lose its border."""
    mask = filled([circle(14.3)], 64, 64)
    rng = np.random.default_rng(3)
    contour = traced(mask)
    drawn = filled([contour + rounding * rng.uniform(-1, 1, contour.shape)], 64, 64)
    assert np.count_nonzero(drawn & ~mask) == 0
    assert np.count_nonzero(mask & ~drawn) == 0


def test_a_pixel_and_a_line_of_pixels_come_back() -> None:
    """Writers that trace a mask give one point for a single pixel, two for a line of them; rt-utils does."""
    pixel, line = np.array([[12.0, 7.0]]), np.array([[3.0, 5.0], [6.0, 5.0]])
    assert np.argwhere(filled([pixel], 20, 20)).tolist() == [[7, 12]]
    assert np.argwhere(filled([line], 20, 20)).tolist() == [[5, 3], [5, 4], [5, 5], [5, 6]]


def test_what_lies_beside_the_picture_is_cut_off() -> None:
    """A contour that leaves the picture fills what is in it."""
    drawn = filled([circle(10.0, np.array([0.0, 31.3]))], 64, 64)
    assert int(drawn.sum()) == pytest.approx(np.pi * 100 / 2 + 10, rel=0.05)
    assert drawn[:, 11:].sum() == 0
