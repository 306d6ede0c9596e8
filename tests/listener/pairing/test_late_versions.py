"""New versions of jobs for what came after they were made ready."""

from typing import Any

import pytest

from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    image,
    image_uid,
    outline,
    outline_uid,
)
from support.pairing_station import Clock, Station
from support.records import facts_of


def test_a_late_instance_makes_a_new_version_that_names_the_old_one(station: Station) -> None:
    """After the job has gone on, a new instance in its series gives one further job, once it has settled."""
    station.receive(outline(images=[1]))
    station.receive(image(1))
    station.scan(3.0)
    (first,) = station.spool.jobs(JobState.READY)
    station.spool.move(first, JobState.DONE, **facts_of(JobState.DONE))
    station.scan()
    station.receive(image(2))
    station.scan(0.5)
    assert not station.jobs(JobState.READY)
    station.scan(3.0)
    (second,) = station.jobs(JobState.READY)
    assert (second["version"], second["replaces"]) == (2, first.id)
    assert second["instances"] == {IMAGES: [image_uid(1), image_uid(2)]}
    station.receive(image(2))
    station.scan(100.0)
    assert len(list(station.spool.jobs())) == 2


def test_a_late_instance_does_not_repeat_a_job_that_is_still_incomplete(spool: Spool, clock: Clock) -> None:
    """Closed with two of three images: the third completes it, anything less gives no second refusal."""
    station = Station(spool, clock, deadline_seconds=50.0)
    station.receive(outline(images=[1, 2, 3]))
    station.receive(image(1))
    station.scan(50.0)
    station.receive(image(2))
    station.scan(10.0)
    assert len(list(spool.jobs())) == 1
    station.receive(image(3))
    station.scan(10.0)
    versions = {job["version"]: job for job in station.jobs()}
    assert versions[2]["not_complete"] is None
    assert versions[2]["replaces"] == versions[1]["job_id"]


@pytest.mark.parametrize("outline_of", [{"images": [1, 2]}, {"images": [1, 2], "named_series": False}, {}])
@pytest.mark.parametrize("restarted", [False, True])
def test_images_that_come_after_the_deadline_make_a_version(
    spool: Spool, clock: Clock, outline_of: Any, restarted: bool
) -> None:
    """Closed with nothing at all, whatever the outline names: when the images come, there is a result after all."""
    station = Station(spool, clock, deadline_seconds=50.0, settle_unreferenced_seconds=3.0)
    station.close_without_images(**outline_of)
    station.scan(1000.0)
    if restarted:
        station = Station(spool, clock, deadline_seconds=50.0, settle_unreferenced_seconds=3.0)
    station.receive(image(1))
    station.receive(image(2))
    station.scan(4.0)
    station.scan(4.0)
    versions = {job["version"]: job for job in station.jobs()}
    assert set(versions) == {1, 2}
    assert versions[2]["instances"] == {IMAGES: [image_uid(1), image_uid(2)]}
    assert versions[2]["not_complete"] is None


def test_a_later_series_of_the_frame_of_reference_makes_a_version(station: Station) -> None:
    """The outline names nothing: a post-contrast series that comes later belongs to it, one elsewhere in space not."""
    station.receive(image(1))
    station.receive(outline())
    station.scan(61.0)
    station.scan(1000.0)
    station.receive(image(1, series=f"{IMAGES}7", frame_of_reference="1.2.3"))
    station.scan(61.0)
    assert [job["version"] for job in station.jobs()] == [1]
    station.receive(image(1, series=f"{IMAGES}8"))
    station.scan(61.0)
    station.scan(1.0)
    versions = {job["version"]: set(job["instances"]) for job in station.jobs()}
    assert versions == {1: {IMAGES}, 2: {IMAGES, f"{IMAGES}8"}}


def settled_job(station: Station) -> None:
    """Let a job become ready, and score it, with one series of another technique beside its own."""
    station.receive(image(1))
    station.receive(image(1, series=f"{IMAGES}4", echo_time=100.0))
    station.receive(outline(images=[1]))
    station.scan(3.0)
    (job,) = station.spool.jobs(JobState.READY)
    station.spool.move(job, JobState.DONE, **facts_of(JobState.DONE))
    station.scan(1000.0)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_later_series_of_the_examination_makes_a_version(spool: Spool, clock: Clock, restarted: bool) -> None:
    """The phase before contrast comes after the result: scored again with it, once it has settled, and once only."""
    station = Station(spool, clock)
    settled_job(station)
    if restarted:
        station = Station(spool, clock)
    for number in (1, 2, 3):  # more slowly than a series takes to settle
        station.receive(image(number, series=f"{IMAGES}7"))
        station.scan(50.0)
    assert len(station.jobs()) == 1
    station.scan(61.0)
    versions = {job["version"]: job for job in station.jobs()}
    assert set(versions) == {1, 2}
    assert versions[2]["replaces"] == versions[1]["job_id"]
    assert versions[2]["instances"] == versions[1]["instances"]
    station.scan(1000.0)
    Station(spool, clock).scan(61.0)
    assert len(station.jobs()) == 2
    station.receive(image(4, series=f"{IMAGES}7"))
    station.scan(61.0)
    assert len(station.jobs()) == 3


@pytest.mark.parametrize(
    "other", [{"frame_of_reference": "1.2.3"}, {"echo_time": 100.0}, {"image_type": ["DERIVED", "SECONDARY", "SUB"]}]
)
def test_a_later_series_that_is_no_phase_makes_no_version(station: Station, other: dict[str, Any]) -> None:
    """Elsewhere in space, of another technique or computed: it does not tell which phase the outline was drawn on."""
    settled_job(station)
    station.receive(image(1, series=f"{IMAGES}7", **other))
    station.receive(image(2, series=f"{IMAGES}4", echo_time=100.0))
    station.scan(61.0)
    station.scan(61.0)
    assert len(station.jobs()) == 1


def test_a_later_series_changes_nothing_for_an_outline_that_was_corrected(station: Station) -> None:
    """Only the outline that replaced it is scored again: two results of one tumour would remain."""
    settled_job(station)
    station.receive(outline(images=[1], number=2))
    station.scan(3.0)
    station.receive(image(1, series=f"{IMAGES}7"))
    station.receive(image(2))
    station.scan(61.0)
    station.scan(61.0)
    versions = [(job["seg"]["sop_instance_uid"], job["version"]) for job in station.jobs()]
    assert sorted(versions) == [(outline_uid(1), 1), (outline_uid(2), 1), (outline_uid(2), 2)]


def test_a_late_instance_that_came_while_no_listener_ran_is_noticed(spool: Spool, clock: Clock) -> None:
    """At start, the jobs of every study that received something lately are compared with what the spool holds now."""
    station = Station(spool, clock)
    station.receive(outline(images=[1]))
    station.receive(image(1))
    station.scan(3.0)
    station.receive(image(2))
    restarted = Station(spool, clock)
    restarted.pairer.reconcile()
    restarted.scan(3.0)
    restarted.scan(3.0)
    assert [job["version"] for job in restarted.jobs()] == [1, 2]
