"""Readiness by evidence: whatever order things come in, one job for each outline and version."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from listener.pairing.evidence import Evidence, SeriesHeads, evidence
from listener.pairing.readiness import PairingDecision, decide, waiting_for
from listener.settings import DeadlinePolicy, ListenerSettings, RetrieveSource
from listener.spool.job_record import UNKNOWN_SERIES
from listener.spool.job_rows import jobs
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.dicom_objects import (
    FRAME_OF_REFERENCE,
    IMAGES,
    OUTLINES,
    STUDY,
    image,
    image_uid,
    outline,
)
from support.pairing_station import Clock, Station


def test_an_outline_that_comes_last_is_ready_when_its_sender_has_ended(station: Station) -> None:
    """No settle time: every named image is there, and no open association may bring more of the study."""
    station.receive(image(1))
    station.receive(outline(images=[1]))
    station.scan()
    assert station.jobs(JobState.READY) == []
    station.may_bring = False
    station.scan()
    assert len(station.jobs(JobState.READY)) == 1


def test_an_image_that_comes_last_is_settled_even_where_no_association_is_open(station: Station) -> None:
    """Senders with an association for each object close one before the next image: the other phases may follow."""
    station.may_bring = False
    station.receive(outline(images=[1]))
    station.receive(image(1))
    station.scan(1.0)
    assert station.jobs(JobState.READY) == []
    station.scan(2.0)
    assert len(station.jobs(JobState.READY)) == 1


@pytest.mark.parametrize("seed", range(12))
def test_any_order_gives_the_same_single_job(spool: Spool, clock: Clock, seed: int) -> None:
    """Shuffled, duplicated, interleaved with another study, with turns and pauses anywhere: one job, the same content.

    The outline names five of eight images, so that pauses after the fifth may make a first version early; the last
    version is what counts and must hold all eight.
    """
    generator = random.Random(seed)
    station = Station(spool, clock)
    other_study, other_images = f"{STUDY}5", f"{IMAGES}5"
    objects = [image(number) for number in range(1, 9)] + [outline(images=range(2, 7))]
    objects += [image(number, series=other_images, study=other_study) for number in range(1, 4)]
    objects += generator.choices(objects, k=6)
    generator.shuffle(objects)
    for object_ in objects:
        station.receive(object_)
        if generator.random() < 0.3:
            station.scan(generator.choice([0.0, 1.0, 3.0]))
    station.scan(3.0)
    station.scan(3.0)
    assert not list(spool.jobs(JobState.WAITING))
    jobs = sorted(station.jobs(JobState.READY), key=lambda job: job["version"])
    assert [job["version"] for job in jobs] == list(range(1, len(jobs) + 1))
    last = jobs[-1]
    assert last["instances"] == {IMAGES: sorted(image_uid(number) for number in range(1, 9))}
    assert last["required"] == {IMAGES: sorted(image_uid(number) for number in range(2, 7))}
    assert last["replaces"] == (jobs[-2]["job_id"] if len(jobs) > 1 else None)
    assert last["not_complete"] is None
    assert station.announced == [job["job_id"] for job in jobs]


def test_a_job_says_what_it_waits_for(station: Station) -> None:
    """`radtme status` prints it: the missing instances are counted against those that the outline names."""
    station.receive(outline(images=range(1, 177)))
    for number in range(1, 140):
        station.receive(image(number))
    (job,) = station.spool.jobs(JobState.WAITING)
    waiting = waiting_for(station.spool, job)
    assert str(waiting) == "37 of 176 instances missing"
    assert (waiting.required, waiting.missing, waiting.images) == (176, 37, 139)


def test_a_job_waits_for_quiet_after_the_last_required_instance(station: Station) -> None:
    """Images that the outline does not name belong to the series too: the job waits until no more come."""
    station.receive(outline(images=[1]))
    station.receive(image(1))
    station.scan(1.5)
    station.receive(image(2))
    station.scan(1.5)
    assert not station.jobs(JobState.READY)
    station.scan(2.0)
    (job,) = station.jobs(JobState.READY)
    assert job["instances"] == {IMAGES: [image_uid(1), image_uid(2)]}


def test_a_job_waits_until_its_study_is_quiet(station: Station) -> None:
    """The other phases may be series of their own: they tell a phase before contrast, and vessels in the ring."""
    station.receive(outline(images=[1]))
    station.receive(image(1))
    station.scan(1.5)
    for number in (1, 2):
        station.receive(image(number, series=f"{IMAGES}7"))
        station.scan(1.5)
        assert not station.jobs(JobState.READY)
    station.scan(2.0)
    (job,) = station.jobs(JobState.READY)
    assert job["instances"] == {IMAGES: [image_uid(1)]}


def test_instances_without_a_named_series_are_found_in_their_study(station: Station) -> None:
    """Frame references without Referenced Series: the series is the one in which the instances lie."""
    station.receive(outline(images=[1, 2], named_series=False))
    station.receive(image(1))
    station.scan(3.0)
    (job,) = station.jobs(JobState.WAITING)
    assert job["required"] == {UNKNOWN_SERIES: [image_uid(1), image_uid(2)]}
    station.receive(image(2))
    station.scan(3.0)
    (job,) = station.jobs(JobState.READY)
    assert job["required"] == {IMAGES: [image_uid(1), image_uid(2)]}
    assert job["instances"] == {IMAGES: [image_uid(1), image_uid(2)]}


def test_an_outline_that_names_nothing_takes_the_images_of_its_frame_of_reference(station: Station) -> None:
    """Ready after the longer quiet, with every image series of the study in that frame of reference, and no other."""
    station.receive(image(1))
    station.receive(image(1, series=f"{IMAGES}7", frame_of_reference="1.2.3"))
    station.receive(outline())
    station.scan(30.0)
    assert not station.jobs(JobState.READY)
    station.scan(31.0)
    (job,) = station.jobs(JobState.READY)
    assert (job["pairing"], job["required"]) == ("frame_of_reference", {})
    assert job["instances"] == {IMAGES: [image_uid(1)]}
    assert job["frame_of_reference_uid"] == FRAME_OF_REFERENCE


def test_the_deadline_closes_a_job_with_its_reason(spool: Spool, clock: Clock) -> None:
    """What never comes ends the waiting: the worker gets the job with why it cannot be complete."""
    station = Station(spool, clock, deadline_seconds=100.0)
    station.receive(outline(images=range(1, 11)))
    for number in range(1, 8):
        station.receive(image(number))
    station.scan(99.0)
    assert not station.jobs(JobState.READY)
    station.scan(1.0)
    (job,) = station.jobs(JobState.READY)
    assert job["not_complete"]["reason"] == "missing_instances"
    assert job["not_complete"]["message"].startswith("3 of 10 instances missing")
    assert len(job["instances"][IMAGES]) == 7


def test_time_in_which_no_listener_ran_is_no_waiting(spool: Spool, clock: Clock) -> None:
    """Down for longer than the deadline: the senders' queues empty first, then the waiting begins to count."""
    Station(spool, clock).receive(outline(images=[1]))
    (job,) = spool.jobs(JobState.WAITING)
    spool.change(job, created=datetime(2020, 1, 1, tzinfo=UTC))
    station = Station(spool, clock, deadline_seconds=100.0)
    station.scan(99.0)
    station.receive(image(1))
    station.scan(3.0)
    (ready,) = station.jobs(JobState.READY)
    assert ready["not_complete"] is None


