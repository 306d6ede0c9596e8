"""An outline whose classic images came as one Legacy Converted Enhanced MR object."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedMRImageStorage

from deploy.simulation.phantom import write_phantom
from listener.spool.job_record import NotComplete
from model_store.signatures.bundle import load_bundle
from model_store.signatures.profile import HAN2024, FeatureProfile
from model_store.signatures.registry import shipped_bundle
from support.enhanced_images import outline_on_classic, write_legacy_converted
from support.structure_sets import contours_of, write_structure_set
from workers.errors import RejectedInput
from workers.features.case_input import read_case
from workers.jobs.case import CaseInputs, came_converted
from workers.jobs.several_tumours import tumours_in
from workers.limits import LIMITS
from workers.outline.converted_images import images_in_other_form


def shipped_profile() -> FeatureProfile:
    """Return the profile of the shipped signature, whose phase rule is the first after contrast."""
    return load_bundle(shipped_bundle()).profile


def test_the_frames_stand_for_the_images_that_they_were_made_of(shared_data: Path, tmp_path: Path) -> None:
    """The same phase and voxels, and a note that states the replacement."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    volume, roi, _ = read_case([case / "legacy.dcm"], case / "seg.dcm", HAN2024)
    outline = outline_on_classic(case, tmp_path)
    for images, other_series in ([], [[case / "legacy.dcm"]]), ([case / "legacy.dcm"], []):
        found, again, _ = read_case(images, outline, HAN2024, other_series=other_series)
        assert found.frames == volume.frames
        assert (again.tumour == roi.tumour).all()
        assert "converted" in " ".join(note.text for note in again.notes)


def test_converted_images_replace_the_named_ones_that_came(shared_data: Path, tmp_path: Path) -> None:
    """Some of the classic images came beside the object made of all of them: no slice is there twice."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    volume, _, _ = read_case([case / "legacy.dcm"], case / "seg.dcm", HAN2024)
    outline = dcmread(outline_on_classic(case, tmp_path), stop_before_pixels=True)
    named = outline.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
    came = dcmread(min((case.parents[1] / "00_reference_phantom" / "images").iterdir()))
    came.SOPInstanceUID = came.file_meta.MediaStorageSOPInstanceUID = named.ReferencedSOPInstanceUID
    came.save_as(tmp_path / "came.dcm")
    found, _, _ = read_case([tmp_path / "came.dcm", case / "legacy.dcm"], tmp_path / "seg.dcm", HAN2024)
    assert found.frames == volume.frames


@pytest.mark.parametrize("numbered", [True, False])
def test_classic_images_stand_for_the_object_that_they_were_split_from(tmp_path: Path, numbered: bool) -> None:
    """The outline names an Enhanced object; what came are the images that an archive made of its frames."""
    small = {"slices": 24, "rows": 64, "columns": 64, "spacing_mm": (2.0, 2.0, 2.0), "tumour_diameter_mm": 20.0}
    phantom = write_phantom(tmp_path / "study", 7, **small)
    paths = [path for phase in phantom.image_paths for path in phase]
    volume, roi, _ = read_case(paths, phantom.seg_path, HAN2024)
    frames = {}
    for number, path in enumerate(paths, start=1):
        image, source = dcmread(path), Dataset()
        frames[str(image.SOPInstanceUID)] = number
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = EnhancedMRImageStorage, "1.2.3.4"
        source.ReferencedFrameNumber = number
        image.ConversionSourceAttributesSequence = [source]
        image.save_as(path)
    seg = dcmread(phantom.seg_path)
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence"):
        seg.pop(keyword, None)
    for groups in seg.PerFrameFunctionalGroupsSequence:
        for named in groups.DerivationImageSequence[0].SourceImageSequence:
            number = frames[named.ReferencedSOPInstanceUID]
            named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID = EnhancedMRImageStorage, "1.2.3.4"
            if numbered:
                named.ReferencedFrameNumber = number
    seg.save_as(phantom.seg_path)
    found, again, _ = read_case([], phantom.seg_path, shipped_profile(), other_series=[paths])
    assert found.frames == volume.frames
    assert (again.tumour == roi.tumour).all()
    assert "converted" in " ".join(map(str, again.notes))
    assert ("phase rule" in " ".join(map(str, found.notes))) is not numbered  # without numbers any phase may be meant


def test_several_tumours_of_a_structure_set_whose_images_came_converted(tmp_path: Path) -> None:
    """Contours that name classic images, of which the Enhanced object came: each tumour has the same voxels."""
    small = {"slices": 24, "rows": 64, "columns": 64, "spacing_mm": (2.0, 2.0, 2.0), "tumour_diameter_mm": 20.0}
    phantom = write_phantom(tmp_path / "study", 7, separate_series=True, **small)
    images, upper = phantom.image_paths[1], phantom.images.tumour.copy()
    middle = int(np.argwhere(upper)[:, 1].mean())
    lower = upper.copy()
    upper[:, middle:], lower[:, :middle] = False, False
    regions = {"Lesion 1": contours_of(upper, images), "Lesion 2": contours_of(lower, images)}
    outline = write_structure_set(tmp_path / "rs.dcm", images, regions)
    converted = write_legacy_converted(tmp_path / "legacy.dcm", images)
    for number in (1, 2):
        _, expected, _ = read_case(images, outline, HAN2024, segment_number=number)
        _, found, _ = read_case([], outline, HAN2024, segment_number=number, other_series=[[converted]])
        assert (found.tumour == expected.tumour).all()
        assert found.other_tissue is not None
        assert expected.other_tissue is not None
        assert (found.other_tissue == expected.other_tissue).all()
    closed = CaseInputs(outline, (), NotComplete("missing_instances", "24 of 24 instances missing"))
    came = replace(closed, other_series=((converted,),))  # after the deadline, before a worker looked
    assert tumours_in(closed, LIMITS) == ()
    assert tumours_in(came, LIMITS) == (1, 2)
    assert [came_converted(replace(one, segment_number=2), LIMITS) for one in (closed, came)] == [False, True]


def test_images_in_another_form_are_named_where_nothing_links_them(shared_data: Path, tmp_path: Path) -> None:
    """The outline names classic images, an Enhanced object of their frame of reference came: the message says so."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    outline = dcmread(outline_on_classic(case, tmp_path), stop_before_pixels=True)
    series = str(dcmread(case / "legacy.dcm", specific_tags=["SeriesInstanceUID"]).SeriesInstanceUID)
    assert f"series {series} of the study holds Enhanced MR" in images_in_other_form(
        outline, [[case / "seg.dcm"], [case / "legacy.dcm"]], LIMITS
    )
    outline.FrameOfReferenceUID = "1.2.3"
    assert images_in_other_form(outline, [[case / "legacy.dcm"]], LIMITS) == ""


def test_another_object_stands_for_nothing(shared_data: Path, br06: Path, tmp_path: Path) -> None:
    """What was not converted from the named images does not take their place."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    outline = outline_on_classic(case, tmp_path)
    with pytest.raises(RejectedInput, match="found none"):
        read_case([], outline, HAN2024, other_series=[[min((br06 / "dce").iterdir())]])
