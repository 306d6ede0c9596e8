"""Padding and inverted images (MONOCHROME1) in a volume."""

import numpy as np
import pytest

from support.written_volumes import ARRAY, WriteSeries, read
from workers.errors import Reason, RejectedInput

RNG = np.random.default_rng(7)


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
