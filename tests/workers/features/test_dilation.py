"""Voxels within reach of a mask, against a distance map."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from workers.features.dilation import border_of, voxels_within


def random_mask(seed: int) -> NDArray[np.bool_]:
    """Return a mask of random size (z, y, x), some of one voxel's thickness, which may touch the edges."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=rng.integers(1, 25, 3)), rng.uniform(0, 3))
    return np.asarray(smooth > np.quantile(smooth, rng.uniform(0.05, 0.95)))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("reach", [1.0, 1.5, 2.5, 4.0])
def test_the_voxels_are_those_of_a_distance_map(seed: int, reach: float) -> None:
    """Equal for each voxel, whatever the mask."""
    mask = random_mask(seed)
    expected = ndimage.distance_transform_edt(~mask) <= reach if mask.any() else mask
    np.testing.assert_array_equal(voxels_within(mask, reach), expected)
    transposed = np.asfortranarray(mask)
    np.testing.assert_array_equal(voxels_within(transposed, reach), expected)


def test_nothing_is_within_reach_of_nothing_and_everything_of_everything() -> None:
    """An image without air has no skin below it; one of nothing but air is all air."""
    nothing = np.zeros((3, 4, 5), dtype=np.bool_)
    assert not voxels_within(nothing, 2.5).any()
    assert voxels_within(~nothing, 2.5).all()


def test_the_edge_of_the_array_is_no_border() -> None:
    """What lies beyond it is unknown, and taken to be as the voxel at the edge."""
    slab = np.zeros((3, 4, 5), dtype=np.bool_)
    slab[:2] = True
    expected = np.zeros_like(slab)
    expected[1] = True
    np.testing.assert_array_equal(border_of(slab), expected)
