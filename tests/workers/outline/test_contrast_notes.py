"""What a case says where nothing shows that its phase lies after contrast, and what headers say of the phase."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from model_store.signatures.profile import HAN2024
from support.contrast_phases import (
    BREAST,
    DCE,
    MASK,
    SHAPE,
    WriteSeg,
    WriteSeries,
    tumour_code,
)
from workers.errors import RejectedInput
from workers.features.case_input import read_case
from workers.images.contrast_agent import names_an_agent, said_before_contrast
from workers.images.frames import frames_of
from workers.images.headers import read_header
from workers.notes import Note, Severity


def read(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    levels: list[int],
    outlined: int,
    **attributes: Any,
) -> tuple[Note, ...]:
    """Write phases whose tumour has these levels, read the case outlined on one of them, and return its notes.

    It is shown to be after contrast exactly where there is no note.
    """
    noise = np.random.default_rng(5)
    phases: list[list[FileDataset]] = []
    for number, level in enumerate(levels):
        array = noise.normal(100, 5, SHAPE)
        array[MASK] = noise.normal(level, 5, MASK.sum())
        when = {"TemporalPositionIdentifier": number + 1, "AcquisitionTime": f"10{number:02d}00"}
        extra = {**(when if len(levels) > 1 else {}), "ContrastBolusAgent": "Gadobutrol", **attributes}
        phases.append(write_series(array.astype(np.int16), name=f"p{number}-", extra=lambda z, extra=extra: extra))
    paths = [Path(image.filename) for phase in phases for image in phase]
    volume, _, _ = read_case(paths, write_seg(phases[outlined], [(tumour_code(), MASK)]), HAN2024)
    assert volume.array[MASK].mean() == pytest.approx(levels[outlined], abs=2)
    assert volume.is_shown_after_contrast == (not volume.notes)
    return volume.notes


@pytest.mark.parametrize(("levels", "outlined"), [([100, 101, 103], 1), ([200, 150], 1)])
def test_a_tumour_without_enhancement_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, levels: list[int], outlined: int
) -> None:
    """It may not take up contrast, or the phases are in another order: no contradiction, but no certain verdict."""
    [note] = read(write_series, write_seg, levels, outlined)
    assert note.severity is Severity.WARNING
    assert "does not enhance" in note.text


@pytest.mark.parametrize(("around", "is_shown"), [(1.0, True), (1.2, True), (1.7, False)])
def test_a_tumour_that_brightens_with_everything_around_it_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, around: float, is_shown: bool
) -> None:
    """Another scale of grey values does so, and noise; a breast takes up less agent than its tumour."""
    images = []
    for number, factor in enumerate((1.0, around)):
        array = np.where(MASK, BREAST * (1.7 if number else 1), BREAST * factor).astype(np.int16)
        attributes = {**DCE, "AcquisitionTime": f"10{number:02d}00", "SeriesInstanceUID": f"1.2.3.{number}"}
        images.append(write_series(array, name=f"p{number}_", extra=lambda z, values=attributes: values))
    seg = write_seg(images[1], [(tumour_code(), MASK)])
    mine, other = ([Path(image.filename) for image in part] for part in reversed(images))
    volume, _, _ = read_case(mine, seg, HAN2024, other_series=[other])
    assert volume.is_shown_after_contrast == is_shown
    assert [note.short() for note in volume.notes] == ([] if is_shown else ["The outline does not enhance"])


def test_without_phase_and_agent_a_warning_says_that_nothing_is_known(
    write_series: WriteSeries, write_seg: WriteSeg
) -> None:
    """A single phase whose header names no contrast agent is measured, so that its verdict can be uncertain."""
    [note] = read(write_series, write_seg, [150], 0, ContrastBolusAgent="")
    assert note.severity is Severity.WARNING
    assert "No evidence" in note.text
    assert read(write_series, write_seg, [150], 0) == ()


@pytest.mark.parametrize(
    ("attributes", "warned"),
    [
        ({"TemporalPositionIdentifier": 1, "NumberOfTemporalPositions": 5}, True),
        ({"TemporalPositionIdentifier": 2, "NumberOfTemporalPositions": 5}, False),
        ({"TemporalPositionIdentifier": 1, "NumberOfTemporalPositions": 1}, False),
        ({"AcquisitionTime": "100000", "ContrastBolusStartTime": "100130"}, True),
        ({"AcquisitionTime": "100200", "ContrastBolusStartTime": "100130"}, False),
    ],
)
def test_the_first_phase_alone_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, attributes: dict[str, Any], warned: bool
) -> None:
    """Without another phase nothing shows whether it enhances; a header that calls it the first makes it doubtful."""
    notes = read(write_series, write_seg, [150], 0, **attributes)
    expected = ["The phase may be before contrast"] if warned else []
    assert [note.short() for note in notes if note.severity is Severity.WARNING] == expected


def test_enhancement_outweighs_a_header(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Headers repeat what holds before the injection: a tumour that has grown 80 % brighter has contrast."""
    before = usage(ContrastBolusAgentAdministered="NO")
    assert read(write_series, write_seg, [100, 180], 1, SharedFunctionalGroupsSequence=before) == ()
    with pytest.raises(RejectedInput, match="Administered NO"):
        read(write_series, write_seg, [150], 0, SharedFunctionalGroupsSequence=before)


