"""The voxels of a mask, against NumPy's."""

import numpy as np
import pytest

from workers.images.voxels import voxels_of


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 1, 9), (4, 3), (0, 2, 2)])
def test_the_voxels_of_a_mask(shape: tuple[int, ...]) -> None:
    """In the order of the array; also of a plane, and of nothing."""
    mask = np.random.default_rng(1).normal(size=shape) > 0.5
    np.testing.assert_array_equal(voxels_of(mask), np.argwhere(mask))
