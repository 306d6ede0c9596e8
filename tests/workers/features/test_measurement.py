"""Measuring a case: from files to regions, notes and reasons."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset
from scipy import ndimage

from model_store.signatures.acceptance import Criterion
from model_store.signatures.profile import HAN2024_WAVELET2D
from workers.acceptance import Acceptance
from workers.errors import Reason, RejectedInput
from workers.features.extraction import feature_names
from workers.features.measurement import Measurement, measure
from workers.features.regions import Region
from workers.notes import Severity
from workers.stages import Stage, StageSeconds

PROFILE = HAN2024_WAVELET2D
SHAPE = (30, 60, 64)
SPACING = (1.0, 1.0, 1.5)
WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]


def code(value: str) -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "meaning"
    return item


TUMOUR, SKIN = code("4147007"), code("39937001")


def ball(radius_mm: float, x_mm: float = 30.0) -> NDArray[np.bool_]:
    """A ball on the grid of this module."""
    z, y, x = np.indices(SHAPE)
    squared = ((z - 15) * 1.5) ** 2 + (y - 30.0) ** 2 + (x - x_mm) ** 2
    return np.asarray(squared <= radius_mm**2)


@pytest.fixture(scope="module")
def array() -> NDArray[np.int16]:
    """Tissue with texture from x = 12 mm on, and air before."""
    rng = np.random.default_rng(2)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0)
    signal = 400 + 150 * texture / texture.std()
    signal[:, :, :12] = 0
    noisy = np.hypot(signal + rng.normal(0, 4, SHAPE), rng.normal(0, 4, SHAPE))
    return noisy.astype(np.int16)


def paths_of(images: list[FileDataset]) -> list[Path]:
    """Where the images lie."""
    return [Path(image.filename) for image in images]


def texts(found: Measurement) -> list[str]:
    """Return the notes of a measurement."""
    return [note.text for note in found.notes]


def reason_of(images: list[FileDataset], seg: Path, **changes: float) -> Reason:
    """Return why a case is not measured."""
    with pytest.raises(RejectedInput) as refused:
        measure(paths_of(images), seg, replace(PROFILE, **changes))  # type: ignore[arg-type]
    return refused.value.reason


def test_a_case_is_measured(write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16]) -> None:
    """Both regions with all features, the outline unchanged, the ring around it, every stage timed."""
    images = write_series(array, spacing=SPACING)
    tumour = ball(9)
    seconds = StageSeconds()
    found = measure(paths_of(images), write_seg(images, [(TUMOUR, tumour)]), PROFILE, seconds)
    np.testing.assert_array_equal(found.tumour, tumour)
    assert [region.region for region in found.regions] == list(Region)
    assert all(tuple(region.features) == feature_names(PROFILE) for region in found.regions)
    assert found.regions[0].volume_ml == pytest.approx(tumour.sum() * 1.5 / 1000, rel=0.03)
    assert found.ring.sum() * 1.5 / 1000 == pytest.approx(found.regions[1].volume_ml, rel=0.05)
    assert found.tumour_segment.SegmentNumber == 1
    assert len(found.volume.frames) == SHAPE[0]
    assert list(seconds.seconds) == list(Stage)[:7]


def test_the_order_of_files_changes_nothing(
    write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16]
) -> None:
    """Shuffled, and with instances given twice: every number is the same, bit for bit."""
    images = write_series(array, spacing=SPACING)
    seg = write_seg(images, [(TUMOUR, ball(8))])
    paths = paths_of(images)
    shuffled = [*paths, *paths[3:9]]
    random.Random(5).shuffle(shuffled)
    first, second = (measure(order, seg, PROFILE) for order in (paths, shuffled))
    assert [region.features for region in first.regions] == [region.features for region in second.regions]


def test_air_is_left_out_of_the_ring_and_noted(
    write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16]
) -> None:
    """A tumour at the skin loses the part of its ring that lies in air; the report says how much."""
    images = write_series(array, spacing=SPACING)
    found = measure(paths_of(images), write_seg(images, [(TUMOUR, ball(9, x_mm=20.5))]), PROFILE)
    assert not found.ring[:, :, :11].any()
    assert any("of the ring was left out:" in note and "in air" in note for note in texts(found))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [0, -1])
def test_what_lies_outside_the_images_is_missing_from_the_ring(
    write_series: WriteSeries, write_seg: WriteSeg, axis: int, side: int
) -> None:
    """Half a ball of 10 mm radius at the edge: what would be its ring beyond is counted as missing, and said.

    Beyond lie 2 mm of a flat disc and the rounded rim around it (a quarter disc, turned: Pappus).
    """
    shape = (40, 40, 40)
    rng = np.random.default_rng(8)
    array = (400 + 100 * ndimage.gaussian_filter(rng.normal(size=shape), 1.0)).astype(np.int16)
    centre = [20.0, 20.0, 20.0]
    centre[axis] = -0.5 if side == 0 else 39.5
    tumour = np.asarray(sum((np.indices(shape)[at] - centre[at]) ** 2 for at in range(3)) <= 10.0**2)
    images = write_series(array)
    seg = write_seg(images, [(TUMOUR, tumour)])
    found = measure(paths_of(images), seg, PROFILE)
    assert any("The outline touches the edge of the images" in note for note in texts(found))
    (note,) = (note for note in texts(found) if "outside the images" in note)
    beyond = math.pi * 10**2 * 2 + 2 * math.pi * (10 + 8 / (3 * math.pi)) * math.pi
    whole = 2 / 3 * math.pi * (12**3 - 8**3) + beyond
    assert float(note.split("%")[0]) / 100 == pytest.approx(beyond / whole, abs=0.03)
    share = 1 - beyond / whole
    assert reason_of(images, seg, min_ring_share=share + 0.05) is Reason.RING_TOO_SMALL


def test_a_tumour_away_from_the_edge_has_no_note(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Three voxels are enough for a ring of 2 mm."""
    shape = (24, 40, 40)
    rng = np.random.default_rng(8)
    array = (400 + 100 * ndimage.gaussian_filter(rng.normal(size=shape), 1.0)).astype(np.int16)
    tumour = np.zeros(shape, dtype=bool)
    tumour[3:-3, 3:-3, 3:-3] = True
    images = write_series(array)
    found = measure(paths_of(images), write_seg(images, [(TUMOUR, tumour)]), PROFILE)
    assert not [note for note in texts(found) if "outside" in note or "edge" in note]


