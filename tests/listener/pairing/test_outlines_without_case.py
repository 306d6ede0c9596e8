"""Outlines that make no case, and those that only look as if they made none."""

import json
import threading

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    RTStructureSetStorage,
)

from listener.ledger.set_aside_outlines import read_set_aside
from listener.settings import DeadlinePolicy, RetrieveSource
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    OUTLINES,
    STUDY,
    image,
    image_uid,
    outline,
)
from support.pairing_station import Clock, Station


def test_a_result_that_comes_back_makes_no_job_whoever_changed_its_header(station: Station) -> None:
    """Recognised by the UID that a job of the study assigned, also with a changed manufacturer; logged once."""
    station.receive(image(1))
    station.receive(outline(images=[1]))
    station.scan(3.0)
    (job,) = station.spool.jobs()
    returned = outline(images=[1], number=2, series=f"{OUTLINES}7")
    (job.folder / "result.json").write_text(json.dumps({"objects": {"segmentation": returned.SOPInstanceUID}}))
    for _ in range(2):
        station.receive(returned)
    assert len(list(station.spool.jobs())) == 1
    (aside,) = read_set_aside(station.spool.ledger)
    assert (aside.reason, aside.sop_instance_uid) == ("own_result", returned.SOPInstanceUID)
    station.pairer.reconcile()
    assert len(list(station.spool.jobs())) == 1


def with_words(object_: Dataset, **words: str) -> Dataset:
    """Return an object with these attributes."""
    for keyword, value in words.items():
        setattr(object_, keyword, value)
    return object_


def test_an_outline_on_images_of_another_body_part_ends_as_no_case(station: Station) -> None:
    """A prostate: known by the headers of its images once they are there; kept, noted, and nothing in its study."""
    station.receive(with_words(image(1), BodyPartExamined="PROSTATE"))
    station.receive(outline(images=[1]))
    station.scan(3.0)
    assert list(station.spool.jobs()) == []
    (aside,) = read_set_aside(station.spool.ledger)
    assert (aside.reason, "prostat" in aside.message) == ("other_body_part", True)
    station.receive(outline(images=[1]))  # sent again
    station.pairer.reconcile()
    assert list(station.spool.jobs()) == []


@pytest.mark.parametrize(
    "words",
    [
        {"BodyPartExamined": "BREAST"},
        {"BodyPartExamined": ""},
        {"BodyPartExamined": "HEAD", "StudyDescription": "MRT Mamma bds."},
        {"BodyPartExamined": "CHEST"},
        {"SeriesDescription": "head first prone"},
    ],
)
def test_a_word_for_the_breast_or_none_at_all_makes_a_case(station: Station, words: dict[str, str]) -> None:
    """Body Part Examined is often a default of the scanner: it is no evidence against a term for the breast."""
    station.receive(with_words(image(1), **words))
    station.receive(outline(images=[1]))
    station.scan(3.0)
    assert len(station.jobs(JobState.READY)) == 1


@pytest.mark.parametrize(
    ("position", "is_case"), [("HFP", True), ("HFS", False), (None, False)], ids=["prone", "supine", "no image"]
)
def test_of_a_chest_the_images_tell(spool: Spool, clock: Clock, position: str | None, is_case: bool) -> None:
    """An outline has the description of its study, and not how the patient lay; one without images is no case."""
    station = Station(spool, clock, deadline_seconds=10.0)
    station.receive(with_words(outline(images=[1]), StudyDescription="MR CHEST"))
    if position is not None:
        station.receive(with_words(image(1), StudyDescription="MR CHEST", PatientPosition=position))
    station.scan(3.0)
    assert len(station.jobs(JobState.READY)) == is_case
    station.scan(11.0)
    assert [one.reason for one in read_set_aside(station.spool.ledger)] == ([] if is_case else ["other_body_part"])
    assert len(list(station.spool.jobs())) == is_case


def test_a_site_may_score_other_body_parts(spool: Spool, clock: Clock) -> None:
    """`listener.set_aside_other_body_parts: false`."""
    station = Station(spool, clock, set_aside_other_body_parts=False)
    station.receive(with_words(image(1), BodyPartExamined="LIVER"))
    station.receive(outline(images=[1]))
    station.scan(3.0)
    assert len(station.jobs(JobState.READY)) == 1


def on_class(object_: Dataset, sop_class: str) -> Dataset:
    """Return an outline whose images are of this class."""
    for series in object_.ReferencedSeriesSequence:
        for reference in series.ReferencedInstanceSequence:
            reference.ReferencedSOPClassUID = sop_class
    for frame in object_.PerFrameFunctionalGroupsSequence:
        for reference in frame.DerivationImageSequence[0].SourceImageSequence:
            reference.ReferencedSOPClassUID = sop_class
    return object_


