"""Times of frames on one scale, in the forms that devices and converters write."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from workers.images.acquisition_times import TimeKey, seconds_of, time_keys
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers

ARRAY = np.ones((2, 4, 4), dtype=np.int16)
NOON = 12 * 3600.0


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (["120000", "120000.00", "1200", "12"], [NOON] * 4),
        (["120000", "120000.5"], [NOON, NOON + 0.5]),
        (["20240301120000", "20240302120000"], [NOON, NOON + 86400]),
        (["20240301235930.0", "20240302000030"], [86370.0, 86430.0]),
        (["20240301120000", "120130"], [NOON, NOON + 90]),  # one without a date: times of day
        (["20240301120000+0100", "20240301110130.00+0000"], [NOON - 3600, NOON - 3510]),
        (["20240301120000+0100", "20240301120130"], [NOON, NOON + 90]),  # one without an offset: as they are
        (["20240301120000-0530", "20240301123000-0500"], [NOON + 19800, NOON + 19800]),
        (["20241399120000", "120130"], [NOON, NOON + 90]),  # no such day
        (["203000", "083000"], [20.5 * 3600, 8.5 * 3600]),
        (["233000", "", "003000"], [23.5 * 3600, None, 24.5 * 3600]),
        (["", "none", "1,5", "120000"], [None, None, None, NOON]),
    ],
)
def test_times_in_any_form_are_on_one_scale(times: list[str], seconds: list[float | None]) -> None:
    """Text of different forms does not sort by time; seconds do."""
    assert seconds_of(times) == seconds


def keys_of(write_series: Callable[..., list[FileDataset]], headers: list[dict[str, str]]) -> list[TimeKey]:
    """Return the keys of stacks of two slices, each with these attributes."""
    stacks = []
    for at, header in enumerate(headers):
        written = write_series(ARRAY, name=f"p{at}_", extra=lambda z, header=header: header)
        instances = read_image_headers([Path(image.filename) for image in written])
        stacks.append([frame for one in instances for frame in frames_of(one)])
    return time_keys(stacks)


@pytest.mark.parametrize(
    "headers",
    [
        [{"AcquisitionTime": "101500"}, {"AcquisitionTime": "101500.20"}, {"AcquisitionTime": "1016"}],
        [{"AcquisitionTime": "101500", "TriggerTime": str(time)} for time in (0, 90000, 180000)],
        [
            {"AcquisitionDate": "20240301", "AcquisitionTime": "101500"},
            {"AcquisitionTime": "101630"},
            {"AcquisitionDateTime": "20240301101800.000000+0100"},
        ],
        [
            {"AcquisitionDate": "20240301", "AcquisitionTime": "235900"},
            {"AcquisitionDateTime": "20240302000030"},
            {"AcquisitionDate": "20240302", "AcquisitionTime": "000200.5"},
        ],
        [{"AcquisitionTime": "235900"}, {"AcquisitionTime": "000030"}, {"AcquisitionTime": "000200.5"}],
        [{"ContentTime": "101500"}, {"AcquisitionTime": "090000", "ContentTime": "101630"}, {"ContentTime": "101800"}],
    ],
    ids=[
        "digits",
        "trigger times",
        "dates and offsets",
        "midnight",
        "midnight without dates",
        "one without acquisition time",
    ],
)
def test_stacks_sort_by_time(write_series: Callable[..., list[FileDataset]], headers: list[dict[str, str]]) -> None:
    """Each stack states its time in a form of its own."""
    keys = keys_of(write_series, headers)
    assert keys[0] < keys[1] < keys[2]


def test_a_time_that_one_stack_lacks_orders_none(write_series: Callable[..., list[FileDataset]]) -> None:
    """A time cannot be compared with a missing one."""
    first, second = keys_of(write_series, [{"AcquisitionTime": "101500"}, {"TriggerTime": "90000"}])
    assert first == second
