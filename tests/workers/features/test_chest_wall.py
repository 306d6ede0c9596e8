"""The chest wall in front of a lung: found where a lung is in the images, and nowhere else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_store.signatures.profile import NEAR_TISSUE
from workers.features.measurement import MeasuredVolume, measure_volume
from workers.features.ring import Cause
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame, Volume
from workers.outline.region_of_interest import RegionOfInterest

SHAPE = (60, 70, 120)
Z, Y, X = np.indices(SHAPE).astype(float)
RADIUS_MM = 8.0
BACK_ALONG_X = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Sagittal: columns run to the back, rows to the head, slices to the left."""
BACK_ALONG_MINUS_X = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def measured(
    lung_from_mm: float, tumour_at_mm: float, direction: NDArray[np.float64], lung: float = 3.0
) -> MeasuredVolume:
    """Measure a ball in tissue between air (before 20 mm) and lung, a half space that ends 4 mm before the edges."""
    rng = np.random.default_rng(2)
    tumour = np.sqrt((Z - 30) ** 2 + (Y - 35) ** 2 + (X - tumour_at_mm) ** 2) <= RADIUS_MM
    is_lung = (lung_from_mm <= X) & (Z >= 4) & (Z < 56) & (Y >= 4) & (Y < 66)
    signal = np.select([X < 20, is_lung, tumour], [0.0, lung, 400.0], 100.0)
    array = np.hypot(signal + 4 * rng.normal(size=SHAPE), 4 * rng.normal(size=SHAPE))
    array = np.rint(array * (1 + 0.1 * rng.normal(size=SHAPE))).clip(0).astype(np.uint16)
    frames = tuple(SourceFrame(f"2.25.{number}", None) for number in range(1, SHAPE[0] + 1))
    phase = PhaseIdentity(1, 1, PhaseEvidence.SINGLE)
    volume = Volume(array, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), direction, frames, (), "2.25.9", phase)
    return measure_volume(volume, RegionOfInterest(tumour, None), NEAR_TISSUE)


def test_the_ring_ends_10_mm_before_the_lung() -> None:
    """A tumour whose border lies 10 mm before the lung loses the cap of its ring behind it: closed form of a cap.

    Of the outer sphere of 10 mm radius, the cap beyond the plane that touches the tumour has the volume
    pi h^2 (3 r - h) / 3 with h = 2 mm.
    """
    found = measured(lung_from_mm=78, tumour_at_mm=60, direction=BACK_ALONG_X)
    cap = np.pi * 2**2 * (3 * 10 - 2) / 3
    whole = 4 / 3 * np.pi * (10**3 - 6**3)
    assert found.ring.left_out[Cause.CHEST_WALL] == pytest.approx(cap / whole, abs=0.03)
    assert not found.ring_on_volume[:, :, 70:].any()


@pytest.mark.parametrize(
    ("lung_from_mm", "direction", "lung"),
    [(90, BACK_ALONG_X, 3.0), (78, BACK_ALONG_MINUS_X, 3.0), (78, BACK_ALONG_X, 18.0)],
    ids=["far away", "in front of the tumour", "brighter than air"],
)
def test_what_is_no_lung_behind_the_tumour_takes_nothing(
    lung_from_mm: float, direction: NDArray[np.float64], lung: float
) -> None:
    """A lung 20 mm away; air in front of the patient; fat that the coil hardly sees."""
    found = measured(lung_from_mm, 60, direction, lung)
    assert found.ring.left_out[Cause.CHEST_WALL] == 0
