"""What results say about the images that were measured."""

from dataclasses import replace
from typing import Any

import pytest
from pydicom import Dataset

from support.result_cases import SHAPE, make_case
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame
from workers.jobs.result_objects import build_results
from workers.results.result_roles import ResultRole
from workers.results.source_description import image_type_notes, measured_on, phase_words


def series(**attributes: Any) -> tuple[list[SourceFrame], list[Dataset]]:
    """Return three classic slices; an attribute is one for all, or a list of three."""
    headers = []
    for index in range(3):
        header = Dataset()
        header.SOPInstanceUID = f"1.2.{index}"
        for keyword, value in attributes.items():
            setattr(header, keyword, value[index] if isinstance(value, list) else value)
        headers.append(header)
    return [SourceFrame(str(header.SOPInstanceUID), None) for header in headers], headers


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "series, 3 slices"),
        ({"SeriesNumber": 4}, "series 4, 3 slices"),
        ({"SeriesNumber": 4, "SeriesDescription": "Sag T1"}, "series 4 'Sag T1', 3 slices"),
        ({"InstanceNumber": [12, 10, 11]}, "series, 3 slices, instance numbers 10 to 12"),
        ({"InstanceNumber": [12, 10, None]}, "series, 3 slices"),
        ({"TemporalPositionIdentifier": 2}, "series, 3 slices, temporal position 2"),
        ({"TemporalPositionIdentifier": [1, 2, 3]}, "series, 3 slices"),
        ({"TriggerTime": "62000"}, "series, 3 slices, trigger time 62000 ms"),
        ({"AcquisitionTime": "101100.25", "ContentTime": "111111"}, "series, 3 slices, acquired at 10:11:00"),
        (
            {"AcquisitionTime": ["101105", "101100", "101102"]},
            "series, 3 slices, acquired from 10:11:00 to 10:11:05",
        ),
        ({"AcquisitionDateTime": "20240301101100.5+0100"}, "series, 3 slices, acquired at 10:11:00"),
        ({"AcquisitionTime": "", "ContentTime": "101100"}, "series, 3 slices, made at 10:11:00"),
        ({"AcquisitionTime": ["101105", "", "101102"]}, "series, 3 slices"),
    ],
)
def test_it_says_where_to_find_the_slices(attributes: dict[str, Any], expected: str) -> None:
    """As far as the images say it."""
    assert measured_on(*series(**attributes)) == expected


def test_free_text_is_left_out_of_what_is_drawn_into_pixels() -> None:
    """A description may hold a name, and what is burnt into an image cannot be taken out of it again."""
    frames, headers = series(SeriesNumber=4, SeriesDescription="Doe^Jane T1")
    assert measured_on(frames, headers, with_description=False) == "series 4, 3 slices"


def test_frames_are_named_by_their_numbers() -> None:
    """One instance may hold all phases: the frame numbers tell which one it was."""
    case = make_case(enhanced=True, image_extra={"SeriesNumber": 7})
    for number, group in enumerate(case.headers[0].PerFrameFunctionalGroupsSequence, start=1):
        content = Dataset()
        content.FrameAcquisitionDateTime = "20240301101100" if number % 2 else "20240301101200"
        content.TemporalPositionIndex = 1 if number % 2 else 2
        group.FrameContentSequence = [content]
    said = measured_on(case.measurement.volume.frames, case.headers)
    last = 2 * SHAPE[0] - 1
    assert said == f"series 7, 12 slices, frame numbers 1 to {last}, temporal position 1, acquired at 10:11:00"


def test_only_the_results_that_state_the_phase_depend_on_how_many_had_come() -> None:
    """The same slices give the same bytes, whatever else had arrived; what says "phase 2 of 3" is another object."""
    case = make_case()
    volume = replace(case.measurement.volume, phase=PhaseIdentity(2, 3, PhaseEvidence.REPETITION))
    later = build_results(case.result, case.seg_header, replace(case.measurement, volume=volume))
    first = build_results(case.result, case.seg_header, case.measurement)
    for role in (ResultRole.SEGMENTATION, ResultRole.FEATURE_REPORT):
        assert later[role].to_json() == first[role].to_json()
    for role in (ResultRole.KEY_IMAGE, ResultRole.SUMMARY_REPORT):
        assert later[role].SOPInstanceUID != first[role].SOPInstanceUID
    assert "phase 2 of 3, series" in later[ResultRole.SUMMARY_REPORT].to_json()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"ContrastBolusStartTime": "101000", "AcquisitionTime": "101140.25"}, "1 min 40 s after contrast"),
        ({"ContrastBolusStartTime": "101000", "AcquisitionTime": "100900"}, ""),
        ({"ContrastBolusStartTime": "101000", "AcquisitionTime": "101140", "TriggerTime": "90000"}, ""),
        ({"AcquisitionTime": "101140"}, ""),
    ],
)
def test_the_time_after_contrast_is_stated_where_headers_state_it(extra: dict[str, str], expected: str) -> None:
    """From Contrast/Bolus Start Time to Acquisition Time; not where a Trigger Time counts from there."""
    assert phase_words(make_case(image_extra=extra).measurement.volume) == expected


@pytest.mark.parametrize(
    ("image_type", "is_noted"),
    [
        (["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], True),
        (["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND"], True),
        (["DERIVED", "PRIMARY", "M", "SUB", "ND"], True),
        (["DERIVED", "SECONDARY", "SUBTRACTION"], True),
        (["DERIVED", "SECONDARY", "PHASE SUBTRACT"], True),
        (["DERIVED", "SECONDARY", "PROJECTION IMAGE"], True),
        (["DERIVED", "PRIMARY", "T1_MAP"], True),
        (["ORIGINAL", "PRIMARY", "M", "ND", "NORM"], False),
        (["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"], False),
        (["DERIVED", "PRIMARY", "OTHER"], False),
        (["ORIGINAL", "PRIMARY"], False),
        (None, False),
    ],
)
def test_images_that_are_no_original_phase_are_noted(image_type: list[str] | None, is_noted: bool) -> None:
    """Image Type as scanners write it: the score was trained on contrast phases."""
    header = Dataset()
    header.ImageType = image_type
    notes = image_type_notes([header, header])
    assert len(notes) == is_noted
    assert all(", ".join(image_type or ()) in note.text for note in notes)
    assert len(image_type_notes([])) == 0
