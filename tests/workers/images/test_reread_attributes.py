"""Which images have other results than the released versions gave them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import split_series
from workers.images.reread_attributes import reread_attributes
from workers.images.volume import build_volume

WriteSeries = Callable[..., list[FileDataset]]


def reread(images: list[FileDataset]) -> tuple[str, ...]:
    """Return the attributes of these written images that are read otherwise now."""
    instances = read_image_headers([Path(image.filename) for image in images])
    (phase,) = split_series([frame for instance in instances for frame in frames_of(instance)])
    return reread_attributes(build_volume(phase))


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("SS", -2000, ()),
        ("US", 63536, ()),
        ("SS", [-2000, -2000], ("PixelPaddingValue",)),
        ("SL", -2000, ("PixelPaddingValue",)),
        ("UL", 7, ()),
        ("IS", "-2000", ("PixelPaddingValue",)),
        ("SS", -1999, ()),
        ("SL", -1999, ()),
    ],
)
def test_padding_that_was_ignored(write_series: WriteSeries, vr: str, value: object, expected: tuple[str, ...]) -> None:
    """One value in 16 bits was always read; a value that no pixel has changes nothing."""
    stored = np.random.default_rng(7).integers(0, 500, (6, 8, 9)).astype(np.int16)
    stored[:, :, -2:] = 7 if value == 7 else -2000
    images = write_series(stored)
    for image in images:
        image.add_new("PixelPaddingValue", vr, value)
        image.save_as(image.filename, enforce_file_format=True)
    assert reread(images) == expected


@pytest.mark.parametrize(
    ("thickness", "expected"), [("-2", ("SliceThickness",)), ("2", ()), ("", ()), ("2 mm", ()), ("0", ())]
)
def test_a_thickness_that_was_copied(write_series: WriteSeries, thickness: str, expected: tuple[str, ...]) -> None:
    """A negative one went into the segmentation; text ended the case."""
    images = write_series(np.random.default_rng(7).integers(0, 500, (6, 8, 9)).astype(np.int16))
    for image in images:
        image["SliceThickness"]._value = thickness
        image.save_as(image.filename, enforce_file_format=True)
    assert reread(images) == expected
