"""Pixels: read as the header of each slice says, refused where they cannot be trusted."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import RLELossless

from support.written_volumes import ARRAY, WriteSeries, read, reason_of, rewrite
from workers.errors import Reason, RejectedInput

RNG = np.random.default_rng(7)


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
