"""The ring: closed forms of balls, air and other tissue taken out."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from model_store.signatures.profile import HAN2024
from workers.features.air import air_near, find_air
from workers.features.resampling import resample
from workers.features.ring import Cause, geometric_ring, ring_without


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> NDArray[np.bool_]:
    """Voxels whose centre lies in a ball of ``radius`` mm; ``centre`` is off the middle voxel by so much."""
    reach = np.arange(-math.ceil(radius) - 6, math.ceil(radius) + 7)
    z, y, x = np.meshgrid(*(reach - offset for offset in centre), indexing="ij")
    return np.asarray(z**2 + y**2 + x**2 <= radius**2)


def shell_mm3(radius: float, inner: float = 2.0, outer: float = 2.0) -> float:
    """Volume of the shell around the surface of a ball, in mm3."""
    return 4 / 3 * math.pi * ((radius + outer) ** 3 - (radius - inner) ** 3)


@pytest.mark.parametrize("diameter", [20, 40])
@pytest.mark.parametrize("centre", [(0, 0, 0), (0.5, 0.5, 0.5), (0.3, 0.1, 0.4)])
def test_rings_of_balls_match_the_closed_form(diameter: int, centre: tuple[float, float, float]) -> None:
    """4/3 pi ((r + 2)^3 - (r - 2)^3) within 2 %, wherever the centre lies between voxels."""
    ring = geometric_ring(ball(diameter / 2, centre), 2.0, 2.0, 1.0)
    assert ring.sum() == pytest.approx(shell_mm3(diameter / 2), rel=0.02)


def test_rings_of_small_balls_match_the_closed_form_on_average() -> None:
    """10 mm: the voxels of one ball alone are off by up to 5 % of its volume, those of 30 balls are not."""
    centres = np.random.default_rng(1).random((30, 3))
    rings = [geometric_ring(ball(5, tuple(centre)), 2.0, 2.0, 1.0).sum() for centre in centres]
    assert np.mean(rings) == pytest.approx(shell_mm3(5), rel=0.02)


def test_each_half_has_its_own_width() -> None:
    """3 mm inwards and 4 mm outwards, each as wide as its closed form."""
    tumour = ball(15)
    ring = geometric_ring(tumour, 3.0, 4.0, 1.0)
    assert (ring & ~tumour).sum() == pytest.approx(shell_mm3(15, inner=0, outer=4), rel=0.03)
    assert (ring & tumour).sum() == pytest.approx(shell_mm3(15, inner=3, outer=0), rel=0.03)


def test_a_flat_border_has_two_voxels_on_each_side() -> None:
    """The border lies between voxels: 0.5 and 1.5 mm are within 2 mm, 2.5 is not."""
    tumour = np.zeros((20, 20, 20), dtype=bool)
    tumour[:10] = True
    np.testing.assert_array_equal(np.flatnonzero(geometric_ring(tumour, 2.0, 2.0, 1.0)[:, 10, 10]), [8, 9, 10, 11])


def test_whatever_is_within_2_mm_of_the_other_side_is_ring() -> None:
    """Even around a spicule one voxel wide; and no voxel beyond 3 mm is."""
    tumour = ball(8)
    tumour[14, 14, :] = True
    ring = geometric_ring(tumour, 2.0, 2.0, 1.0)
    other_side = np.where(tumour, ndimage.distance_transform_edt(tumour), ndimage.distance_transform_edt(~tumour))
    assert ring[other_side <= 2].all()
    assert not ring[other_side > 3].any()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_steps_that_lead_out_of_the_array_reach_nothing_on_its_other_side(share: float) -> None:
    """A tumour in a corner, smaller than the reach of the ring, and scattered voxels beside it in a larger array."""
    tumour = np.random.default_rng(5).random((5, 6, 4)) < share
    tumour[0, 0, 0] = True
    larger = np.zeros((25, 26, 24), dtype=np.bool_)
    larger[10:15, 10:16, 10:14] = tumour
    ring = geometric_ring(larger, 1.5, 6.0, 1.0)
    far = ndimage.distance_transform_edt(~larger) > 6.0 + math.sqrt(3) / 2
    assert not ring[far].any()
    assert ring[larger].all()  # nothing is deeper than 1.5 voxels
    assert ring.sum() > larger.sum()
    assert geometric_ring(tumour, 1.5, 6.0, 1.0).shape == tumour.shape


def test_only_the_outer_half_loses_air_and_other_tissue() -> None:
    """The inner half of the ring stays, and the remaining share is reported."""
    tumour = ball(10)
    whole = geometric_ring(tumour, 2.0, 2.0, 1.0)
    excluded = np.zeros_like(tumour)
    excluded[:16] = True
    ring = ring_without(whole, tumour, {Cause.AIR: excluded})
    np.testing.assert_array_equal(ring.mask, whole & (tumour | ~excluded))
    assert ring.share == pytest.approx(ring.mask.sum() / whole.sum())


def test_air_outside_the_skin_is_found_and_suppressed_fat_is_not() -> None:
    """A breast of fat barely above the noise, behind a bright skin of 2 mm: the air begins within 1 mm of the skin."""
    rng = np.random.default_rng(4)
    spacing_zyx = (2.0, 1.0, 1.0)
    z, y, x = np.meshgrid(np.arange(40) * 2.0, np.arange(90.0), np.arange(90.0), indexing="ij")
    from_centre = np.sqrt((z - 40) ** 2 + (y - 45) ** 2 + (x - 45) ** 2)
    signal = np.select([from_centre <= 31, from_centre <= 33], [9.0, 90.0], 0.0)
    array = np.hypot(signal + rng.normal(0, 3, signal.shape), rng.normal(0, 3, signal.shape)).astype(np.int16)
    tumour = np.sqrt((z - 40) ** 2 + (y - 45) ** 2 + (x - 70) ** 2) <= 6
    resampled = resample(array, spacing_zyx, tumour, None, HAN2024, margin=14)
    air = air_near(find_air(array, spacing_zyx, HAN2024), resampled)
    centres = [
        np.arange(start, stop) + 0.5 - step / 2
        for (start, stop), step in zip(resampled.ranges, spacing_zyx, strict=True)
    ]
    fine_z, fine_y, fine_x = np.meshgrid(*centres, indexing="ij")
    depth = np.sqrt((fine_z - 40) ** 2 + (fine_y - 45) ** 2 + (fine_x - 45) ** 2) - 33
    assert air[depth > 1.0].mean() > 0.98
    assert not air[depth < -0.5].any()


def test_images_without_air_lose_nothing() -> None:
    """Where everything is tissue, the darkest peak is no air."""
    array = np.random.default_rng(4).normal(400, 60, (30, 40, 40)).astype(np.int16)
    assert find_air(array, (1.0, 1.0, 1.0), HAN2024) is None
