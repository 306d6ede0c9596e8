"""An axial series of all phases with both breasts in its field of view."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset

from deploy.simulation.phantom import PhantomSpec, simulate
from model_store.signatures.profile import NEAR_TISSUE
from workers.features.measurement import Measurement, measure

WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]
SPACING_MM = 1.4
BETWEEN_MM = 31.0
"""Between the breasts."""
WITHIN = 0.01
"""Relative, of every feature, as for other changes of the field of view (`test_field_of_view`)."""


def axial(sagittal: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return slices towards the head, rows towards the back, columns towards the left."""
    return np.ascontiguousarray(sagittal.transpose(1, 2, 0)[::-1, :, ::-1])


def beside(right: NDArray[np.generic], left: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return both breasts, with dark tissue between them."""
    columns = round(BETWEEN_MM / SPACING_MM)
    between = np.full((*right.shape[:2], columns), np.quantile(right, 0.2, method="nearest"), right.dtype)
    return np.concatenate([right, between, left], axis=2)


def measured(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    phases: list[NDArray[np.generic]],
    tumour: NDArray[np.bool_],
    left_mm: float,
) -> Measurement:
    """Write the phases as one series, whose first column lies ``left_mm`` to the left, and measure the second."""
    neoplasm = Dataset()
    neoplasm.CodeValue, neoplasm.CodingSchemeDesignator, neoplasm.CodeMeaning = "108369006", "SCT", "Neoplasm"
    images = [
        write_series(
            phase,
            name=f"{phase.shape[2]}at{left_mm}phase{number}_",
            spacing=(SPACING_MM,) * 3,
            origin=(left_mm, 0.0, 0.0),
            extra=lambda z, number=number: {"AcquisitionTime": f"10{2 * number:02d}00"},
        )
        for number, phase in enumerate(phases)
    ]
    seg = write_seg(images[1], [(neoplasm, tumour)])
    return measure([Path(image.filename) for phase in images for image in phase], seg, NEAR_TISSUE)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_second_breast_in_the_images_changes_no_feature(
    write_series: WriteSeries, write_seg: WriteSeg, side: str
) -> None:
    """The other breast is the mirror image, tumour included: it is in no mask, and every feature stays within 1 %."""
    spec = PhantomSpec(1, slices=70, rows=100, columns=100, spacing_mm=(SPACING_MM,) * 3, tumour_diameter_mm=20.0)
    phantom = simulate(spec)
    one = [axial(phase) for phase in phantom.phases]
    tumour = axial(phantom.tumour)
    if side == "left":
        one, tumour = [phase[:, :, ::-1] for phase in one], tumour[:, :, ::-1]
    other, nothing = [phase[:, :, ::-1] for phase in one], np.zeros_like(tumour)
    pairs = zip(one, other, strict=True) if side == "right" else zip(other, one, strict=True)
    both = [beside(right, left) for right, left in pairs]
    outlined = beside(tumour, nothing) if side == "right" else beside(nothing, tumour)
    first_column_mm = 0.0 if side == "right" else SPACING_MM * (both[0].shape[2] - one[0].shape[2])
    alone = measured(write_series, write_seg, one, tumour, first_column_mm)
    found = measured(write_series, write_seg, both, outlined, 0.0)
    for expected, region in zip(alone.regions, found.regions, strict=True):
        assert region.voxels == expected.voxels
        assert region.features == pytest.approx(expected.features, rel=WITHIN)
    assert len(found.regions) == 2
