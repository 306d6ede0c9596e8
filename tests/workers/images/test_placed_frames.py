"""Images of a series that have no position in space: screen captures beside the slices."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from workers.errors import Reason, RejectedInput
from workers.images.headers import Instance, read_image_headers
from workers.images.placed_frames import placed_frames, unplaced_notes

WriteSeries = Callable[..., list[FileDataset]]
ARRAY = np.random.default_rng(2).integers(0, 900, (12, 6, 6)).astype(np.int16)


def without_position(
    write_series: WriteSeries, count: int, array: NDArray[np.int16] = ARRAY, image_type: str = "ORIGINAL\\PRIMARY"
) -> tuple[tuple[Instance, ...], list[str]]:
    """Return a series whose last images have no position, and the SOP Instance UIDs of these."""
    images = write_series(array)
    for image in images[len(images) - count :]:
        image.ImageType = image_type
        del image.ImagePositionPatient, image.ImageOrientationPatient, image.PixelSpacing
        image.save_as(image.filename, enforce_file_format=True)
    uids = [str(image.SOPInstanceUID) for image in images[len(images) - count :]]
    return read_image_headers([Path(image.filename) for image in images]), uids


def test_a_screen_capture_is_set_aside_with_a_note(write_series: WriteSeries) -> None:
    """It must not keep the slices from being measured."""
    instances, _ = without_position(write_series, 1)
    frames = placed_frames(instances)
    assert len(frames) == 11
    [note] = unplaced_notes(instances, frames)
    assert note.text == "1 picture of the series without a position in space was set aside."


@pytest.mark.parametrize("count", [4, 12])
def test_a_series_that_lost_its_positions_is_refused(write_series: WriteSeries, count: int) -> None:
    """More than a few: these are slices, and not captures."""
    instances, _ = without_position(write_series, count)
    with pytest.raises(RejectedInput) as refused:
        placed_frames(instances)
    assert refused.value.reason is Reason.NO_GEOMETRY


def test_a_phase_of_many_that_lost_its_positions_is_refused(write_series: WriteSeries) -> None:
    """Set aside, the others would be numbered wrongly: contrast arrives one phase earlier than is said."""
    phases = np.tile(ARRAY, (6, 1, 1))
    instances, _ = without_position(write_series, 12, phases)
    with pytest.raises(RejectedInput) as refused:
        placed_frames(instances)
    assert refused.value.reason is Reason.NO_GEOMETRY
    instances, _ = without_position(write_series, 12, phases, "DERIVED\\SECONDARY\\PROJECTION IMAGE")
    assert len(placed_frames(instances)) == 60


def test_an_image_that_the_outline_references_needs_a_position(write_series: WriteSeries) -> None:
    """Otherwise the tumour on it would be lost unnoticed."""
    instances, uids = without_position(write_series, 1)
    with pytest.raises(RejectedInput, match=uids[0]):
        placed_frames(instances, uids)