def test_an_outline_on_images_that_are_never_accepted_makes_no_case(station: Station) -> None:
    """CT and PET are known at once, from the outline alone; an unknown class may be a new kind of MR."""
    station.receive(on_class(outline(images=[1]), CTImageStorage))
    (aside,) = read_set_aside(station.spool.ledger)
    assert (aside.reason, "CT Image Storage" in aside.message) == ("other_images", True)
    station.receive(on_class(outline(images=[1], number=2), "1.2.3.4"))
    assert len(list(station.spool.jobs())) == 1


def structure_set(sop_class: str) -> Dataset:
    """Return a structure set that names an image of this class."""
    reference = with_words(Dataset(), ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=image_uid(1))
    series = with_words(Dataset(), SeriesInstanceUID=IMAGES, ContourImageSequence=[reference])
    study = with_words(Dataset(), RTReferencedSeriesSequence=[series])
    found = outline(images=[])
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    found.StructureSetROISequence = [with_words(Dataset(), ROINumber=1)]
    found.ReferencedFrameOfReferenceSequence = [with_words(Dataset(), RTReferencedStudySequence=[study])]
    return found


def test_a_segmentation_of_fused_images_waits_for_the_mr_alone(station: Station) -> None:
    """A workstation for PET/MR names both: what is never accepted cannot be waited for."""
    fused = outline(images=[1])
    other = with_words(Dataset(), ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=f"{IMAGES}9.9")
    fused.ReferencedSeriesSequence.append(
        with_words(Dataset(), SeriesInstanceUID=f"{IMAGES}9", ReferencedInstanceSequence=[other])
    )
    fused.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence.append(other)
    station.receive(fused)
    station.receive(image(1))
    station.scan(3.0)
    [job] = station.jobs(JobState.READY)
    assert job["required"] == {IMAGES: [image_uid(1)]}


@pytest.mark.parametrize("policy", DeadlinePolicy)
def test_a_structure_set_that_names_ct_is_believed_only_if_no_mr_comes(
    spool: Spool, clock: Clock, policy: DeadlinePolicy
) -> None:
    """Plastimatch names every image as CT. A plan on CT is neither fetched nor scored: set aside at the deadline."""
    source = RetrieveSource("PACS", "127.0.0.1", 104)
    station = Station(spool, clock, deadline_seconds=10.0, deadline_policy=policy, retrieve_from=source)
    station.receive(structure_set(CTImageStorage))
    station.scan(9.0)
    assert len(station.jobs(JobState.WAITING)) == 1
    station.scan(2.0)
    assert (list(station.spool.jobs()), station.fetched) == ([], [])
    [aside] = read_set_aside(station.spool.ledger)
    assert (aside.reason, "CT Image Storage" in aside.message) == ("other_images", True)


def test_the_images_of_a_set_by_plastimatch_are_fetched(spool: Spool, clock: Clock) -> None:
    """It names MR images as CT too: they are requested once, and the set is put aside only if no MR image comes."""
    source = RetrieveSource("PACS", "127.0.0.1", 104)
    policy = DeadlinePolicy.FETCH
    station = Station(spool, clock, deadline_seconds=10.0, deadline_policy=policy, retrieve_from=source)
    station.receive(with_words(structure_set(CTImageStorage), Manufacturer="Plastimatch"))
    station.scan(11.0)
    for thread in threading.enumerate():
        if thread.name == "retrieve":
            thread.join(60)
    assert station.fetched == [(STUDY, {IMAGES: (image_uid(1),)})]
    station.scan(11.0)
    assert not list(station.spool.jobs())
    [aside] = read_set_aside(station.spool.ledger)
    assert aside.reason == "other_images"


@pytest.mark.parametrize("images_first", [True, False])
def test_a_structure_set_that_names_mr_images_as_ct_is_a_case(station: Station, images_first: bool) -> None:
    """The images that came under the named UIDs are MR: the class in the reference is wrong."""
    received = [image(1), structure_set(CTImageStorage)]
    for one in received if images_first else reversed(received):
        station.receive(one)
    station.scan(3.0)
    assert len(station.jobs(JobState.READY)) == 1


@pytest.mark.parametrize(
    ("labels", "aside"), [(["Liver"], True), (["Heart", "Tumor"], False), (["Prostate", "Peripheral zone"], False)]
)
def test_every_segment_has_to_be_of_another_body_part(station: Station, labels: list[str], aside: bool) -> None:
    """A breast may be outlined together with the heart: one segment that could be a tumour is enough for a case."""
    found = outline(images=[1])
    found.SegmentSequence = [with_words(Dataset(), SegmentLabel=label) for label in labels]
    station.receive(found)
    assert bool(list(read_set_aside(station.spool.ledger))) is aside
