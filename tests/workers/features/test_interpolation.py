"""The weights of interpolation along one axis, against SciPy's."""

import numpy as np
import pytest
from scipy import ndimage

from workers.features.engine import _engine
from workers.features.interpolation import spline_coefficients


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 20, 47, 128, 700])
def test_spline_coefficients_are_scipys(size: int) -> None:
    """Bit for bit; of a single sample, SciPy makes nothing else."""
    expected = ndimage.spline_filter1d(np.eye(size), order=3, axis=0, mode="mirror")
    found = spline_coefficients(size)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous


def test_a_line_of_one_sample_is_refused() -> None:
    """It has no neighbour to mirror at."""
    with pytest.raises(ValueError, match="less than two samples"):
        _engine.to_splines(np.ones((1, 3, 1)))