def usage(**attributes: str) -> list[Dataset]:
    """Return functional groups with one item of Contrast/Bolus Usage Sequence."""
    item, group = Dataset(), Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    group.ContrastBolusUsageSequence = [item]
    return [group]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, ""),
        ({"ContrastBolusAgent": "NONE"}, ""),  # so does br06, after contrast
        ({"SeriesDescription": "T1 fl3d pre contrast"}, "'pre contrast'"),
        ({"SeriesDescription": "T1 nativ"}, "'nativ'"),
        ({"SeriesDescription": "T1 pre and post contrast"}, ""),
        ({"SeriesDescription": "T1 fs prep dyn"}, ""),
        ({"SeriesDescription": "Prescan normalised"}, ""),
        (
            {"SharedFunctionalGroupsSequence": usage(ContrastBolusAgentPhase="PRE_CONTRAST")},
            "Agent Phase PRE_CONTRAST",
        ),
        ({"SharedFunctionalGroupsSequence": usage(ContrastBolusAgentAdministered="NO")}, "Administered NO"),
        ({"SharedFunctionalGroupsSequence": usage(ContrastBolusAgentPhase="POST_CONTRAST")}, ""),
    ],
    ids=str,
)
def test_what_headers_say(write_series: WriteSeries, attributes: dict[str, Any], words: str) -> None:
    """Agent, its phase, and the description of a series of one phase (PS3.3 C.7.6.4, C.7.6.16.2.12)."""
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: attributes)
    [frame] = frames_of(read_header(Path(image.filename)))
    found = said_before_contrast(frame, is_alone=True)
    assert bool(found) == bool(words)
    assert words in found


@pytest.mark.parametrize(
    ("description", "is_before"),
    [
        ("T1 pre FS", True),
        ("AX T1 W/O", True),
        ("t1 ohne KM fs", True),
        ("t1_dyn_pre_fs", True),
        ("DCE PRE", True),
        ("dyn_" * 8000 + "end", False),
        ("T1 vor KM", True),
        ("T1 sans injection", True),
        ("T1 unenhanced", True),
        ("T1平扫", True),
        ("pre/post dyn", False),
        ("dyn pre-op", False),
        ("T1 vor und nach KM", False),
        ("T1 pre-menopausal", False),
        ("AX T1 w/o FS", False),
        ("t1 without fat sat", False),
        ("T1 ohne Fettsaettigung", False),
        ("T1 pre-op", False),
        ("AX T1 PRE CHEMO", False),
    ],
)
def test_a_description_without_fat_saturation_or_before_a_therapy_says_nothing(
    write_series: WriteSeries, description: str, is_before: bool
) -> None:
    """Only contrast is meant: a single phase after contrast must not be refused for these words."""
    extra = {"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": description}
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: extra)
    [frame] = frames_of(read_header(Path(image.filename)))
    assert bool(said_before_contrast(frame, is_alone=True)) == is_before


@pytest.mark.parametrize(("flavor", "is_before"), [("PRE_CONTRAST", True), ("POST_CONTRAST", False)])
def test_an_image_type_may_say_the_phase(write_series: WriteSeries, flavor: str, is_before: bool) -> None:
    """The third value in Enhanced MR images (PS3.3 section C.8.16.1.3)."""
    image_type = ["ORIGINAL", "PRIMARY", flavor, "NONE"]
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: {"ImageType": image_type})
    [frame] = frames_of(read_header(Path(image.filename)))
    assert bool(said_before_contrast(frame, is_alone=False)) == is_before
    assert names_an_agent(frame) != is_before


def test_a_description_of_several_phases_says_nothing_of_one(write_series: WriteSeries) -> None:
    """It is the series' description."""
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: {"SeriesDescription": "T1 pre contrast"})
    [frame] = frames_of(read_header(Path(image.filename)))
    assert not said_before_contrast(frame, is_alone=False)
    assert not names_an_agent(frame)
