"""What a series holds beside the slices of its phases, and what numbers and times say of these."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from workers.errors import Reason, RejectedInput
from workers.images.frames import Frame, frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import Phase, split_series

WriteSeries = Callable[..., list[FileDataset]]
ARRAY = np.random.default_rng(9).integers(0, 900, (8, 6, 6)).astype(np.int16)


def frames(*parts: list[FileDataset]) -> list[Frame]:
    """Return the frames of written images."""
    paths = [Path(image.filename) for part in parts for image in part]
    return [frame for instance in read_image_headers(paths) for frame in frames_of(instance)]


def sizes(*parts: list[FileDataset]) -> list[int]:
    """Return how many frames each phase has."""
    return sorted(len(phase.frames) for phase in split_series(frames(*parts)))


def phases(write_series: WriteSeries, extra: Callable[[int, int], dict[str, Any]], count: int = 3) -> tuple[Phase, ...]:
    """Return what three phases are split into; ``extra(phase, z)`` gives attributes."""
    written = [
        write_series(ARRAY + number, name=f"p{number}_", extra=lambda z, number=number: extra(number, z))
        for number in range(count)
    ]
    return split_series(frames(*written))


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
        {"ImagePositionPatient": [0, 0, 3.4]},
        {"ImagePositionPatient": [0, 0, 55.5]},
        {"PixelSpacing": [3, 3]},
    ],
    ids=["orientation", "between slices", "far away", "spacing"],
)
def test_a_stray_picture_is_set_apart(write_series: WriteSeries, attributes: dict[str, Any]) -> None:
    """A projection or scout with the image type of the slices leaves a whole stack behind."""
    slices = write_series(ARRAY)
    stray = write_series(ARRAY[:1], name="s", extra=lambda z: attributes)
    assert sizes(slices, stray) == [1, 8]


PHASES = np.random.default_rng(5).integers(0, 900, (3, 24, 6, 6)).astype(np.int16)


def with_scouts(write_series: WriteSeries, places: list[float]) -> tuple[list[FileDataset], ...]:
    """Write three phases of 24 slices 1 mm apart, and parallel scouts at ``places`` in mm."""
    written = [
        write_series(phase, name=f"p{number}_", extra=lambda z, number=number: {"AcquisitionTime": f"1005{number}0"})
        for number, phase in enumerate(PHASES)
    ]
    scouts = write_series(
        PHASES[0][: len(places)],
        name="s",
        extra=lambda z: {"ImagePositionPatient": [0, 0, places[z]], "AcquisitionTime": "100000"},
    )
    return (*written, scouts)


@pytest.mark.parametrize("first", [3.4, 55.5, -33.3], ids=["between slices", "after", "before"])
def test_several_parallel_scouts_are_set_apart(write_series: WriteSeries, first: float) -> None:
    """Five scouts 6 mm apart in each other's line: every phase keeps its 24 slices."""
    assert sizes(*with_scouts(write_series, [first + 6 * at for at in range(5)])) == [5, 24, 24, 24]


IN_LINE = [24.0 + at for at in range(4)]
"""Positions of scouts that carry on the steps of the slices, which are 1 mm apart."""


@pytest.mark.parametrize(
    "technique",
    [
        {"SliceThickness": 8},
        {"RepetitionTime": "3.1"},
        {"FlipAngle": "30"},
        {"MRAcquisitionType": "2D"},
        {"ProtocolName": "localizer"},
        {"ScanningSequence": "SE"},
        {"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"},
        {"EchoTime": "1.2"},
    ],
    ids=lambda technique: next(iter(technique)),
)
@pytest.mark.parametrize("count", [1, 3])
def test_scouts_in_line_with_the_slices_are_set_apart(
    write_series: WriteSeries, technique: dict[str, str], count: int
) -> None:
    """Four scouts whose positions carry on the steps of the slices: another technique tells them apart."""
    slices = {
        "SliceThickness": 1,
        "RepetitionTime": "4.6",
        "FlipAngle": "10",
        "MRAcquisitionType": "3D",
        "ProtocolName": "t1 dyn",
        "ScanningSequence": "GR",
        "ImageType": "ORIGINAL\\PRIMARY\\OTHER",
        "EchoTime": "2.1",
    }
    written = []
    for number, phase in enumerate(PHASES[:count]):
        attributes = {**slices, "AcquisitionTime": f"10050{number}"}
        written.append(write_series(phase, name=f"p{number}_", extra=lambda z, values=attributes: values))
    in_line = [{**slices, **technique, "ImagePositionPatient": [0, 0, position]} for position in IN_LINE]
    scouts = write_series(PHASES[0][:4], name="s", extra=in_line.__getitem__)
    assert sizes(*written, scouts) == [4, *[24] * count]


@pytest.mark.parametrize("odd", [[0], [11], [23], [20, 21, 22, 23]], ids=str)
@pytest.mark.parametrize("values", [("4.6", "4.60"), ("4.6", "4.8"), ("4.6", "")], ids=str)
def test_slices_of_a_slightly_different_technique_stay(
    write_series: WriteSeries, odd: list[int], values: tuple[str, str]
) -> None:
    """Scanners write a value with other digits, or adapt it a little."""
    written = write_series(PHASES[0], extra=lambda z: {"RepetitionTime": values[z in odd]})
    assert sizes(written) == [24]


