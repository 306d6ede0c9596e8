"""The slices of an outline in the phase before contrast, whatever form the images have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from workers.images.frames import frames_of
from workers.images.headers import Instance, read_image_headers
from workers.images.phases import Phase, split_series
from workers.images.volume import build_volume
from workers.limits import LIMITS
from workers.outline.earlier_phase import surroundings_in
from workers.outline.examination import examination_of

WriteSeries = Callable[..., list[FileDataset]]
BREAST = np.random.default_rng(5).integers(0, 90, (8, 10, 12)).astype(np.int16)
BREAST[1, 2, 3] = 900
"""A vessel outside the box, and the brightest voxel of the phase."""
BOX = (slice(3, 6), slice(2, 8), slice(1, 9))
TECHNIQUE = {"EchoTime": "2.1", "RepetitionTime": "4.6"}


def instances(images: list[FileDataset]) -> tuple[Instance, ...]:
    """Return the headers of written images."""
    return read_image_headers([Path(image.filename) for image in images])


def phases(images: list[FileDataset]) -> tuple[Phase, ...]:
    """Return the phases of written images of one series."""
    return split_series([frame for one in instances(images) for frame in frames_of(one)])


def test_inverted_images_give_the_same_surroundings(write_series: WriteSeries) -> None:
    """MONOCHROME1: inverted by the highest value of the whole phase, not by that of the box."""
    inverted = np.int16(900) - BREAST
    [plain] = phases(write_series(BREAST))
    [other] = phases(write_series(inverted, name="m", extra=lambda z: {"PhotometricInterpretation": "MONOCHROME1"}))
    volume = build_volume(plain, LIMITS)
    parts = [surroundings_in(phase, volume, BOX, LIMITS) for phase in (plain, other)]
    assert parts[0] is not None
    assert parts[1] is not None
    assert np.array_equal(parts[0].array, BREAST[BOX])
    assert np.array_equal(parts[1].array, BREAST[BOX])


@pytest.mark.parametrize(
    "times",
    [
        [{"AcquisitionTime": "101500.00"}, {"AcquisitionDate": "20240301", "AcquisitionTime": "101630"}],
        [{"AcquisitionDateTime": "20240301101500+0100"}, {"AcquisitionTime": "101630"}],
        [{"AcquisitionTime": "101500", "TriggerTime": "0"}, {"AcquisitionTime": "101500", "TriggerTime": "90000"}],
        [{"SeriesNumber": "9"}, {"SeriesNumber": "10"}],
    ],
    ids=["without a date", "with an offset", "trigger times", "series numbers alone"],
)
def test_a_phase_of_another_series_is_found_by_its_time(write_series: WriteSeries, times: list[dict[str, str]]) -> None:
    """Both series state their times in forms of their own, or none."""
    both: list[Any] = []
    for number, time in enumerate(times):
        attributes = {**TECHNIQUE, **time, "SeriesInstanceUID": f"1.2.3.{number}"}
        both.append(write_series(BREAST + number, name=f"p{number}_", extra=lambda z, values=attributes: values))
    [measured] = phases(both[1])
    found = examination_of(measured, instances(both[1]), [[Path(image.filename) for image in both[0]]], LIMITS)
    assert [phase.frames[0].instance.series_uid for phase in found] == ["1.2.3.0", "1.2.3.1"]


def test_copies_of_the_images_do_not_hide_the_phase_before_contrast(write_series: WriteSeries) -> None:
    """An archive that changed UIDs sent every image twice: still two phases."""
    images = []
    for name in ("a", "b"):
        for number in range(2):
            attributes = {**TECHNIQUE, "AcquisitionTime": f"1015{number}0"}
            written = write_series(BREAST + number, name=f"{name}{number}_", extra=lambda z, values=attributes: values)
            images.append(written)
    measured = phases(images[1])[0]
    found = examination_of(measured, instances([image for part in images for image in part]), [], LIMITS)
    assert [len(phase.frames) for phase in found] == [8, 8]
    assert found[1].references == measured.references
