"""One job for each outline, whichever listener creates it and whatever lies beside it."""

from typing import Any

import pytest

from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    OUTLINES,
    STUDY,
    file_bytes,
    image,
    image_uid,
    outline,
)
from support.pairing_station import Clock, Station


def test_two_listeners_on_one_spool_make_one_job_and_announce_it_once(spool: Spool, clock: Clock) -> None:
    """The outline comes to one listener, the images to another, the outline again to the other."""
    one, other = Station(spool, clock), Station(spool, clock)
    one.receive(outline(images=[1, 2]))
    other.receive(image(1))
    other.receive(image(2))
    other.receive(outline(images=[1, 2]))
    for _ in range(3):
        one.scan(1.5)
        other.scan(0.0)
    assert len(list(spool.jobs())) == 1
    assert len(one.announced + other.announced) == 1


@pytest.mark.parametrize(
    ("second", "replaced"),
    [
        ({"number": 2}, True),
        ({"number": 2, "series": f"{OUTLINES}9", "tracking_uid": "1.2.3"}, True),
        ({"number": 2, "series": f"{OUTLINES}9"}, False),
        ({"number": 2, "image_series": f"{IMAGES}9"}, False),
    ],
)
def test_a_corrected_outline_replaces_the_earlier_one(station: Station, second: Any, replaced: bool) -> None:
    """Same images, and same series or same Tracking UID: the new job names the old one. Otherwise they stand alone."""
    station.receive(outline(images=[1], tracking_uid="1.2.3"))
    station.receive(outline(images=[1], **second))
    first_id, second_id = (job_id_for(f"{OUTLINES}.{number}", 1) for number in (1, 2))
    content = {job["job_id"]: job for job in station.jobs()}
    assert content[first_id]["replaces"] is None
    assert content[second_id]["replaces"] == (first_id if replaced else None)


def test_an_outline_whose_listener_died_before_its_job_was_made_gets_it_at_start(spool: Spool, clock: Clock) -> None:
    """Kept, then killed before the job and the response: the next start finds it."""
    object_ = outline(images=[1, 2])
    part = spool.receiving / "part"
    part.write_bytes(file_bytes(object_))
    spool.keep(part, STUDY, OUTLINES, object_.SOPInstanceUID)
    station = Station(spool, clock)
    station.pairer.reconcile()
    station.pairer.reconcile()
    (job,) = station.jobs(JobState.WAITING)
    assert job["seg"]["sop_instance_uid"] == object_.SOPInstanceUID
    assert job["required"] == {IMAGES: [image_uid(1), image_uid(2)]}


def test_strangers_among_the_studies_do_not_keep_an_outline_from_its_job(spool: Spool, clock: Clock) -> None:
    """Files and folders that are not ours, and files that are no instances, are passed over, whatever comes first."""
    object_ = outline(images=[1])
    part = spool.receiving / "part"
    part.write_bytes(file_bytes(object_))
    spool.keep(part, STUDY, OUTLINES, object_.SOPInstanceUID)
    strangers = [spool.studies / "0.txt", spool.studies / STUDY / "0.txt"]
    strangers += [spool.studies / STUDY / OUTLINES / name for name in ("0.1.dcm", "zero.dcm", "1.dcm")]
    for stranger in strangers:
        stranger.write_bytes(b"no instance")
    (spool.studies / STUDY / "lost+found").mkdir()
    (spool.studies / STUDY / OUTLINES / "1.5.dcm").mkdir()
    station = Station(spool, clock)
    station.pairer.reconcile()
    station.receive(image(1))
    station.scan(3.0)
    (job,) = station.jobs(JobState.READY)
    assert job["seg"]["sop_instance_uid"] == object_.SOPInstanceUID
