"""Phases: which pictures were taken at the same moment."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

from workers.errors import Reason, RejectedInput
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import Phase, PhaseEvidence, across_series, split_series
from workers.images.volume import build_volume

PHASES, SLICES = 3, 5
WriteSeries = Callable[..., list[FileDataset]]


def split(images: list[FileDataset]) -> tuple[Phase, ...]:
    """Split what was written, read in an order that says nothing."""
    paths = [Path(image.filename) for image in images]
    random.Random(3).shuffle(paths)
    return split_series([frame for instance in read_image_headers(paths) for frame in frames_of(instance)])


def write_phases(
    write_series: WriteSeries, attributes: Callable[[int, int], Mapping[str, Any]]
) -> list[list[FileDataset]]:
    """Write phases whose slices carry ``attributes(phase, slice)``."""
    array = np.arange(SLICES * 16, dtype=np.int16).reshape(SLICES, 4, 4)
    return [
        write_series(array + phase, name=f"p{phase}_", extra=lambda z, phase=phase: attributes(phase, z))
        for phase in range(PHASES)
    ]


def uids(images: list[FileDataset]) -> set[str]:
    """SOP Instance UIDs of images."""
    return {image.SOPInstanceUID for image in images}


def found(phase: Phase) -> set[str]:
    """SOP Instance UIDs of a phase."""
    return {uid for uid, _ in phase.references}


EVIDENCE = {
    PhaseEvidence.TEMPORAL_POSITION: lambda phase, z: {"TemporalPositionIdentifier": phase + 1, "InstanceNumber": 1},
    PhaseEvidence.TRIGGER_TIME: lambda phase, z: {"TriggerTime": 1000 * phase, "InstanceNumber": 1},
    PhaseEvidence.REPETITION: lambda phase, z: {"InstanceNumber": 1 + phase * SLICES + z},
    PhaseEvidence.ACQUISITION_TIME: lambda phase, z: {"AcquisitionTime": f"10{phase:02d}00", "InstanceNumber": z + 1},
    PhaseEvidence.CONTENT_TIME: lambda phase, z: {"ContentTime": f"10{phase:02d}00", "InstanceNumber": z + 1},
    PhaseEvidence.ACQUISITION_NUMBER: lambda phase, z: {"AcquisitionNumber": 3 * phase + 2, "InstanceNumber": 1},
}


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_each_evidence_tells_phases_apart(write_series: WriteSeries, evidence: PhaseEvidence) -> None:
    """Whichever attribute a vendor writes, the phases come out whole and in order of time."""
    written = write_phases(write_series, EVIDENCE[evidence])
    phases = split([image for images in written for image in images])
    assert [phase.identity.found_by for phase in phases] == [evidence] * PHASES
    assert [phase.identity.index for phase in phases] == [1, 2, 3]
    assert [found(phase) for phase in phases] == [uids(images) for images in written]


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(lambda phase, z: {"InstanceNumber": 1 + z * PHASES + phase}, id="instance order"),
        pytest.param(lambda phase, z: {"TriggerTime": 100 * z + 7 * phase, "InstanceNumber": 1}, id="trigger times"),
    ],
)
def test_slice_after_slice_is_split_too(
    write_series: WriteSeries, attributes: Callable[[int, int], Mapping[str, Any]]
) -> None:
    """Some scanners number all phases of a slice before the next slice, or time every slice on its own."""
    written = write_phases(write_series, attributes)
    phases = split([image for images in written for image in images])
    assert [found(phase) for phase in phases] == [uids(images) for images in written]


def test_acquisition_numbers_tell_sixty_phases_apart(write_series: WriteSeries) -> None:
    """An ultrafast series without times, slice after slice, with numbers of images that are random."""
    count, numbers = 60, random.Random(5).sample(range(1, 1000), 60 * SLICES)
    array = np.arange(SLICES * 16, dtype=np.int16).reshape(SLICES, 4, 4)
    written = [
        write_series(
            array + phase,
            name=f"p{phase}_",
            extra=lambda z, phase=phase: {
                "AcquisitionNumber": phase + 1,
                "InstanceNumber": numbers[phase * SLICES + z],
            },
        )
        for phase in range(count)
    ]
    interleaved = [images[z] for z in range(SLICES) for images in written]
    phases = split(interleaved)
    assert [found(phase) for phase in phases] == [uids(images) for images in written]
    assert {phase.identity.found_by for phase in phases} == {PhaseEvidence.ACQUISITION_NUMBER}


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(lambda phase, z: min(phase, 1), id="two phases share one"),
        pytest.param(lambda phase, z: z, id="counts slices"),
        pytest.param(lambda phase, z: phase * SLICES + z, id="counts images"),
        pytest.param(lambda phase, z: phase * 2 + z % 2, id="two in each phase"),
        pytest.param(lambda phase, z: phase if z else "", id="absent in one slice"),
    ],
)
def test_acquisition_numbers_that_number_no_phases_are_no_evidence(
    write_series: WriteSeries, number: Callable[[int, int], object]
) -> None:
    """Each phase must have one number of its own, in every slice; else the series is refused."""
    written = write_phases(write_series, lambda phase, z: {"InstanceNumber": 1, "AcquisitionNumber": number(phase, z)})
    with pytest.raises(RejectedInput) as refused:
        split([image for images in written for image in images])
    assert refused.value.reason is Reason.UNKNOWN_PHASE


def test_instance_numbers_outweigh_acquisition_numbers(write_series: WriteSeries) -> None:
    """Phases 2 and 3 share an AcquisitionNumber; the instance order still parts them."""
    written = write_phases(
        write_series, lambda phase, z: {"InstanceNumber": 1 + phase * SLICES + z, "AcquisitionNumber": min(phase, 1)}
    )
    phases = split([image for images in written for image in images])
    assert [found(phase) for phase in phases] == [uids(images) for images in written]


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_an_incomplete_phase_does_not_disturb_the_others(write_series: WriteSeries, evidence: PhaseEvidence) -> None:
    """The first phase lacks a slice; the second one is still whole."""
    written = write_phases(write_series, EVIDENCE[evidence])
    phases = split([*written[0][:2], *written[0][3:], *written[1], *written[2]])
    assert found(phases[1]) == uids(written[1])
    assert [phase.expected_slices for phase in phases] == [SLICES] * PHASES


def test_repeated_slices_without_evidence_are_refused(write_series: WriteSeries) -> None:
    """Two pictures of each slice that nothing tells apart are no phases."""
    written = write_phases(write_series, lambda phase, z: {"InstanceNumber": 1})
    with pytest.raises(RejectedInput) as refused:
        split([image for images in written for image in images])
    assert refused.value.reason is Reason.UNKNOWN_PHASE


def test_parts_of_phases_that_share_no_slice_are_no_volume(write_series: WriteSeries) -> None:
    """The first slices of phase 1 and the last ones of phase 2 lie beside each other: two incomplete phases."""
    written = write_phases(write_series, EVIDENCE[PhaseEvidence.TEMPORAL_POSITION])
    phases = split([*written[0][:2], *written[1][2:]])
    assert [found(phase) for phase in phases] == [uids(written[0][:2]), uids(written[1][2:])]
    assert [phase.expected_slices for phase in phases] == [SLICES, SLICES]
    for phase in phases:
        with pytest.raises(RejectedInput) as refused:
            build_volume(phase)
        assert refused.value.reason is Reason.MISSING_SLICES


def test_parts_of_which_only_some_have_a_position_are_refused(write_series: WriteSeries) -> None:
    """Nothing says which phase the others belong to."""
    written = write_phases(
        write_series, lambda phase, z: {"TemporalPositionIdentifier": "" if z == SLICES - 1 else phase + 1}
    )
    with pytest.raises(RejectedInput) as refused:
        split([*written[0][:2], *written[1][2:]])
    assert refused.value.reason is Reason.UNKNOWN_PHASE


def test_a_count_of_slices_is_no_temporal_position(write_series: WriteSeries) -> None:
    """Where every slice has a position of its own, they are still one phase."""
    written = write_phases(write_series, lambda phase, z: {"TemporalPositionIdentifier": z + 1})
    (phase,) = split(written[0])
    assert found(phase) == uids(written[0])


@pytest.mark.parametrize("one_position", [False, True])
def test_enhanced_objects_are_phases_in_the_order_of_their_numbers(tmp_path: Path, one_position: bool) -> None:
    """One object for each phase, told apart by InstanceNumber only; a position that counts within objects is none."""
    paths = [write_enhanced(tmp_path, number, one_position) for number in (3, 1, 2)]
    phases = split_series([frame for instance in read_image_headers(paths) for frame in frames_of(instance)])
    assert [phase.identity.index for phase in phases] == [1, 2, 3]
    assert [{uid for uid, _ in phase.references} for phase in phases] == [{f"1.2.9.{n}"} for n in (1, 2, 3)]
    assert [len(phase.frames) for phase in phases] == [SLICES] * 3


def write_enhanced(folder: Path, number: int, one_position: bool) -> Path:
    """Write an Enhanced MR object of one phase."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.9.{number}"
    image.SeriesInstanceUID, image.InstanceNumber, image.NumberOfFrames = "1.2.9", number, SLICES
    image.Rows = image.Columns = 4
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [Dataset()], [Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing = [1, 1]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = [shared], []
    for z in range(SLICES):
        own = Dataset()
        own.PlanePositionSequence, own.FrameContentSequence = [Dataset()], [Dataset()]
        own.PlanePositionSequence[0].ImagePositionPatient = [0, 0, z]
        if one_position:
            own.FrameContentSequence[0].TemporalPositionIndex = 1
        image.PerFrameFunctionalGroupsSequence.append(own)
    path = folder / f"{number}.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


def test_pictures_of_other_contrast_are_split_first(write_series: WriteSeries) -> None:
    """Water and fat of one moment are not two phases."""
    written = write_phases(
        write_series, lambda phase, z: {"ImageType": ["DERIVED", "PRIMARY", "WF"[phase % 2]], "InstanceNumber": 1}
    )
    phases = split([*written[0], *written[1]])
    assert [phase.identity.count for phase in phases] == [1, 1]
    assert sorted(map(sorted, map(found, phases))) == sorted(map(sorted, map(uids, written[:2])))


def test_series_that_hold_one_phase_each_are_numbered_by_time(write_series: WriteSeries) -> None:
    """Vendors that write one series per phase: order of time, whatever order they come in."""
    written = write_phases(
        write_series,
        lambda phase, z: {"SeriesInstanceUID": f"1.2.{phase + 1}", "AcquisitionTime": f"10{9 - phase:02d}00"},
    )
    phases = across_series([split(images)[0] for images in written])
    assert [phase.identity.found_by for phase in phases] == [PhaseEvidence.SERIES] * 3
    assert [found(phase) for phase in phases] == [uids(images) for images in reversed(written)]
