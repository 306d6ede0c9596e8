"""Results on their way to a target: what is sent, kept, sent again, given up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from pynetdicom import AE, evt
from pynetdicom.association import Association

from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import as_json
from listener.spool.spool import Spool
from support.outboxes import entry_of, forget_deliveries, write_objects
from support.processes import free_port
from support.records import facts_of, job_record
from workers.delivery.closing import close_if_settled
from workers.delivery.deliver import deliver, retry_later
from workers.delivery.outbox import queue_delivery, read_delivery, write_delivery
from workers.results.encoding import encoded_file
from workers.results.result_roles import ResultRole
from workers.settings import WorkerSettings
from workers.targets import store_scu
from workers.targets.target import Target

JOB_ID = job_id_for("1.2.3", 1)
ROLES = ("key_image", "summary_report")
IMAGE_ONLY = frozenset({ResultRole.KEY_IMAGE})


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool


@pytest.fixture
def settings(spool: Spool, tmp_path: Path) -> WorkerSettings:
    """Return settings with the waits of the default configuration."""
    return WorkerSettings(spool.root, tmp_path / "signatures")


@pytest.fixture
def impatient(settings: WorkerSettings) -> WorkerSettings:
    """Return settings that try again at once."""
    return replace(settings, first_retry_seconds=0)


def document(sop_class: str) -> Dataset:
    """Return a small instance."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.file_meta = Dataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def delivering(spool: Spool, *targets: str) -> Job:
    """Return a job whose results lie ready for these targets."""
    job = spool.create_job(job_record(JOB_ID), JobState.RUNNING)
    assert job is not None
    write_objects(
        job,
        {
            "key_image": encoded_file(document(SecondaryCaptureImageStorage)),
            "summary_report": encoded_file(document(Comprehensive3DSRStorage)),
        },
    )
    with spool.ledger.writing() as connection:
        queue_delivery(connection, job.id, dict.fromkeys(targets, ROLES))
    moved = spool.move(job, JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert moved is not None
    return moved


class Peer:
    """A PACS that answers with the statuses it is given, one after the other, and then with success."""

    def __init__(self, *statuses: int, sop_classes: tuple[str, ...]) -> None:
        self.statuses = list(statuses)
        self.seen: list[str] = []
        self.entity = AE("PACS")
        for sop_class in sop_classes:
            self.entity.add_supported_context(sop_class, ExplicitVRLittleEndian)

    def answer(self, event: evt.Event) -> int:
        """Note what comes, and answer."""
        self.seen.append(event.request.AffectedSOPInstanceUID)
        return self.statuses.pop(0) if self.statuses else 0x0000


@contextmanager
def pacs(
    *statuses: int, sop_classes: tuple[str, ...] = (SecondaryCaptureImageStorage, Comprehensive3DSRStorage)
) -> Iterator[tuple[Target, Peer]]:
    """Run such a PACS for the block."""
    peer = Peer(*statuses, sop_classes=sop_classes)
    server = peer.entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, peer.answer)])
    try:
        yield Target("pacs", "PACS", "127.0.0.1", server.server_address[1], timeout_seconds=60), peer
    finally:
        server.shutdown()


def state(spool: Spool) -> JobState:
    """Return where the job lies."""
    job = spool.find_job(JOB_ID)
    assert job is not None
    return job.state


def test_what_a_target_took_is_done(spool: Spool, settings: WorkerSettings) -> None:
    """The image first, the report that refers to it last, over one association; then the job is done."""
    delivering(spool, "pacs")
    with pacs() as (target, peer):
        outcome = deliver(spool, JOB_ID, target, settings)
    assert outcome is not None
    assert outcome.state == "delivered"
    assert [one.role for one in outcome.sent] == [ResultRole.KEY_IMAGE, ResultRole.SUMMARY_REPORT]
    assert peer.seen == [one.sop_instance_uid for one in outcome.sent]
    assert state(spool) is JobState.DONE


def test_only_what_was_not_taken_is_sent_again_under_the_same_uid(spool: Spool, impatient: WorkerSettings) -> None:
    """A full disk at the PACS: the object that it took stays taken, the other one comes again as it was."""
    delivering(spool, "pacs")
    with pacs(0x0000, 0xA700) as (target, peer):
        first = deliver(spool, JOB_ID, target, impatient)
        assert state(spool) is JobState.DELIVERING
        second = deliver(spool, JOB_ID, target, impatient)
    assert first is not None
    assert second is not None
    assert (first.state, second.state) == ("retry", "delivered")
    assert peer.seen[1] == peer.seen[2]
    assert len(peer.seen) == 3
    assert state(spool) is JobState.DONE


def test_a_refusal_is_final_and_someone_is_told(spool: Spool, settings: WorkerSettings) -> None:
    """The rest is still delivered; the job fails with target, status and remedy."""
    delivering(spool, "pacs")
    with pacs(0xA900) as (target, peer):
        outcome = deliver(spool, JOB_ID, target, settings)
        again = deliver(spool, JOB_ID, target, settings)
    assert outcome is not None
    assert outcome.state == "refused"
    assert again is None
    assert len(peer.seen) == 2
    job = spool.find_job(JOB_ID)
    assert job is not None
    failure = job.failure
    assert failure is not None
    assert failure.reason == "delivery_refused"
    for word in ("pacs", "data set does not match sop class (status 0xA900)", "radtme retry"):
        assert word in failure.message


