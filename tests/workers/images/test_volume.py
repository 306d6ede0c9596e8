"""Volumes: stacked by geometry, refused where the geometry or the pixels do not hold."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless

from workers.errors import Reason, RejectedInput
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import split_series
from workers.images.volume import Volume, build_volume

WriteSeries = Callable[..., list[FileDataset]]
RNG = np.random.default_rng(7)
ARRAY = RNG.integers(0, 500, (6, 8, 9)).astype(np.int16)


def read(images: list[FileDataset]) -> Volume:
    """Read what was written, in an order that says nothing."""
    paths = [Path(image.filename) for image in images]
    random.Random(3).shuffle(paths)
    frames = [frame for instance in read_image_headers(paths) for frame in frames_of(instance)]
    (phase,) = split_series(frames)
    return build_volume(phase)


def rewrite(image: FileDataset, **attributes: object) -> None:
    """Change attributes of a written file."""
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    image.save_as(image.filename, enforce_file_format=True)


def reason_of(images: list[FileDataset]) -> Reason:
    """Return why the images are refused."""
    with pytest.raises(RejectedInput) as refused:
        read(images)
    return refused.value.reason


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


def test_lossless_compression_changes_nothing(write_series: WriteSeries) -> None:
    """Slices that come compressed, even mixed with plain ones, hold the same values."""
    images = write_series(ARRAY.astype(np.uint16))
    for image in images[1:4]:
        image.compress(RLELossless)
        rewrite(image)
    np.testing.assert_array_equal(read(images).array, ARRAY)


def test_slopes_and_intercepts_of_each_slice_are_applied(write_series: WriteSeries) -> None:
    """Philips scales every slice on its own: stored values of two slices do not compare."""
    volume = read(write_series(ARRAY, extra=lambda z: {"RescaleSlope": z + 0.5, "RescaleIntercept": -z}))
    factors = np.arange(6)[:, None, None]
    np.testing.assert_allclose(volume.array, ARRAY * (factors + 0.5) - factors)


def test_bits_above_the_stored_ones_are_dropped(write_series: WriteSeries) -> None:
    """Old scanners keep overlays in the unused bits (PS3.5 section 8.1.1); a stored sign is extended."""
    stored = RNG.integers(-2048, 2047, (6, 8, 9)).astype(np.int16)
    hidden = (stored & 0x0FFF) | 0x5000
    volume = read(write_series(hidden.astype(np.int16), extra=lambda z: {"BitsStored": 12, "HighBit": 11}))
    np.testing.assert_array_equal(volume.array, stored)


@pytest.mark.parametrize("odd", [0, 3, 5])
@pytest.mark.parametrize("compressed", [False, True])
def test_each_slice_is_read_as_its_own_header_says(write_series: WriteSeries, odd: int, compressed: bool) -> None:
    """Slices of 12 bits, or of the other sign, among those of 16 unsigned bits: every value is what was stored."""
    stored = RNG.integers(0, 60_000, (6, 8, 9)).astype(np.uint16)
    for attributes, highest in (
        ({"BitsStored": 12, "HighBit": 11}, 0x0FFF),
        ({"PixelRepresentation": 1}, 0x7FFF),
    ):
        values = stored.copy()
        values[odd] &= highest
        images = write_series(values)
        rewrite(images[odd], **attributes)
        if compressed:
            for image in images[:4]:
                image.compress(RLELossless, generate_instance_uid=False)
                rewrite(image)
        np.testing.assert_array_equal(read(images).array, values)


@pytest.mark.parametrize("sign", [-1, 1])
def test_hidden_bits_are_those_of_each_slice(write_series: WriteSeries, sign: int) -> None:
    """Only the slice that declares 12 bits has something above them; a negative value of another stays."""
    values = (sign * RNG.integers(2500, 30_000, (6, 8, 9))).astype(np.int16)
    values[4] = RNG.integers(-2048, 2047, (8, 9))
    hidden = values.copy()
    hidden[4] = (values[4] & 0x0FFF) | 0x5000
    images = write_series(hidden)
    rewrite(images[4], BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read(images).array, values)


def test_bits_that_cannot_be_are_refused(write_series: WriteSeries) -> None:
    """More bits stored than allocated, or none."""
    for bits in (0, 17):
        images = write_series(ARRAY)
        rewrite(images[2], BitsStored=bits, HighBit=bits - 1 if bits else 15)
        assert reason_of(images) is Reason.UNREADABLE_PIXELS


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"RescaleSlope": "nan"}, Reason.UNREADABLE_OBJECT),
        ({"RescaleSlope": "1\\2"}, Reason.UNREADABLE_OBJECT),
        ({"RescaleSlope": "1e308"}, Reason.INVALID_PIXELS),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, Reason.UNREADABLE_PIXELS),
        ({"LossyImageCompression": "01"}, Reason.UNREADABLE_PIXELS),
        ({"PixelData": b"\0" * 20}, Reason.UNREADABLE_PIXELS),
    ],
    ids=["nan", "two slopes", "overflow", "colour", "lossy", "short"],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_pixels_that_cannot_be_trusted_are_refused(
    write_series: WriteSeries, attributes: dict[str, object], reason: Reason
) -> None:
    """Values that are no numbers, colours, lossy texture, less data than the header says."""
    images = write_series(ARRAY)
    rewrite(images[3], **attributes)
    assert reason_of(images) is reason


@pytest.mark.parametrize(("extra_bytes", "is_read"), [(2, True), (14, True), (16, False), (18, False)])
def test_trailing_padding_is_no_damage(write_series: WriteSeries, extra_bytes: int, is_read: bool) -> None:
    """Some writers pad Pixel Data; a column (8 pixels) or a row (9 pixels) more than the matrix has is no padding."""
    images = write_series(ARRAY)
    rewrite(images[3], PixelData=images[3].PixelData + b"\0" * extra_bytes)
    if is_read:
        np.testing.assert_array_equal(read(images).array, ARRAY)
    else:
        assert reason_of(images) is Reason.UNREADABLE_PIXELS


def test_a_file_that_ends_early_is_refused_by_name(write_series: WriteSeries) -> None:
    """The message names the instance whose pixel data was cut short."""
    images = write_series(ARRAY)
    path = Path(images[3].filename)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RejectedInput, match=images[3].SOPInstanceUID) as refused:
        read(images)
    assert refused.value.reason is Reason.UNREADABLE_PIXELS


def test_floating_point_pixels_are_refused(write_series: WriteSeries) -> None:
    """No MR image holds them (PS3.3 section C.8.3.1), and a NaN among them would pass as a number."""
    images = write_series(ARRAY)
    values = np.full(ARRAY.shape[1:], np.nan, dtype=np.float32)
    del images[2].PixelData
    rewrite(images[2], BitsAllocated=32, BitsStored=32, HighBit=31, FloatPixelData=values.tobytes())
    assert reason_of(images) is Reason.INVALID_PIXELS


def test_a_matrix_that_no_file_fills_takes_no_memory(write_series: WriteSeries) -> None:
    """A header that claims 60,000 x 60,000 pixels is refused before memory is taken for them."""
    images = write_series(ARRAY[:2])
    for image in images:
        rewrite(image, Rows=60_000, Columns=60_000)
    assert reason_of(images) is Reason.OVER_LIMITS


def test_constant_pixels_are_refused(write_series: WriteSeries) -> None:
    """A volume of one value has no z-scores."""
    assert reason_of(write_series(np.full_like(ARRAY, 5))) is Reason.INVALID_PIXELS


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


def test_padding_is_no_grey_value(write_series: WriteSeries) -> None:
    """A padding value, or a range of them, as the header says; there the volume holds the darkest of the others."""
    array = ARRAY.astype(np.int16)
    array[:, :2], array[:, -1] = -2000, -1990
    images = write_series(array, extra=lambda z: {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1980})
    volume = read(images)
    assert volume.padding is not None
    np.testing.assert_array_equal(volume.padding, array < -1000)
    assert volume.array.min() == array[array > -1000].min()


def test_one_padding_value_is_one_value(write_series: WriteSeries) -> None:
    """Without a limit the values beside it are image."""
    array = ARRAY.astype(np.int16)
    array[:, 0], array[:, 1] = -2000, -1999
    volume = read(write_series(array, extra=lambda z: {"PixelPaddingValue": -2000}))
    assert volume.padding is not None
    assert volume.padding.sum() == array[:, 0].size
    assert volume.array.min() == -1999


AXES = {
    "axial": np.eye(3),
    "oblique": np.array([[0.8, 0.36, -0.48], [0.0, 0.8, 0.6], [0.6, -0.48, 0.64]]),
}
"""Rows: row direction, column direction, normal; orthonormal with two decimals."""


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


def with_bright_spots(shape: tuple[int, int, int] = (6, 8, 9)) -> np.ndarray:
    """Return what an MR image looks like: mostly dark."""
    values = RNG.integers(10, 60, shape)
    values[2:4, 2:5, 2:6] += 400
    return values


@pytest.mark.parametrize(("dtype", "top"), [(np.uint16, 4095), (np.int16, 0), (np.int16, 32_000), (np.uint16, 460)])
@pytest.mark.parametrize("slope", ["1", "0.5"])
def test_monochrome1_is_turned_upright(write_series: WriteSeries, dtype: type, top: int, slope: str) -> None:
    """Lowest values brightest (PS3.3 C.7.6.3.1.2): the same image up to a constant, which z-scores do not see."""
    values = with_bright_spots()
    images = write_series(
        (top - values).astype(dtype),
        extra=lambda z: {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": slope},
    )
    volume = read(images)
    np.testing.assert_array_equal(volume.array, (values - values.min()) * float(slope))
    assert "MONOCHROME1" in " ".join(note.text for note in volume.notes)


def test_padding_is_no_part_of_a_monochrome1_image(write_series: WriteSeries) -> None:
    """Padding becomes the darkest value, not the brightest."""
    values = with_bright_spots()
    stored = (1000 - values).astype(np.int16)
    stored[:, :, -2:] = -32768
    attributes = {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": -32768}
    volume = read(write_series(stored, extra=lambda z: attributes))
    shown = values[:, :, :-2]
    np.testing.assert_array_equal(volume.array[:, :, :-2], shown - shown.min())
    assert (volume.array[:, :, -2:] == 0).all()


@pytest.mark.parametrize("slices", [range(6), range(2)], ids=["all", "some"])
def test_monochrome1_that_its_pixels_contradict_is_refused(write_series: WriteSeries, slices: range) -> None:
    """Inverting an image that is not inverted would score the inverse of the tumour."""
    images = write_series(
        with_bright_spots().astype(np.uint16),
        extra=lambda z: {"PhotometricInterpretation": "MONOCHROME1"} if z in slices else {},
    )
    with pytest.raises(RejectedInput, match="PhotometricInterpretation") as refused:
        read(images)
    assert refused.value.reason is Reason.INVALID_PIXELS


@pytest.mark.parametrize(
    ("dtype", "attributes", "padded"),
    [
        (np.int16, {"PixelPaddingValue": -2000}, [-2000]),
        (np.int16, {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1990}, [-2000, -1995, -1990]),
        (np.int16, {"PixelPaddingValue": -1990, "PixelPaddingRangeLimit": -2000}, [-2000, -1990]),
        (np.uint16, {"PixelPaddingValue": 65535}, [65535]),
        (np.uint16, {"PixelPaddingValue": 63536, "PixelPaddingRangeLimit": 65535}, [63536, 65000]),
        (np.uint16, {"PixelPaddingValue": 0}, [0]),
    ],
)
def test_padding_is_found_in_the_sign_of_its_own_image(
    write_series: WriteSeries, dtype: type, attributes: dict[str, int], padded: list[int]
) -> None:
    """In a volume whose last slice has the other Pixel Representation; limits may come in either order."""
    values = with_bright_spots()
    stored = values.astype(dtype)
    stored[0, 0, : len(padded)] = padded
    other = {"PixelRepresentation": int(dtype is np.uint16)}
    images = write_series(stored, extra=lambda z: attributes if z < 5 else other)
    volume = read(images)
    assert volume.padding is not None
    assert np.argwhere(volume.padding).tolist() == [[0, 0, x] for x in range(len(padded))]


@pytest.mark.parametrize(
    ("vr", "value"),
    [("IS", "-2000"), ("DS", "-2000.0"), ("SL", -2000), ("FD", -2000.0), ("SS", [-2000, -2000]), ("US", 63536)],
)
def test_a_padding_value_of_another_vr_is_read(write_series: WriteSeries, vr: str, value: object) -> None:
    """Some writers give it as text, in 32 bits, as a floating-point number, twice, or in the other sign."""
    stored = with_bright_spots().astype(np.int16)
    stored[:, :, -2:] = -2000
    images = write_series(stored)
    for image in images:
        image.add_new("PixelPaddingValue", vr, value)
        image.save_as(image.filename, enforce_file_format=True)
    volume = read(images)
    assert volume.padding is not None
    np.testing.assert_array_equal(volume.padding, stored == -2000)


def test_a_padding_value_that_is_no_number_is_absent(write_series: WriteSeries) -> None:
    """The case goes on with a note."""
    images = write_series(ARRAY)
    images[2].add_new("PixelPaddingValue", "LO", "auto")
    images[2].save_as(images[2].filename, enforce_file_format=True)
    volume = read(images)
    assert volume.padding is None
    assert [note.text for note in volume.notes] == [
        "PixelPaddingValue of 1 of 6 images is not an integer, and was treated as absent."
    ]
