"""Volumes: stacked by geometry, refused where the geometry does not hold."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from support.written_volumes import ARRAY, WriteSeries, read, reason_of, rewrite
from workers.errors import Reason, RejectedInput
from workers.images.headers import read_image_headers

RNG = np.random.default_rng(7)


def test_slices_come_in_order_of_place(write_series: WriteSeries) -> None:
    """Neither file names nor instance numbers decide, but the position along the normal."""
    volume = read(write_series(ARRAY, spacing=(0.5, 0.75, 2.0), origin=(-10.0, 5.0, 30.0)))
    np.testing.assert_array_equal(volume.array, ARRAY)
    assert volume.array.dtype == np.int16
    assert (volume.origin_mm, volume.spacing_mm) == ((-10.0, 5.0, 30.0), (0.5, 0.75, 2.0))
    np.testing.assert_array_equal(volume.direction, np.eye(3))
    assert [header.InstanceNumber for header in volume.headers] == [1, 2, 3, 4, 5, 6]


def test_voxels_lie_where_their_frames_say(write_series: WriteSeries) -> None:
    """Index and millimetre agree with ImagePositionPatient, whatever the orientation (here sagittal, running left)."""
    images = write_series(ARRAY)
    for z, image in enumerate(images):
        rewrite(image, ImageOrientationPatient=[0, 1, 0, 0, 0, -1], ImagePositionPatient=[40.0 - 2 * z, 3.0, 9.0])
    volume = read(images)
    np.testing.assert_allclose(volume.grid.points_of([0, 0, 5]), [30.0, 3.0, 9.0], atol=1e-9)
    np.testing.assert_allclose(volume.grid.indices_of([30.0, 4.0, 7.0]), [1, 2, 5], atol=1e-9)
    np.testing.assert_array_equal(volume.array[5], ARRAY[5])
    assert np.linalg.det(volume.direction) == pytest.approx(1.0)


@pytest.mark.parametrize("missing", [1, 3])
def test_a_gap_is_refused(write_series: WriteSeries, missing: int) -> None:
    """A volume with a slice missing inside is not measured; the message says after which instance."""
    images = write_series(ARRAY)
    before = images[missing - 1].SOPInstanceUID
    del images[missing]
    with pytest.raises(RejectedInput, match=f"{before}.*1 slices are missing") as refused:
        read(images)
    assert refused.value.reason is Reason.MISSING_SLICES


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
        {"PixelSpacing": [1.1, 1.1]},
        {"Rows": 9, "Columns": 8},
        {"ImagePositionPatient": [0, 0, 2.4]},
        {"ImagePositionPatient": [1.5, 0, 2]},
    ],
    ids=["orientation", "spacing", "matrix", "uneven gaps", "sideways"],
)
def test_a_mixed_geometry_is_refused(write_series: WriteSeries, attributes: dict[str, object]) -> None:
    """One slice that differs makes the volume irregular."""
    images = write_series(ARRAY)
    rewrite(images[2], **attributes)
    assert reason_of(images) is Reason.IRREGULAR_GEOMETRY


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_an_image_without_a_place_is_refused(write_series: WriteSeries, keyword: str) -> None:
    """Without position, orientation or spacing an image has no geometry."""
    images = write_series(ARRAY)
    delattr(images[1], keyword)
    rewrite(images[1])
    assert reason_of(images) is Reason.NO_GEOMETRY


def test_images_without_frame_of_reference_say_so(write_series: WriteSeries) -> None:
    """They are a volume nevertheless; the outline has to show that it lies on it."""
    images = write_series(ARRAY)
    for image in images:
        rewrite(image, FrameOfReferenceUID="")
    assert read(images).frame_of_reference_uid == ""


def test_one_image_without_frame_of_reference_is_refused(write_series: WriteSeries) -> None:
    """Nothing says that it lies where the others lie; the message says what is missing."""
    images = write_series(ARRAY)
    rewrite(images[2], FrameOfReferenceUID="")
    with pytest.raises(RejectedInput, match="FrameOfReferenceUID") as refused:
        read(images)
    assert refused.value.reason is Reason.IRREGULAR_GEOMETRY


def test_slices_of_two_frames_of_reference_are_refused(write_series: WriteSeries) -> None:
    """Their coordinates do not compare."""
    images = write_series(ARRAY)
    rewrite(images[4], FrameOfReferenceUID="1.2.3")
    assert reason_of(images) is Reason.IRREGULAR_GEOMETRY


def test_constant_pixels_are_refused(write_series: WriteSeries) -> None:
    """A volume of one value has no z-scores."""
    assert reason_of(write_series(np.full_like(ARRAY, 5))) is Reason.INVALID_PIXELS


def test_limits_are_those_of_the_array_that_is_there(write_series: WriteSeries) -> None:
    """Reading finds them; another array in the place of the first has its own."""
    volume = read(write_series(ARRAY))
    assert volume.limits == (ARRAY.min(), ARRAY.max())
    assert replace(volume, spacing_mm=(1.0, 1.0, 1.0)).limits == (ARRAY.min(), ARRAY.max())
    assert replace(volume, array=ARRAY[1:] / 2 - 7).limits == (ARRAY[1:].min() / 2 - 7, ARRAY[1:].max() / 2 - 7)


def test_a_file_that_is_no_dicom_is_refused(tmp_path: Path) -> None:
    """The message names the file and says what was expected."""
    path = tmp_path / "note.dcm"
    path.write_text("hello")
    with pytest.raises(RejectedInput, match=r"note\.dcm") as refused:
        read_image_headers([path])
    assert refused.value.reason is Reason.UNREADABLE_OBJECT


@pytest.mark.parametrize(
    ("spacing_mm", "digits"), [(2.5, 1), (2.2, 1), (2.5, 2), (1.1, 2), (0.8, 2), (2.5, 3), (1.1, 3), (0.8, 3)]
)
def test_rounded_positions_give_the_distance_that_was_meant(
    write_series: WriteSeries, spacing_mm: float, digits: int
) -> None:
    """Oblique slices, each coordinate rounded: the distance of 40 slices is the one of fewest digits that fits."""
    images = write_series(np.repeat(ARRAY, 7, axis=0)[:40])
    row, column = np.array([0.8, 0.6, 0.0]), np.array([-0.36, 0.48, 0.8])
    normal = np.cross(row, column)
    for z, image in enumerate(images):
        place = np.array([-12.34, 45.6, 7.89]) + z * spacing_mm * normal
        rewrite(image, ImageOrientationPatient=[*row, *column], ImagePositionPatient=[round(v, digits) for v in place])
    assert read(images).spacing_mm[2] == spacing_mm


AXES = {
    "axial": np.eye(3),
    "oblique": np.array([[0.8, 0.36, -0.48], [0.0, 0.8, 0.6], [0.6, -0.48, 0.64]]),
}


def write_stack(
    write_series: WriteSeries,
    axes: np.ndarray,
    step_mm: float,
    slices: int,
    digits: int,
    moved_mm: Sequence[float] = (),
) -> list[FileDataset]:
    """Write slices of equal steps whose positions have ``digits`` decimals; ``moved_mm`` moves the fourth slice."""

    def place(z: int) -> dict[str, object]:
        exact = np.array([-73.13, 21.77, 40.09]) + z * step_mm * axes[2]
        if z == 3 and len(moved_mm):
            exact = exact + np.asarray(moved_mm) @ axes
        return {
            "ImagePositionPatient": [round(float(value), digits) for value in exact],
            "ImageOrientationPatient": axes[:2].ravel().tolist(),
        }

    array = RNG.integers(0, 500, (slices, 8, 9)).astype(np.int16)
    return write_series(array, extra=place)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("step_mm", [0.8, 1.04, 1.1, 1.25, 2.5])
@pytest.mark.parametrize("digits", [1, 2, 3])
def test_rounded_positions_make_the_grid_of_exact_ones(
    write_series: WriteSeries, axes: str, step_mm: float, digits: int
) -> None:
    """With one decimal, gaps of 1.04 mm are written as 1.0 or 1.1; the distance of slices is still 1.04 mm."""
    volume = read(write_stack(write_series, AXES[axes], step_mm, 40, digits))
    assert volume.spacing_mm[2] == step_mm
    np.testing.assert_allclose(volume.origin_mm, [-73.13, 21.77, 40.09], atol=0.05)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("moved_mm", [(0, 0, 0.25), (0.25, 0, 0), (0, 0, -0.25)])
@pytest.mark.parametrize("digits", [1, 4])
def test_a_slice_that_lies_elsewhere_is_no_rounding(
    write_series: WriteSeries, axes: str, moved_mm: tuple[float, ...], digits: int
) -> None:
    """A quarter of a millimetre along or beside slices of 1 mm is more than a decimal can hide."""
    images = write_stack(write_series, AXES[axes], 1.0, 40, digits, moved_mm)
    assert reason_of(images) is Reason.IRREGULAR_GEOMETRY


def test_steps_that_grow_are_no_rounding(write_series: WriteSeries) -> None:
    """Steps of 1.0 mm and then of 1.1 mm are two stacks, though each gap by itself could be rounded."""
    places = np.concatenate([np.arange(20) * 1.0, 19 + np.arange(1, 21) * 1.1])
    images = write_series(
        RNG.integers(0, 500, (40, 8, 9)).astype(np.int16),
        extra=lambda z: {"ImagePositionPatient": [0, 0, round(float(places[z]), 1)]},
    )
    assert reason_of(images) is Reason.IRREGULAR_GEOMETRY


def test_a_missing_slice_is_seen_through_the_rounding(write_series: WriteSeries) -> None:
    """A gap of two steps is no rounding either."""
    images = write_stack(write_series, AXES["oblique"], 0.8, 40, 1)
    assert reason_of([*images[:7], *images[8:]]) is Reason.MISSING_SLICES
