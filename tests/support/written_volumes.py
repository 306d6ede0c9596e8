"""Volumes of images that a test has written, and why they are refused."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from workers.errors import Reason, RejectedInput
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import split_series
from workers.images.volume import Volume, build_volume

WriteSeries = Callable[..., list[FileDataset]]
ARRAY = np.random.default_rng(7).integers(0, 500, (6, 8, 9)).astype(np.int16)


def read(images: list[FileDataset]) -> Volume:
    """Read what was written, in an order that says nothing; the limits that reading found are those of the array."""
    paths = [Path(image.filename) for image in images]
    random.Random(3).shuffle(paths)
    frames = [frame for instance in read_image_headers(paths) for frame in frames_of(instance)]
    (phase,) = split_series(frames)
    volume = build_volume(phase)
    assert volume.limits == (volume.array.min(), volume.array.max())
    return volume


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