def test_other_tissue_is_left_out_of_the_outer_half(
    write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16]
) -> None:
    """A segment coded as skin takes its voxels out of the ring, but not out of the tumour."""
    images = write_series(array, spacing=SPACING)
    tumour, skin = ball(9), np.zeros(SHAPE, dtype=bool)
    skin[:, :24] = True
    found = measure(paths_of(images), write_seg(images, [(TUMOUR, tumour), (SKIN, skin)]), PROFILE)
    # Nearest neighbour brings the ring back to slices of 1.5 mm: away from the border nothing of it may be left.
    assert not (found.ring & skin & ~ndimage.binary_dilation(tumour))[:, :23].any()
    assert (found.ring & skin & tumour).any()
    assert found.regions[0].voxels > 2500


@pytest.mark.parametrize(
    ("radius_mm", "x_mm", "changes", "reason"),
    [
        (1.0, 30, {}, Reason.SINGLE_SLICE),
        (2.5, 30, {}, Reason.TUMOUR_TOO_SMALL),
        (9.0, 30, {"max_tumour_ml": 2.0}, Reason.TUMOUR_TOO_LARGE),
        (9.0, 20, {"min_ring_share": 0.99}, Reason.RING_TOO_SMALL),
    ],
)
def test_what_the_profile_does_not_measure_is_refused(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    array: NDArray[np.int16],
    radius_mm: float,
    x_mm: float,
    changes: dict[str, float],
    reason: Reason,
) -> None:
    """One slice only, too few voxels for texture, more than a tumour has, a ring that lies in air."""
    images = write_series(array, spacing=SPACING)
    seg = write_seg(images, [(TUMOUR, ball(radius_mm, x_mm))])
    assert reason_of(images, seg, **changes) is reason