def test_a_dead_target_holds_back_its_own_copy_only(spool: Spool, settings: WorkerSettings) -> None:
    """Two targets, one dead: the other one receives everything, and the job keeps waiting for the dead one."""
    delivering(spool, "pacs", "archive")
    dead = Target("archive", "ARCHIVE", "127.0.0.1", free_port(), timeout_seconds=1)
    with pacs() as (target, _):
        assert deliver(spool, JOB_ID, dead, settings).state == "retry"  # type: ignore[union-attr]
        assert deliver(spool, JOB_ID, target, settings).state == "delivered"  # type: ignore[union-attr]
    assert state(spool) is JobState.DELIVERING
    record = record_of(spool, "archive")
    assert (record["state"], record["tries"], record["taken"]) == ("retry", 1, {})
    assert "cannot be reached" in record["last_error"]
    assert record["next_try"] > record["updated"]


def test_a_target_gets_only_the_objects_that_it_is_to_get(spool: Spool, settings: WorkerSettings) -> None:
    """Each target says which results it takes."""
    job = spool.create_job(job_record(JOB_ID), JobState.RUNNING)
    assert job is not None
    write_objects(job, {"key_image": encoded_file(document(SecondaryCaptureImageStorage)), "summary_report": b""})
    with spool.ledger.writing() as connection:
        queue_delivery(connection, job.id, {"pacs": (ResultRole.KEY_IMAGE,)})
    spool.move(job, JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    with pacs() as (target, peer):
        deliver(spool, JOB_ID, replace(target, results=IMAGE_ONLY), settings)
    assert len(peer.seen) == 1
    assert state(spool) is JobState.DONE


def test_a_report_goes_as_the_class_that_the_target_takes(spool: Spool, settings: WorkerSettings) -> None:
    """A PACS without Comprehensive 3D SR gets the same report as Comprehensive SR, under a UID of its own."""
    job = delivering(spool, "pacs")
    with pacs(sop_classes=(SecondaryCaptureImageStorage, ComprehensiveSRStorage)) as (target, peer):
        outcome = deliver(spool, JOB_ID, target, settings)
    assert outcome is not None
    assert outcome.state == "delivered"
    original = (spool.job_folder(job.id) / "objects" / "summary_report.dcm").read_bytes()
    assert peer.seen[1].encode() not in original


def test_nobody_delivers_a_job_that_is_not_there_to_be_delivered(spool: Spool, settings: WorkerSettings) -> None:
    """A message that comes late or twice does nothing."""
    with pacs() as (target, peer):
        assert deliver(spool, JOB_ID, target, settings) is None
        delivering(spool, "other")
        assert deliver(spool, JOB_ID, target, settings) is None
    assert peer.seen == []


def test_a_repeated_message_does_not_shorten_the_wait(spool: Spool, settings: WorkerSettings) -> None:
    """Before the next try is due, nothing is sent."""
    delivering(spool, "pacs")
    with pacs(0xA700, 0xA700) as (target, peer):
        assert deliver(spool, JOB_ID, target, settings) is not None
        assert deliver(spool, JOB_ID, target, settings) is None
    assert len(peer.seen) == 2


def test_an_interrupted_attempt_keeps_what_the_target_has_taken(
    spool: Spool, impatient: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time limit in the middle: the object that the target has is never sent again, and the record says why."""
    delivering(spool, "pacs")
    original = store_scu._store

    def interrupted(association: Association, role: ResultRole, dataset: Dataset) -> object:
        if role is ResultRole.SUMMARY_REPORT:
            raise SoftTimeLimitExceeded
        return original(association, role, dataset)

    with pacs() as (target, peer):
        with monkeypatch.context() as patch:
            patch.setattr(store_scu, "_store", interrupted)
            with pytest.raises(SoftTimeLimitExceeded):
                deliver(spool, JOB_ID, target, impatient)
        put = retry_later(spool, JOB_ID, "pacs", impatient, "the try took too long")
        assert put is not None
        assert record_of(spool, "pacs")["last_error"] == "the try took too long"
        assert set(record_of(spool, "pacs")["taken"]) == {"key_image"}
        deliver(spool, JOB_ID, target, impatient)
    assert len(peer.seen) == len(set(peer.seen)) == 2
    assert state(spool) is JobState.DONE


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no DICOM")])
def test_a_missing_or_damaged_result_fails_the_job(
    spool: Spool, settings: WorkerSettings, damage: Callable[[Path], object]
) -> None:
    """Nothing is called delivered that was not sent: the job fails and names the object."""
    job = delivering(spool, "pacs")
    damage(job.folder / "objects" / "summary_report.dcm")
    with pacs() as (target, _):
        outcome = deliver(spool, JOB_ID, target, settings)
    assert outcome is not None
    assert outcome.state == "refused"
    assert "summary_report.dcm" in str(outcome.error)
    assert state(spool) is JobState.FAILED


def test_a_job_whose_worker_died_after_the_last_delivery_is_closed(spool: Spool, settings: WorkerSettings) -> None:
    """Every record says delivered and the job still lies in delivering: the next message moves it on."""
    job = delivering(spool, "pacs")
    settled = replace(entry_of(spool, job), state=DeliveryState.DELIVERED, next_try=None)
    write_delivery(spool.ledger, job.id, settled)
    with pacs() as (target, peer):
        assert deliver(spool, JOB_ID, target, settings) is None
    assert peer.seen == []
    assert state(spool) is JobState.DONE


def record_of(spool: Spool, target: str) -> dict[str, Any]:
    """Return the outbox entry of the job for a target."""
    record = read_delivery(spool.ledger, JOB_ID, target)
    assert record is not None
    return as_json(record)


def test_a_job_without_a_known_delivery_is_not_closed(spool: Spool, settings: WorkerSettings) -> None:
    """A ledger that was restored from an older backup does not know that its results are still to be sent."""
    delivering(spool, "pacs")
    forget_deliveries(spool.ledger, [JOB_ID])
    close_if_settled(spool, JOB_ID, settings)
    assert [job.state for job in spool.jobs()] == [JobState.DELIVERING]
