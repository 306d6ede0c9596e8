"""What outlines of several makers say about their images."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ComprehensiveSRStorage, SegmentationStorage

from listener.dicom.data_set import UnreadableDataSet
from listener.pairing.segmentation_references import UNKNOWN_SERIES, Pairing, outline_of
from support.dicom_objects import IMAGES, image_uid, outline


def uids(*numbers: int) -> tuple[str, ...]:
    """Return the UIDs of images, sorted as text."""
    return tuple(sorted(image_uid(number) for number in numbers))


def test_frames_name_their_images_and_the_series_comes_from_the_series_sequence() -> None:
    """The strongest evidence: Derivation Image of each frame, with Referenced Series."""
    read = outline_of(outline(images=range(1, 13)))
    assert read.pairing is Pairing.INSTANCES
    assert read.required == {IMAGES: uids(*range(1, 13))}


def test_frames_without_a_series_are_required_all_the_same() -> None:
    """Without Referenced Series Sequence the series is looked for in the spool."""
    assert outline_of(outline(images=[1, 2], named_series=False)).required == {UNKNOWN_SERIES: uids(1, 2)}


def test_source_images_are_the_second_best() -> None:
    """Where no frame names an image, the top-level Source Image Sequence counts."""
    read = outline_of(outline(source_images=[3, 4]))
    assert (read.pairing, read.required) == (Pairing.SOURCE_IMAGES, {UNKNOWN_SERIES: uids(3, 4)})


def test_frame_of_reference_is_what_is_left() -> None:
    """An outline that names nothing is paired by its frame of reference."""
    read = outline_of(outline())
    assert (read.pairing, read.required) == (Pairing.FRAME_OF_REFERENCE, {})
    assert read.frame_of_reference_uid


def test_reports_and_other_outlines_are_not_waited_for() -> None:
    """A reference to an SR or a SEG is no image: a job must not wait for it."""
    object_ = outline(images=[1])
    for sop_class in (ComprehensiveSRStorage, SegmentationStorage):
        other = Dataset()
        other.ReferencedSOPClassUID, other.ReferencedSOPInstanceUID = sop_class, "1.2.3.4"
        object_.ReferencedSeriesSequence[0].ReferencedInstanceSequence.append(other)
    assert outline_of(object_).required == {IMAGES: uids(1)}


@pytest.mark.parametrize("damage", ["uid", "reference", "study"])
def test_an_outline_that_can_never_be_paired_is_refused(damage: str) -> None:
    """A malformed UID in what pairing needs is an error at once, not a job that waits for ever."""
    object_ = outline(images=[1])
    if damage == "uid":
        object_["SOPInstanceUID"]._value = "../1"
    elif damage == "study":
        del object_.StudyInstanceUID
    else:
        reference = object_.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
        reference["ReferencedSOPInstanceUID"]._value = "a/b"
    with pytest.raises(UnreadableDataSet):
        outline_of(object_)


def test_predecessors_and_tracking_uids_are_read() -> None:
    """Both say that an outline corrects another one."""
    object_ = outline(images=[1], tracking_uid="1.2.3")
    reference, series, study = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3.9"
    series.ReferencedSOPSequence = Items([reference])
    study.ReferencedSeriesSequence = Items([series])
    object_.PredecessorDocumentsSequence = Items([study])
    read = outline_of(object_)
    assert (read.tracking_uids, read.predecessors) == (("1.2.3",), ("1.2.3.9",))


def test_a_real_outline_names_the_phase_it_was_drawn_on(br06: Path) -> None:
    """br06's tumour outline references the 60 instances of phase 2 (its SOURCE says so)."""
    read = outline_of(dcmread(br06 / "tumour_seg" / "seg.dcm", stop_before_pixels=True))
    phase_2 = {
        str(head.SOPInstanceUID)
        for head in (dcmread(path, stop_before_pixels=True) for path in sorted((br06 / "dce").iterdir()))
        if 61 <= head.InstanceNumber <= 120
    }
    assert read.pairing is Pairing.INSTANCES
    assert {uid for named in read.required.values() for uid in named} == phase_2


def test_a_real_outline_without_frame_references_names_source_images(br06: Path) -> None:
    """br06's published VOI has neither Referenced Series nor frame references, but 84 source images."""
    read = outline_of(dcmread(br06 / "seg" / "1-1.dcm", stop_before_pixels=True))
    assert read.pairing is Pairing.SOURCE_IMAGES
    assert len(read.required[UNKNOWN_SERIES]) == 84


def test_outlines_of_other_toolkits_are_read(shared_data: Path) -> None:
    """Segmentations by dcmqi and highdicom, in every encoding at hand, give references without an error."""
    paths = list((shared_data / "seg_zoo").rglob("*.dcm"))
    heads = [dcmread(path, stop_before_pixels=True) for path in paths]
    outlines = [outline_of(head) for head in heads if "Segmentation" in head.SOPClassUID.name]
    assert len(outlines) >= 5
    assert all(read.required or read.pairing is Pairing.FRAME_OF_REFERENCE for read in outlines)