@pytest.mark.parametrize("jump", ["1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
def test_a_clock_that_jumps_neither_crashes_nor_holds_a_job_back(spool: Spool, clock: Clock, jump: str) -> None:
    """A job whose time is far in the past or future still ends its waiting."""
    station = Station(spool, clock, deadline_seconds=100.0)
    station.receive(outline(images=[1]))
    (job,) = spool.jobs(JobState.WAITING)
    spool.change(job, created=datetime.fromisoformat(jump))
    station.scan(100.0)
    station.scan()
    assert [one["not_complete"]["reason"] for one in station.jobs(JobState.READY)] == ["missing_instances"]


def test_one_damaged_job_does_not_hold_up_the_others(station: Station) -> None:
    """A row that cannot be read is logged and left as it is; every other job continues."""
    station.receive(outline(images=[1]))
    station.receive(outline(images=[1], number=2, series=f"{OUTLINES}9"))
    station.receive(outline(images=[1], number=3, series=f"{OUTLINES}8"))
    damaged, incomplete, _ = sorted(
        station.spool.jobs(JobState.WAITING), key=lambda job: job.record.seg.sop_instance_uid
    )
    for job, details in ((damaged, {"required": 7}), (incomplete, {})):
        with station.spool.ledger.writing() as connection:
            connection.execute(update(jobs).where(jobs.c.job_id == job.id).values(details=details))
    station.receive(image(1))
    fresh = Station(station.spool, station.clock)
    for one in (station, fresh):
        one.scan(3.0)
    ready = [job["seg"]["sop_instance_uid"] for job in station.jobs(JobState.READY)]
    assert ready == [f"{OUTLINES}.3"]


def found(images: Sequence[int], required: Sequence[int]) -> Evidence:
    """Return evidence for one series."""
    named = tuple(image_uid(number) for number in required)
    lying = frozenset(image_uid(number) for number in images)
    missing = tuple(uid for uid in named if uid not in lying)
    return Evidence(
        {IMAGES: lying} if lying else {}, {IMAGES: named} if named else {}, {IMAGES: missing} if missing else {}
    )


@pytest.mark.parametrize(
    ("what", "quiet", "age", "fetched", "step"),
    [
        (found([1, 2], [1, 2]), 0.0, 0.0, False, PairingDecision.WAIT),
        (found([1, 2], [1, 2]), 2.0, 0.0, False, PairingDecision.READY),
        (found([1, 2], [1, 2]), 0.0, 100.0, False, PairingDecision.READY),
        (found([1], [1, 2]), 50.0, 50.0, False, PairingDecision.WAIT),
        (found([1], [1, 2]), 50.0, 100.0, False, PairingDecision.FETCH),
        (found([1], [1, 2]), 50.0, 100.0, True, PairingDecision.CLOSE),
        (found([1], []), 2.0, 5.0, False, PairingDecision.WAIT),
        (found([1], []), 60.0, 60.0, False, PairingDecision.READY),
        (found([], []), 100.0, 99.0, False, PairingDecision.WAIT),
        (found([], []), 100.0, 100.0, False, PairingDecision.CLOSE),
    ],
)
def test_the_decision_follows_from_the_evidence(
    tmp_path: Path, what: Evidence, quiet: float, age: float, fetched: bool, step: PairingDecision
) -> None:
    """Everything there and quiet: ready. Deadline: fetch what is named and missing, once, then close."""
    settings = ListenerSettings(
        spool=tmp_path,
        deadline_seconds=100.0,
        deadline_policy=DeadlinePolicy.FETCH,
        retrieve_from=RetrieveSource("PACS", "127.0.0.1", 1),
    )
    assert decide(what, settings, quiet, age, fetched) is step
    if step is PairingDecision.FETCH:
        closing = replace(settings, deadline_policy=DeadlinePolicy.CLOSE)
        assert decide(what, closing, quiet, age, fetched) is PairingDecision.CLOSE


@pytest.mark.parametrize(
    ("what", "quiet", "step"),
    [
        (found([1, 2], [1, 2]), 0.0, PairingDecision.READY),
        (found([1], [1, 2]), 50.0, PairingDecision.WAIT),
        (found([1], []), 2.0, PairingDecision.WAIT),
    ],
)
def test_nothing_is_waited_for_where_no_association_may_bring_more(
    tmp_path: Path, what: Evidence, quiet: float, step: PairingDecision
) -> None:
    """All named images are there, and their sender has ended: ready. What is missing or not named is waited for."""
    settings = ListenerSettings(spool=tmp_path, deadline_seconds=100.0)
    assert decide(what, settings, quiet, 0.0, fetched=False, more_may_come=False) is step


def test_evidence_of_an_empty_spool(spool: Spool, clock: Clock) -> None:
    """An outline that comes first: everything is missing, nothing is complete."""
    station = Station(spool, clock)
    station.receive(outline(images=[1, 2]))
    (job,) = spool.jobs()
    nothing = evidence(spool, job.record, SeriesHeads())
    assert (nothing.missing_count, nothing.image_count, nothing.complete) == (2, 0, False)
