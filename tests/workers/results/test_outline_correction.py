"""How far a corrected outline differs from the earlier one: boxes with known overlap."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from support.result_cases import SHAPE, ResultCase, make_case
from workers.jobs.result_objects import build_results
from workers.results.outline_correction import correction
from workers.results.result_roles import ResultRole
from workers.results.source_slices import SourceSlice, source_slices

EARLIER = "1.2.3.500"


def box(first: int, last: int) -> NDArray[np.bool_]:
    """Return a tumour of 10 x 10 voxels on the slices from ``first`` to ``last``."""
    mask = np.zeros(SHAPE, bool)
    mask[first : last + 1, 10:20, 10:20] = True
    return mask


def case_of(tumour: NDArray[np.bool_], enhanced: bool = False) -> ResultCase:
    """Return a case with this tumour."""
    case = make_case(enhanced=enhanced, features=["original_firstorder_Mean"])
    return replace(case, measurement=replace(case.measurement, tumour=tumour))


def slices_of(case: ResultCase) -> tuple[SourceSlice, ...]:
    """Return the slices of a case."""
    return source_slices(case.measurement.volume.frames, case.headers)


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize(
    ("earlier", "later", "dice", "ratio"),
    [
        ((2, 5), (2, 5), 1.0, 1.0),
        ((2, 5), (4, 7), 0.5, 1.0),
        ((2, 3), (2, 7), 0.5, 3.0),
        ((2, 7), (2, 3), 0.5, 1 / 3),
        ((2, 3), (6, 7), 0.0, 1.0),
    ],
)
def test_overlap_and_volume_are_those_of_the_boxes(
    earlier: tuple[int, int], later: tuple[int, int], dice: float, ratio: float, enhanced: bool
) -> None:
    """Dice = 2 |A and B| / (|A| + |B|); the segmentation of the earlier result has only the slices of its tumour."""
    first, second = case_of(box(*earlier), enhanced), case_of(box(*later), enhanced)
    made = build_results(first.result, first.seg_header, first.measurement)[ResultRole.SEGMENTATION]
    found = correction(EARLIER, second.measurement.tumour, slices_of(second), made)
    assert found.outline == EARLIER
    assert found.dice == pytest.approx(dice, abs=1e-6)
    assert found.volume_ratio == pytest.approx(ratio, abs=1e-6)
    assert f"Dice {dice:.2f}" in str(found)


def test_another_grid_is_not_compared() -> None:
    """Moved slices, other spacing, or no segmentation at all: the correction is known, its overlap is not."""
    first = case_of(box(2, 5))
    made = build_results(first.result, first.seg_header, first.measurement)[ResultRole.SEGMENTATION]
    slices = slices_of(first)
    moved = tuple(replace(one, position_mm=(*one.position_mm[:2], one.position_mm[2] + 0.7)) for one in slices)
    coarse = tuple(replace(one, pixel_spacing_mm=(1.0, 1.0)) for one in slices)
    for places, earlier in ((moved, made), (coarse, made), (slices, None)):
        found = correction(EARLIER, first.measurement.tumour, places, earlier)
        assert (found.dice, found.volume_ratio) == (None, None)
        assert "not measured on the same slices" in str(found)
