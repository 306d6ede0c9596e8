"""How images were acquired, and whether that is as at training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from model_store.signatures.acceptance import AcceptanceContract, Criterion, Interval, Parameter
from workers.images.acquisition import (
    acquisition_columns,
    acquisition_notes,
    acquisition_objections,
    acquisition_of,
    phase_notes,
    phase_objections,
)
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import split_series
from workers.images.volume import Volume, build_volume

WriteSeries = Callable[..., list[FileDataset]]
STATED = {
    "RepetitionTime": "4.6",
    "EchoTime": "2.1",
    "FlipAngle": "10",
    "MagneticFieldStrength": "1.5",
    "ScanningSequence": "GR",
    "SequenceVariant": ["SP", "OSP"],
}


@pytest.fixture
def volume_of(write_series: WriteSeries) -> Callable[..., Volume]:
    """Write a phase of 0.8 x 0.8 x 2 mm with these attributes, and build its volume."""

    def build(**attributes: Any) -> Volume:
        array = np.random.default_rng(1).integers(1, 99, (3, 8, 8)).astype(np.int16)
        images = write_series(array, spacing=(0.8, 0.8, 2.0), extra=lambda z: attributes)
        instances = read_image_headers(Path(image.filename) for image in images)
        [phase] = split_series([frame for instance in instances for frame in frames_of(instance)])
        return build_volume(phase)

    return build


def test_what_headers_and_geometry_state(volume_of: Callable[..., Volume]) -> None:
    """In the units of the names; the technique in the words of the header."""
    found = acquisition_columns(volume_of(**STATED))
    assert found == {
        "repetition_time_ms": 4.6,
        "echo_time_ms": 2.1,
        "flip_angle_degrees": 10.0,
        "field_strength_tesla": 1.5,
        "pixel_spacing_mm": pytest.approx(0.8),
        "slice_spacing_mm": pytest.approx(2.0),
        "technique": "GR SP\\OSP",
    }


@pytest.mark.parametrize(("written", "tesla"), [("15000", 1.5), ("3", 3.0), ("30000", 3.0), ("0", None), ("", None)])
def test_field_strength_may_be_written_in_gauss(
    volume_of: Callable[..., Volume], written: str, tesla: float | None
) -> None:
    """As on br06 (GE): 15000. Without a strength there is none."""
    assert acquisition_of(volume_of(MagneticFieldStrength=written)).get(Parameter.FIELD_STRENGTH) == tesla


def test_br06_states_what_its_scanner_wrote(br06: Path) -> None:
    """1.5 T, written as 15000 gauss; 0.703 x 0.703 x 2 mm."""
    instances = read_image_headers(sorted((br06 / "dce").iterdir()))
    phase = split_series([frame for instance in instances for frame in frames_of(instance)])[1]
    found = acquisition_columns(replace(build_volume(phase), number_in_examination=2))
    assert found["field_strength_tesla"] == 1.5
    assert found["pixel_spacing_mm"] == pytest.approx(0.703, abs=5e-4)
    assert found["slice_spacing_mm"] == pytest.approx(2.0)
    assert found["phase"] == 2


CONTRACT = AcceptanceContract(
    acquisition={
        Parameter.ECHO_TIME: Interval(1.6, 3.0),
        Parameter.FIELD_STRENGTH: Interval(1.2, 3.75),
        Parameter.SLICE_SPACING: Interval(0.8, 2.5),
    }
)


@pytest.mark.parametrize(
    ("attributes", "criteria"),
    [
        (STATED, []),
        ({**STATED, "EchoTime": "4.4"}, [Criterion.ACQUISITION]),
        ({**STATED, "EchoTime": "4.4", "MagneticFieldStrength": "0.35"}, [Criterion.ACQUISITION] * 2),
        ({}, []),
    ],
)
def test_what_lies_outside_the_range_of_training_is_an_objection(
    volume_of: Callable[..., Volume], attributes: dict[str, Any], criteria: list[Criterion]
) -> None:
    """Each parameter that is stated and outside, with what was found and what was trained on."""
    objections = list(acquisition_objections(volume_of(**attributes), CONTRACT))
    assert [one.criterion for one in objections] == criteria
    if criteria:
        assert "echo time (ms) is 4.4" in objections[0].message
        assert "1.6 to 3" in objections[0].message


def test_spacing_is_a_criterion_of_its_own(volume_of: Callable[..., Volume]) -> None:
    """A site can let one of them warn and the other refuse."""
    narrow = AcceptanceContract(acquisition={Parameter.SLICE_SPACING: Interval(0.8, 1.5)})
    [objection] = acquisition_objections(volume_of(**STATED), narrow)
    assert objection.criterion is Criterion.SPACING


def test_what_is_not_stated_is_a_note(volume_of: Callable[..., Volume]) -> None:
    """Missing evidence does not refuse a case."""
    [note] = acquisition_notes(volume_of(), CONTRACT)
    assert "echo time (ms), field strength (tesla)" in note.text
    assert acquisition_notes(volume_of(**STATED), CONTRACT) == ()


@pytest.mark.parametrize(("number", "is_refused"), [(2, False), (3, True), (None, False)])
def test_another_phase_than_at_training_is_an_objection(
    volume_of: Callable[..., Volume], number: int | None, is_refused: bool
) -> None:
    """Phase 3 where training knew the second; an unknown number is a note."""
    volume, contract = replace(volume_of(), number_in_examination=number), AcceptanceContract(phases=(2,))
    assert [one.criterion for one in phase_objections(volume, contract)] == [Criterion.PHASE_NUMBER] * is_refused
    assert len(phase_notes(volume, contract)) == (number is None)