def test_a_slice_of_another_technique_inside_a_stack_stays(write_series: WriteSeries) -> None:
    """Without it the stack has a gap: no volume may be measured with a slice missing unnoticed."""
    assert sizes(write_series(PHASES[0], extra=lambda z: {"RepetitionTime": "9" if z == 11 else "4.6"})) == [24]


def test_an_echo_time_in_other_digits_is_the_same(write_series: WriteSeries) -> None:
    """3.3 ms and 3.30 ms are one stack."""
    assert sizes(write_series(PHASES[0], extra=lambda z: {"EchoTime": ("3.3", "3.30")[z % 2]})) == [24]


@pytest.mark.parametrize(
    ("first", "count"), [(56.0, 4), (0.5, 20)], ids=["in line with the slices", "nearly as many as slices"]
)
def test_scouts_that_may_be_slices_are_named_as_a_cause(write_series: WriteSeries, first: float, count: int) -> None:
    """Indistinguishable from missing or shifted slices: refused, and the message names both causes."""
    with pytest.raises(RejectedInput, match="without scouts and projections"):
        split_series(frames(*with_scouts(write_series, [first + 6 * at for at in range(count)])))


def test_projections_from_all_sides_are_set_apart(write_series: WriteSeries) -> None:
    """One of twelve that turn around the feet-head axis is parallel to the slices, and lies between two of them."""

    def turned(at: int) -> dict[str, Any]:
        angle = np.radians(15 * at)
        axes = [np.cos(angle), np.sin(angle), 0, 0, 0, -1]
        return {
            "ImageOrientationPatient": [round(float(value), 6) for value in axes],
            "ImagePositionPatient": [3.4, 0, 0],
        }

    sagittal = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    slices = write_series(ARRAY, extra=lambda z: {**sagittal, "ImagePositionPatient": [z, 0, 0]})
    projections = write_series(np.concatenate([ARRAY, ARRAY[:4]]), name="s", extra=turned)
    assert sizes(slices, projections) == [*[1] * 12, 8]


@pytest.mark.parametrize(
    "attributes", [{"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, {"ImagePositionPatient": [0, 0, 3.4]}]
)
def test_a_slice_that_differs_stays_with_its_stack(write_series: WriteSeries, attributes: dict[str, Any]) -> None:
    """Without it a slice would be missing: the stack is refused for it, and not measured with a gap."""
    slices = write_series(ARRAY, extra=lambda z: attributes if z == 3 else {})
    assert sizes(slices) == [8]


@pytest.mark.parametrize("first", [0, 1])
def test_a_temporal_position_that_counts_images_is_passed_over(write_series: WriteSeries, first: int) -> None:
    """The order of instance numbers tells the phases then."""
    found = phases(
        write_series,
        lambda phase, z: {"TemporalPositionIdentifier": 8 * phase + z + first, "InstanceNumber": 8 * phase + z + 1},
    )
    assert [len(phase.frames) for phase in found] == [8, 8, 8]


def test_random_numbers_without_times_are_refused(write_series: WriteSeries) -> None:
    """The message is about the series, and says what would tell the phases apart."""
    numbers = np.random.default_rng(3).permutation(24)
    with pytest.raises(RejectedInput, match=r"series .*send the original series with its acquisition times") as refused:
        phases(write_series, lambda phase, z: {"InstanceNumber": int(numbers[8 * phase + z])})
    assert refused.value.reason is Reason.UNKNOWN_PHASE


def test_random_numbers_with_times_do_no_harm(write_series: WriteSeries) -> None:
    """Acquisition times tell the phases, however they are written: with a fraction, with colons."""
    numbers = np.random.default_rng(3).permutation(24)
    times = (("100500", "100500.000000"), ("10:06:30", "100630.0"), ("100800", "100800.00"))
    found = phases(
        write_series,
        lambda phase, z: {"InstanceNumber": int(numbers[8 * phase + z]), "AcquisitionTime": times[phase][z % 2]},
    )
    assert [len(phase.frames) for phase in found] == [8, 8, 8]


@pytest.mark.parametrize(
    ("keyword", "valid", "found"),
    [("InstanceNumber", "777777", b"IM-12 "), ("TriggerTime", "7777", b"1,5 "), ("TriggerTime", "7777", b"NaN ")],
)
def test_numbers_that_are_none_are_absent(write_series: WriteSeries, keyword: str, valid: str, found: bytes) -> None:
    """A text as Instance Number, a decimal comma, a NaN: the times decide."""

    def extra(phase: int, z: int) -> dict[str, Any]:
        return {"AcquisitionTime": f"1005{10 * phase:02d}", **({keyword: valid} if (phase, z) == (0, 2) else {})}

    written = [write_series(ARRAY + n, name=f"p{n}_", extra=lambda z, n=n: extra(n, z)) for n in range(2)]
    path = Path(written[0][2].filename)
    content = path.read_bytes()  # pydicom writes no such value, and scanners do
    assert content.count(valid.encode()) == 1
    path.write_bytes(content.replace(valid.encode(), found))
    assert sizes(*written) == [8, 8]
