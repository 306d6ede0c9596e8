"""Slices of another phase among those of the measured one: the tumour does not enhance on them."""

import numpy as np
import pytest

from workers.outline.mixed_phases import slices_of_another_phase

SHAPE = (6, 10, 12)
TUMOUR = np.zeros(SHAPE, dtype=bool)
TUMOUR[1:5, 3:7, 4:9] = True
BEFORE = np.random.default_rng(5).integers(200, 300, SHAPE).astype(np.int16)
NOISE = np.random.default_rng(6).integers(-20, 20, SHAPE).astype(np.int16)


def after(*gains: float) -> np.ndarray:
    """Return a phase whose tumour is so many times as bright on each slice as before."""
    factors = np.array(gains)[:, None, None]
    return np.where(TUMOUR, BEFORE * factors, BEFORE).astype(np.int16) + NOISE


@pytest.mark.parametrize(
    ("gains", "mixed"),
    [
        ((1, 2, 2, 2, 2, 1), []),
        ((1, 2, 0.5, 2, 2, 1), [2]),
        ((1, 0.6, 0.6, 2, 1.5, 1), [1, 2]),
        ((1, 2, 1.0, 0.9, 1.4, 1), []),  # a necrotic part does not enhance
        ((1, 0.9, 1.1, 1, 1, 1), []),  # nothing enhances
        ((1, 0.5, 0.5, 0.5, 0.5, 1), []),  # the whole phase is darker: another scale of grey values
    ],
)
def test_slices_that_are_much_darker_than_before_are_found(gains: tuple[float, ...], mixed: list[int]) -> None:
    """Only beside slices on which the tumour enhances; noise and necrosis are no other phase."""
    assert slices_of_another_phase(after(*gains), BEFORE, TUMOUR) == mixed


def test_a_slice_that_is_the_same_in_both_phases_is_found() -> None:
    """Two acquisitions never have the same noise: it is the earlier phase's slice."""
    here = after(1, 2, 2, 2, 2, 1)
    here[3] = BEFORE[3]
    assert slices_of_another_phase(here, BEFORE, TUMOUR) == [3]
    here[3, 5, 6] += 1
    assert slices_of_another_phase(here, BEFORE, TUMOUR) == []


def test_a_few_voxels_decide_nothing() -> None:
    """The median of four voxels may be noise, or fat that motion brought there."""
    few = TUMOUR.copy()
    few[1] = False
    few[1, 3, 4:8] = True
    assert slices_of_another_phase(after(1, 0.5, 2, 2, 2, 1), BEFORE, few) == []