def test_a_tumour_of_one_grey_value_is_refused(
    write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16]
) -> None:
    """It has no texture, whatever the interpolation puts at its border; nor has a region within a single bin."""
    flat = np.where(ball(8), 700, array).astype(np.int16)
    images = write_series(flat, spacing=SPACING)
    seg = write_seg(images, [(TUMOUR, ball(8))])
    assert reason_of(images, seg) is Reason.INVALID_PIXELS
    textured = write_series(np.where(ball(8), array + 1000, array).astype(np.int16), spacing=SPACING, name="b")
    seg = write_seg(textured, [(TUMOUR, ball(7))])
    assert reason_of(textured, seg, bin_width=1e6) is Reason.INVALID_PIXELS


@pytest.mark.parametrize(("bin_width", "word"), [(12.0, "many"), (50.0, "few")])
def test_grey_levels_outside_the_recommended_range_are_noted(
    write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16], bin_width: float, word: str
) -> None:
    """The note states the value that was found and the one that the profile recommends."""
    images = write_series(array, spacing=SPACING)
    seg = write_seg(images, [(TUMOUR, ball(6))])
    found = measure(paths_of(images), seg, replace(PROFILE, bin_width=bin_width, max_grey_levels=30))
    levels = found.regions[0].grey_levels
    assert f"The tumour has {levels} grey levels, {word} for texture features: 16 to 30 are recommended." in texts(
        found
    )


def test_too_few_grey_levels_are_refused_unless_the_site_has_them_noted(
    write_series: WriteSeries, write_seg: WriteSeg, array: NDArray[np.int16]
) -> None:
    """Three grey levels are too few for texture; at a site that still scores such a case, results carry a warning."""
    images = write_series(array, spacing=SPACING)
    seg = write_seg(images, [(TUMOUR, ball(6))])
    coarse = replace(PROFILE, bin_width=200.0)
    with pytest.raises(RejectedInput, match="3 grey levels, and 8") as refused:
        measure(paths_of(images), seg, coarse)
    assert refused.value.reason is Reason.TOO_FEW_GREY_LEVELS
    noted = Acceptance(noted=frozenset({Criterion.GREY_LEVELS}))
    found = measure(paths_of(images), seg, coarse, acceptance=noted)
    assert any("3 grey levels" in note.text for note in found.notes if note.severity is Severity.WARNING)


@pytest.fixture(scope="module")
def br06_measurement(br06: Path) -> Measurement:
    """Measure the real case once."""
    return measure(sorted((br06 / "dce").iterdir()), br06 / "tumour_seg" / "seg.dcm", PROFILE)


def test_a_real_case_is_measured_on_the_phase_it_was_outlined_on(br06_measurement: Measurement) -> None:
    """br06: 36,143 voxels and 35.737 mL on phase 2 of 3; about 40 grey levels; no feature is missing."""
    found = br06_measurement
    assert (found.volume.phase.index, found.volume.phase.count) == (2, 3)
    assert found.tumour.sum() == 36_143
    assert found.tumour.sum() * np.prod(found.volume.spacing_mm) / 1000 == pytest.approx(35.737, abs=5e-4)
    assert found.regions[0].volume_ml == pytest.approx(35.737, rel=0.01)
    assert all(30 <= region.grey_levels <= 50 for region in found.regions)
    assert all(not region.missing for region in found.regions)
    assert not found.notes


def test_the_ring_of_a_real_case_surrounds_its_tumour(br06_measurement: Measurement) -> None:
    """On the source grid: half a voxel and more inside the tumour's core nothing is ring, nor 4 mm outside."""
    found = br06_measurement
    z, y, x = found.volume.spacing_mm[::-1]
    outside = ndimage.distance_transform_edt(~found.tumour, sampling=(z, y, x))
    inside = ndimage.distance_transform_edt(found.tumour, sampling=(z, y, x))
    assert not found.ring[outside > 4].any()
    assert not found.ring[inside > 4].any()
    assert found.ring[(outside > 0) & (outside <= 1)].mean() > 0.95
