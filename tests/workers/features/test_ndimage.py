"""The compiled filters, against SciPy's."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import pdist

from workers.features.dilation import border_of
from workers.features.engine import _engine
from workers.features.ndimage import (
    brightest_at,
    brightest_of,
    components,
    distances_within,
    grown,
    longest_distance,
    lower,
    smoothed,
    smoothed_line,
    transformed,
)

SHAPES = [(21, 17, 30), (1, 5, 7), (3, 1, 40), (9, 8, 1), (2, 3, 2100)]
"""Also one voxel thick, shorter than a filter, and longer than what is held at a time."""


def noise(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.float64]:
    """Return random values."""
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_smoothing_is_scipys_bit_for_bit(shape: tuple[int, int, int], kind: type) -> None:
    """Last digits decide on which side of a threshold a voxel lies."""
    image = noise(shape).astype(kind)
    before = image.copy()
    for sigma in (0.5, 0.7, 1.0, 2.7):
        found = smoothed(image, sigma)
        assert found.dtype == kind
        np.testing.assert_array_equal(found, ndimage.gaussian_filter(image, sigma, mode="nearest"))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_voxels_that_are_wanted_are_smoothed(shape: tuple[int, int, int], share: float, kind: type) -> None:
    """To the same bits, wherever they lie."""
    image, wanted = noise(shape).astype(kind), np.random.default_rng(7).uniform(size=shape) < share
    for sigma in (0.5, 1.0, 2.7):
        np.testing.assert_array_equal(smoothed(image, sigma, wanted)[wanted], smoothed(image, sigma)[wanted])


def test_a_mask_of_another_shape_is_refused() -> None:
    """Instead of being read beyond its end."""
    with pytest.raises(ValueError, match="differ in shape"):
        smoothed(noise((3, 4, 5)), 1.0, np.ones((3, 4, 4), dtype=np.bool_))


@pytest.mark.parametrize("count", [1, 2, 17, 400])
def test_a_smoothed_line_is_scipys(count: int) -> None:
    """Bit for bit, so that the same bin of a histogram is its peak."""
    line = np.round(np.abs(noise((1, 1, count))[0, 0]) * 50)
    for sigma in (0.5, 2.0):
        expected = ndimage.gaussian_filter1d(line, sigma, mode="nearest")
        np.testing.assert_array_equal(smoothed_line(line, sigma), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_brightest_value_nearby(shape: tuple[int, int, int]) -> None:
    """Whether SciPy continues the image with its edges or with its mirror image."""
    image, voxels = noise(shape), np.flatnonzero(noise(shape, 1) > 1)
    for reach in (0, 1, 2, 6, 50):
        for mode in ("nearest", "reflect"):
            expected = ndimage.maximum_filter(image, 2 * reach + 1, mode=mode).ravel()[voxels]
            np.testing.assert_array_equal(brightest_at(image, reach, voxels), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_brightest_of_some_voxels_nearby(shape: tuple[int, int, int]) -> None:
    """The others count as 0."""
    image, some = np.abs(noise(shape)), noise(shape, 1) > 2
    for reach in (0, 1, 3, 6):
        expected = ndimage.maximum_filter(np.where(some, image, 0), 2 * reach + 1, mode="nearest")
        np.testing.assert_array_equal(brightest_of(image, np.flatnonzero(some), reach), expected)


@pytest.mark.parametrize("voxel", [-1, 60])
def test_a_voxel_out_of_the_array_is_refused(voxel: int) -> None:
    """Instead of being read."""
    image, voxels = noise((3, 4, 5)), np.array([voxel])
    with pytest.raises(ValueError, match="out of the array"):
        brightest_at(image, 1, voxels)
    with pytest.raises(ValueError, match="out of the array"):
        brightest_of(image, voxels, 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_grows_as_scipys(shape: tuple[int, int, int]) -> None:
    """By some steps or without a limit, into all voxels or some, by faces or diagonally, seeded outside of them too."""
    mask, within = noise(shape) > 2, noise(shape, 1) > 0
    for steps in (1, 2, 10):
        np.testing.assert_array_equal(grown(mask, steps), ndimage.binary_dilation(mask, iterations=steps))
        expected = ndimage.binary_dilation(mask, iterations=steps, mask=within)
        np.testing.assert_array_equal(grown(mask, steps, within), expected)
    np.testing.assert_array_equal(grown(mask, within=within), ndimage.binary_propagation(mask, mask=within))
    expected = ndimage.binary_propagation(mask, np.ones((3, 3, 3)), mask=within)
    np.testing.assert_array_equal(grown(mask, within=within, diagonally=True), expected)


@pytest.mark.parametrize("diagonally", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_components_are_scipys(shape: tuple[int, int, int], share: float, diagonally: bool) -> None:
    """Numbered in the order of their first voxels, whether they meet late or at once."""
    for seed in range(3):
        mask = np.random.default_rng(seed).uniform(size=shape) < share
        labels, _ = ndimage.label(mask, np.ones((3, 3, 3)) if diagonally else None)
        np.testing.assert_array_equal(components(mask, diagonally=diagonally), labels[mask] - 1)


def test_numbers_for_other_voxels_are_refused() -> None:
    """Instead of being written beyond their end."""
    with pytest.raises(ValueError, match="differ in number"):
        _engine.number_components(np.ones((2, 3, 4), dtype=np.uint8), False, np.empty(23, dtype=np.int32))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.3, 0.7, 0.71)])
@pytest.mark.parametrize("shape", SHAPES)
def test_distances_are_scipys(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    """Up to the reach; beyond it they are larger than it."""
    mask = noise(shape) > 2
    mask[0, 0, 0] = True
    expected = ndimage.distance_transform_edt(~mask, sampling=spacing)
    for reach in (2.0, 9.5):
        found, near = distances_within(mask, reach, spacing), expected <= reach
        np.testing.assert_array_equal(found[near], expected[near])
        assert (found[~near] > reach).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_border_is_what_erosion_removes(shape: tuple[int, int, int]) -> None:
    """Faces at the edges of the array do not count."""
    mask = ndimage.gaussian_filter(noise(shape), 1.5) > 0
    np.testing.assert_array_equal(border_of(mask), mask & ~ndimage.binary_erosion(mask, border_value=1))


@pytest.mark.parametrize("shape", [*SHAPES[:4], (2, 3, 300)])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_the_longest_distance(shape: tuple[int, int, int], share: float) -> None:
    """Of single voxels, lines, planes and blocks, as far as all pairs tell."""
    mask = np.random.default_rng(5).uniform(size=shape) < share
    mask[0, 0, 0] = True
    voxels = np.argwhere(mask)[:2000]
    mask[:] = False
    mask[tuple(voxels.T)] = True
    assert longest_distance(mask) == (pdist(voxels).max() if len(voxels) > 1 else 0)


def test_without_voxels_there_is_no_distance() -> None:
    """Nothing to measure."""
    assert longest_distance(np.zeros((3, 4, 5), dtype=np.bool_)) == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_transformed_image_is_scipys(shape: tuple[int, int, int]) -> None:
    """Turned, stretched and shifted, also out of the array, and not at all; but for the rounding of positions."""
    rng, image = np.random.default_rng(2), noise(shape)
    turns = [(np.eye(3), np.zeros(3))]
    turns += [(np.eye(3) + rng.normal(scale=0.2, size=(3, 3)), rng.normal(scale=3, size=3)) for _ in range(5)]
    for matrix, offset in turns:
        expected = ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")
        np.testing.assert_allclose(transformed(image, matrix, offset), expected, rtol=0, atol=1e-11)


def test_values_are_lowered_around_voxels() -> None:
    """To the least of what voxels give, and only where it is less; never beyond the array."""
    values = np.array([9.0, 1.0, 9.0, 9.0, 9.0])
    lower(values, np.array([2, 3]), np.array([0.0, 0.5]), [-1, 1], [2.0, 3.0])
    assert values.tolist() == [9.0, 1.0, 1.5, 3.0, 2.5]
    with pytest.raises(ValueError, match="out of the array"):
        lower(values, np.array([4]), np.array([0.0]), [1], [1.0])
