"""Images that lie in another series or study than the outline says."""

import pytest
from pydicom.uid import (
    JPEGBaseline8Bit,
    MRImageStorage,
)

from listener.ledger.refused_contexts import RefusedContext, note_refused
from listener.pairing.readiness import waiting_for
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    STUDY,
    image,
    image_uid,
    outline,
)
from support.pairing_station import Clock, Station


def test_images_that_are_filed_under_a_wrong_series_are_found_in_their_study(station: Station) -> None:
    """Some writers list the images of several series under one: images that are in the study are not missing."""
    other = f"{IMAGES}8"
    station.receive(outline(images=[1, 2], image_series=IMAGES))
    station.receive(image(1))
    misfiled = image(2)
    misfiled.SeriesInstanceUID = other
    station.receive(misfiled)
    station.scan(3.0)
    (job,) = station.jobs(JobState.READY)
    assert job["not_complete"] is None
    assert job["required"] == {IMAGES: [image_uid(1)], other: [image_uid(2)]}
    assert set(job["instances"]) == {IMAGES, other}


def test_images_that_lie_in_another_study_are_said_at_once(station: Station) -> None:
    """The job does not wait for its deadline: the study that has all of them is named."""
    elsewhere = f"{STUDY}77"
    for number in (1, 2):
        station.receive(image(number, study=elsewhere))
    station.receive(outline(images=[1, 2]))
    station.scan()
    (job,) = station.jobs(JobState.READY)
    assert f"they lie in study {elsewhere}" in job["not_complete"]["message"]
    assert "2 of 2 instances missing" in job["not_complete"]["message"]


@pytest.mark.parametrize("own", [True, False])
def test_a_series_that_is_split_over_two_studies_is_said_at_once(station: Station, own: bool) -> None:
    """One image in the outline's study or in a second other one: both are named, and that one study needs them all."""
    elsewhere, first = f"{STUDY}77", STUDY if own else f"{STUDY}66"
    station.receive(image(1, study=first))
    station.receive(image(2, study=elsewhere))
    station.receive(outline(images=[1, 2]))
    station.scan()
    (job,) = station.jobs(JobState.READY)
    message = job["not_complete"]["message"]
    assert f"{elsewhere}: send the outline and all of its images in one study" in message
    assert own or f"they lie in study {first} and {elsewhere}" in message
    assert f"{1 if own else 2} of 2 instances missing" in message
    station.receive(image(2))
    station.receive(image(1))
    station.scan(3.0)
    station.scan()
    versions = {job["version"]: job["not_complete"] for job in station.jobs()}
    assert versions[2] is None


def test_what_is_missing_is_expected_somewhere(spool: Spool, clock: Clock) -> None:
    """`radtme status`, and the report at last, name series and study; and what the sender offers instead."""
    station = Station(spool, clock, deadline_seconds=10.0)
    station.receive(outline(images=[1, 2]))
    (waiting,) = spool.jobs(JobState.WAITING)
    assert waiting_for(spool, waiting).where == f"expected in series {IMAGES} of study {STUDY}"
    note_refused(spool.ledger, RefusedContext("SENDER", str(MRImageStorage), (str(JPEGBaseline8Bit),)))
    station.scan(11.0)
    (job,) = station.jobs(JobState.READY)
    assert f"(expected in series {IMAGES} of study {STUDY})" in job["not_complete"]["message"]
    assert "lossy images are not measured" in job["not_complete"]["message"]
