"""Readiness by evidence: whatever order things come in, one job for each outline and version."""

import json
import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    JPEGBaseline8Bit,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
    RTStructureSetStorage,
)
from sqlalchemy import update

from listener.dicom.sop_classes import is_outline
from listener.ledger.refused_contexts import RefusedContext, note_refused
from listener.ledger.set_aside_outlines import read_set_aside
from listener.pairing import pairer as pairer_module
from listener.pairing.evidence import Evidence, SeriesHeads, evidence
from listener.pairing.pairer import Pairer
from listener.pairing.readiness import PairingDecision, decide, waiting_for
from listener.pairing.segmentation_references import outline_of
from listener.settings import DeadlinePolicy, ListenerSettings, RetrieveSource
from listener.spool.job_record import UNKNOWN_SERIES
from listener.spool.job_rows import jobs
from listener.spool.jobs import JobState, job_id_for
from listener.spool.record_file import as_json
from listener.spool.spool import Kept, Spool
from support.dicom_objects import (
    FRAME_OF_REFERENCE,
    IMAGES,
    OUTLINES,
    STUDY,
    file_bytes,
    image,
    image_uid,
    outline,
    outline_uid,
)


class Clock:
    """A monotonic clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


class Station:
    """A pairer on a spool without its thread: objects are kept and the wheel is turned by hand."""

    def __init__(self, spool: Spool, clock: Clock, **settings: Any) -> None:
        self.spool, self.clock = spool, clock
        self.announced: list[str] = []
        self.fetched: list[tuple[str, Any]] = []
        self.settings = ListenerSettings(
            spool=spool.root, **{"settle_seconds": 2.0, "settle_unreferenced_seconds": 60.0, **settings}
        )
        self.may_bring = True
        self.pairer = Pairer(
            spool,
            self.settings,
            self.announced.append,
            lambda study, missing: self.fetched.append((study, missing)),
            may_bring=lambda study: self.may_bring,
        )

    def receive(self, object_: Dataset) -> Kept:
        """Do what the receive path does with an object."""
        part = self.spool.receiving / "part"
        part.write_bytes(file_bytes(object_))
        kept = self.spool.keep(part, object_.StudyInstanceUID, object_.SeriesInstanceUID, object_.SOPInstanceUID)
        part.unlink(missing_ok=True)
        self.pairer.image_kept(object_.StudyInstanceUID)
        if is_outline(object_.SOPClassUID):
            self.pairer.outline_kept(outline_of(object_), "SENDER")
        return kept

    def scan(self, seconds: float = 0.0) -> None:
        """Let time pass, and look."""
        self.pairer.scan()
        self.clock.now += seconds
        self.pairer.scan()

    def jobs(self, *states: JobState) -> list[dict[str, Any]]:
        """Return what the jobs say."""
        return [as_json(job.record) for job in self.spool.jobs(*states)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put the pairer's monotonic clock into the test's hand."""
    clock = Clock()
    monkeypatch.setattr(pairer_module.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def station(spool: Spool, clock: Clock) -> Station:
    """Return a pairer on an empty spool."""
    return Station(spool, clock)


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


def test_what_is_missing_is_fetched_once_before_the_job_is_closed(spool: Spool, clock: Clock) -> None:
    """Policy `fetch`: asked for at the deadline, closed one more deadline later."""
    station = Station(
        spool,
        clock,
        deadline_seconds=100.0,
        deadline_policy=DeadlinePolicy.FETCH,
        retrieve_from=RetrieveSource("PACS", "127.0.0.1", 1),
    )
    station.receive(outline(images=[1, 2]))
    station.receive(image(1))
    station.scan(100.0)
    for thread in threading.enumerate():
        if thread.name == "retrieve":
            thread.join(5)
    assert station.fetched == [(STUDY, {IMAGES: (image_uid(2),)})]
    (job,) = station.jobs(JobState.WAITING)
    assert job["fetched"]
    station.scan(99.0)
    assert station.jobs(JobState.WAITING)
    station.scan(1.0)
    (job,) = station.jobs(JobState.READY)
    assert job["not_complete"]["message"].startswith("1 of 2 instances missing")


def test_a_late_instance_makes_a_new_version_that_names_the_old_one(station: Station) -> None:
    """After the job has gone on, a new instance in its series gives one further job, once it has settled."""
    station.receive(outline(images=[1]))
    station.receive(image(1))
    station.scan(3.0)
    (first,) = station.spool.jobs(JobState.READY)
    station.spool.move(first, JobState.DONE)
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


def close_without_images(station: Station, **outline_of: Any) -> None:
    """Let a job come to its deadline with nothing there."""
    station.receive(outline(**outline_of))
    station.scan(50.0)
    (job,) = station.jobs(JobState.READY)
    assert (job["instances"], job["not_complete"]["reason"]) == ({}, "missing_instances")


@pytest.mark.parametrize("outline_of", [{"images": [1, 2]}, {"images": [1, 2], "named_series": False}, {}])
@pytest.mark.parametrize("restarted", [False, True])
def test_images_that_come_after_the_deadline_make_a_version(
    spool: Spool, clock: Clock, outline_of: Any, restarted: bool
) -> None:
    """Closed with nothing at all, whatever the outline names: when the images come, there is a result after all."""
    station = Station(spool, clock, deadline_seconds=50.0, settle_unreferenced_seconds=3.0)
    close_without_images(station, **outline_of)
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
    station.spool.move(job, JobState.DONE)
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


def test_a_late_instance_that_came_while_no_listener_ran_is_noticed(spool: Spool, clock: Clock) -> None:
    """At start the jobs of every study of which something came lately are compared with what lies there now."""
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


def test_a_pacs_that_does_not_answer_holds_up_neither_other_fetches_nor_the_end(spool: Spool) -> None:
    """A C-MOVE may take minutes: the next is asked for meanwhile, and the process ends without waiting for it."""
    program = """
import sys, threading
from pathlib import Path
from listener.pairing.pairer import Pairer
from listener.pairing.evidence import Evidence
from listener.settings import ListenerSettings
from listener.spool.spool import Spool

root = Path(sys.argv[1])
asked = threading.Barrier(3)

def never(study_uid, missing):
    asked.wait(5)
    threading.Event().wait()

pairer = Pairer(Spool(root), ListenerSettings(root), print, never)
for study_uid in ("1.2", "1.3"):
    pairer._request_retrieve(study_uid, Evidence({}, {}, {}))
asked.wait(5)
pairer.stop()
"""
    subprocess.run([sys.executable, "-c", program, str(spool.root)], check=True, timeout=20)


def test_one_damaged_job_does_not_hold_up_the_others(station: Station) -> None:
    """A row that cannot be read, whoever wrote it, is said and left; every other job goes on."""
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


def test_images_that_are_filed_under_a_wrong_series_are_found_in_their_study(station: Station) -> None:
    """Some writers list the images of several series under one: what lies in the study is not missing."""
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
    """Nobody has to wait for the deadline: the study that has them all is named."""
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
    """Body Part Examined is often a default of the scanner: it is no evidence against a word for the breast."""
    station.receive(with_words(image(1), **words))
    station.receive(outline(images=[1]))
    station.scan(3.0)
    assert len(station.jobs(JobState.READY)) == 1


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
            thread.join(5)
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


def split_from(uid: str, number: int, series: str) -> Dataset:
    """Return a classic image that an archive split from an Enhanced object."""
    made = image(number, series=series)
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = EnhancedMRImageStorage, uid
    made.ConversionSourceAttributesSequence = [source]
    return made


def combined_from(uids: Sequence[str], series: str) -> Dataset:
    """Return an Enhanced object whose frames were made of classic images."""
    made = image(1, series=series)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = LegacyConvertedEnhancedMRImageStorage
    made.PerFrameFunctionalGroupsSequence = []
    for uid in uids:
        frame, source = Dataset(), Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = MRImageStorage, uid
        frame.ConversionSourceAttributesSequence = [source]
        made.PerFrameFunctionalGroupsSequence.append(frame)
    return made


@pytest.mark.parametrize("form", ["enhanced", "classic"])
def test_converted_images_end_the_waiting_before_the_deadline(station: Station, form: str) -> None:
    """They name each missing image as their source: ready once nothing more comes, and again with the named images."""
    twin = f"{IMAGES}5"
    numbers = [1, 2, 3] if form == "enhanced" else [1]
    station.receive(outline(images=numbers))
    if form == "enhanced":
        station.receive(combined_from([image_uid(number) for number in numbers], twin))
    else:
        station.receive(split_from(image_uid(1), 1, twin))
        station.scan(30.0)
        station.receive(split_from(image_uid(1), 2, twin))
    station.scan(59.0)
    assert not station.jobs(JobState.READY)
    station.scan(2.0)
    (job,) = station.jobs(JobState.READY)
    assert (job["not_complete"], set(job["instances"])) == (None, {twin})
    for number in numbers:
        station.receive(image(number))
    station.scan(61.0)
    station.scan()
    versions = {job["version"]: set(job["instances"]) for job in station.jobs()}
    assert versions == {1: {twin}, 2: {IMAGES}}


def test_converted_images_stand_only_for_all_that_is_missing(spool: Spool, clock: Clock) -> None:
    """One image that nothing was made of is waited for; so is everything where images only derive from the named."""
    station = Station(spool, clock, deadline_seconds=500.0)
    station.receive(outline(images=[1, 2]))
    station.receive(combined_from([image_uid(1)], f"{IMAGES}5"))
    subtraction = image(2, series=f"{IMAGES}6")
    subtraction.SourceImageSequence = split_from(image_uid(2), 1, IMAGES).ConversionSourceAttributesSequence
    station.receive(subtraction)
    station.scan(100.0)
    station.scan(300.0)
    assert not station.jobs(JobState.READY)
    station.receive(image(2))
    station.scan(61.0)
    (job,) = station.jobs(JobState.READY)
    assert set(job["instances"]) == {IMAGES, f"{IMAGES}5"}


@pytest.mark.parametrize("converted", [True, False])
def test_images_that_come_after_the_deadline_in_another_series_make_a_version(
    spool: Spool, clock: Clock, converted: bool
) -> None:
    """Closed without images: what comes later is looked for in the whole study, converted or under another series."""
    station = Station(spool, clock, deadline_seconds=50.0, settle_unreferenced_seconds=3.0)
    close_without_images(station, images=[1, 2])
    station.scan(1000.0)
    twin = f"{IMAGES}5"
    if converted:
        station.receive(combined_from([image_uid(1), image_uid(2)], twin))
    for number in () if converted else (1, 2):
        moved = image(number)
        moved.SeriesInstanceUID = twin
        station.receive(moved)
    station.scan(4.0)
    station.scan(4.0)
    versions = {job["version"]: (set(job["instances"]), job["not_complete"]) for job in station.jobs()}
    assert versions[2] == ({twin}, None)


def test_images_that_all_lie_in_another_series_settle_there(station: Station) -> None:
    """The series that the outline names never comes: ready after the quiet of the one that holds its images."""
    station.receive(outline(images=[1]))
    moved = image(1)
    moved.SeriesInstanceUID = f"{IMAGES}5"
    station.receive(moved)
    station.scan(3.0)
    (job,) = station.jobs(JobState.READY)
    assert set(job["instances"]) == {f"{IMAGES}5"}
