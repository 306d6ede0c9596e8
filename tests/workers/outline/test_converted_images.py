"""An outline whose classic images came as one Legacy Converted Enhanced MR object."""

from pathlib import Path

import pytest
from pydicom import dcmread

from model_store.signatures.profile import HAN2024
from workers.errors import RejectedInput
from workers.features.measurement import read_case


def renamed_outline(case: Path, folder: Path) -> Path:
    """Write the case's outline as it was drawn on the classic images that the object was converted from."""
    legacy, seg = dcmread(case / "legacy.dcm"), dcmread(case / "seg.dcm")
    classic = [
        groups.ConversionSourceAttributesSequence[0].ReferencedSOPInstanceUID
        for groups in legacy.PerFrameFunctionalGroupsSequence
    ]
    for groups in seg.PerFrameFunctionalGroupsSequence:
        for source in groups.DerivationImageSequence[0].SourceImageSequence:
            source.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
            source.ReferencedSOPInstanceUID = classic[int(source.ReferencedFrameNumber) - 1]
            del source.ReferencedFrameNumber
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence"):
        seg.pop(keyword, None)
    path = folder / "seg.dcm"
    seg.save_as(path)
    return path


def test_the_frames_stand_for_the_images_that_they_were_made_of(shared_data: Path, tmp_path: Path) -> None:
    """The same phase, the same voxels, and a note that says so."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    volume, roi, _ = read_case([case / "legacy.dcm"], case / "seg.dcm", HAN2024)
    outline = renamed_outline(case, tmp_path)
    found, again, _ = read_case([], outline, HAN2024, other_series=[[case / "legacy.dcm"]])
    assert found.frames == volume.frames
    assert (again.tumour == roi.tumour).all()
    assert "converted" in " ".join(note.text for note in again.notes)


def test_another_object_stands_for_nothing(shared_data: Path, br06: Path, tmp_path: Path) -> None:
    """What was not converted from the named images does not take their place."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    outline = renamed_outline(case, tmp_path)
    with pytest.raises(RejectedInput, match="found none"):
        read_case([], outline, HAN2024, other_series=[[min((br06 / "dce").iterdir())]])
