"""Positions that devices and archives rounded: the same phases, the same grid and the same voxels of the outline."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from model_store.signatures.profile import HAN2024, PhaseRule
from support.contrast_phases import DCE, WriteSeg, WriteSeries, tumour_code
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case
from workers.images.headers import read_image_headers
from workers.images.volume import build_volume
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase
from workers.outline.region_of_interest import region_of_interest

SHAPE = (30, 10, 12)
STEP_MM = 1.04
AXES = np.array([[0.8, 0.36, -0.48], [0.0, 0.8, 0.6], [0.6, -0.48, 0.64]])
MASK = np.zeros(SHAPE, dtype=bool)
MASK[9:22, 3:7, 4:9] = True
MASK[12, 7, 4] = True


def positions(seed: int, digits: int, jitter_mm: float) -> list[list[float]]:
    """Return positions of an oblique stack as a device writes them."""
    exact = np.array([-73.15, 21.75, 40.05]) + np.outer(np.arange(SHAPE[0]) * STEP_MM, AXES[2])
    exact = exact + np.random.default_rng(seed).uniform(-jitter_mm, jitter_mm, exact.shape)
    return exact.round(digits).tolist()


def write_examination(
    write_series: WriteSeries, digits: int, jitter_mm: float, one_series: bool
) -> list[list[FileDataset]]:
    """Write three phases whose positions are rounded each in its own way."""
    array = np.random.default_rng(5).integers(0, 900, SHAPE).astype(np.int16)
    phases = []
    for number in range(3):
        places = positions(number, digits, jitter_mm)
        common = {
            **DCE,
            "ImageOrientationPatient": AXES[:2].ravel().tolist(),
            "SeriesInstanceUID": "1.2.3" if one_series else f"1.2.3.{number}",
            "AcquisitionTime": f"10{number:02d}00",
        }
        extra = [{**common, "ImagePositionPatient": places[z], "InstanceNumber": 100 * number + z} for z in range(30)]
        phases.append(write_series(array + number, name=f"p{number}_", extra=extra.__getitem__))
    return phases


@pytest.mark.parametrize(("digits", "jitter_mm"), [(1, 0.0), (2, 0.0), (4, 0.001), (4, 0.0)])
@pytest.mark.parametrize("one_series", [True, False])
@pytest.mark.parametrize("refer", [True, False])
def test_rounding_moves_no_voxel(
    write_series: WriteSeries, write_seg: WriteSeg, digits: int, jitter_mm: float, one_series: bool, refer: bool
) -> None:
    """The outline is drawn on the phase before last; without references the rule finds the second of three phases."""
    phases = write_examination(write_series, digits, jitter_mm, one_series)
    images = [image for phase in phases for image in phase]
    outline = read_outline(write_seg(phases[1], [(tumour_code(), MASK)], refer=refer))
    instances = read_image_headers(Path(image.filename) for image in images)
    phase = choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
    assert (phase.identity.index, phase.identity.count) == (2, 3)
    volume = build_volume(phase)
    assert volume.spacing_mm == (1.0, 1.0, STEP_MM)
    np.testing.assert_array_equal(region_of_interest(outline, volume).tumour, MASK)


def test_phases_of_one_jittered_study_are_still_compared(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """An outline on the phase before contrast is known as one, though no position of the next phase equals its own."""
    phases = write_examination(write_series, 4, 0.001, one_series=False)
    for image in phases[1]:
        image.PixelData = (np.frombuffer(image.PixelData, np.int16) * 2).tobytes()
        image.save_as(image.filename)
    first, second, third = ([Path(image.filename) for image in phase] for phase in phases)
    seg = write_seg(phases[0], [(tumour_code(), MASK)])
    with pytest.raises(RejectedInput) as refused:
        read_case(first, seg, HAN2024, other_series=[second, third])
    assert refused.value.reason is Reason.BEFORE_CONTRAST
