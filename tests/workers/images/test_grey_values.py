"""Grey values as integers: the same medians and comparisons as in double precision."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from workers.images.grey_values import brighter_than, inside, median

TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64]
values = hnp.arrays(
    st.sampled_from(TYPES),
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements={"allow_nan": False, "allow_infinity": False, "min_value": 0, "max_value": 120},
)


def random(kind: type, seed: int) -> NDArray[Any]:
    """Return values of a whole type, in a part of a larger array."""
    limits = np.iinfo(kind) if np.issubdtype(kind, np.integer) else None
    rng = np.random.default_rng(seed)
    low, high = (-(2**31), 2**31) if limits is None else (limits.min, limits.max)
    size = (7, 6, 1 + seed % 9)
    return rng.integers(low, high, (*size[:2], 2 * size[2])).astype(kind)[:, 1:, ::2]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(12))
def test_a_median_is_numpys(kind: type, seed: int) -> None:
    """Of even and odd numbers of values, over the whole range of a type, and of single values."""
    found = random(kind, seed)
    for some in (found, found % 7, found.ravel()[:1], found.ravel()[:2]):
        assert median(some) == float(np.median(some.astype(np.float64)))


@given(values, st.floats(-130, 130))
def test_values_above_a_limit(found: NDArray[Any], limit: float) -> None:
    """As in double precision, also where the limit is beyond what the type holds."""
    np.testing.assert_array_equal(brighter_than(found, limit), found.astype(np.float64) > limit)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("limit", [-1e6, -0.5, 0.0, 254.999, 255.0, 65535.5, 1e6])
def test_values_above_any_limit(kind: type, limit: float) -> None:
    """Over the whole range of a type."""
    found = random(kind, 3)
    np.testing.assert_array_equal(brighter_than(found, limit), found.astype(np.float64) > limit)


@pytest.mark.parametrize("seed", range(6))
def test_values_in_a_mask(seed: int) -> None:
    """In the order of their voxels, of parts of larger arrays too."""
    found = random(np.int16, seed)
    mask = np.random.default_rng(seed).uniform(size=(*found.shape[:2], 2 * found.shape[2]))[..., ::2] < 0.1 * seed
    np.testing.assert_array_equal(inside(found, mask), found[mask])
