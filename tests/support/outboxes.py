"""Jobs whose results are ready for delivery, and their outcome."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydicom import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    generate_uid,
)
from sqlalchemy import delete, select

from deploy.operations.retry import held_lock
from listener.ledger.commitments import commitment_requests
from listener.ledger.database import Ledger
from listener.ledger.deliveries import deliveries
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.locks import LOCK_NAME
from listener.spool.spool import Spool
from support.records import facts_of, job_record, result_record
from workers.delivery.outbox import queue_delivery, read_delivery
from workers.delivery.record import DeliveryRecord
from workers.jobs import attempts as ledger
from workers.results.encoding import encoded_file
from workers.results.result_record import write_result
from workers.results.result_roles import ResultRole

ROLES = {
    "segmentation": SegmentationStorage,
    "key_image": SecondaryCaptureImageStorage,
    "summary_report": ComprehensiveSRStorage,
}


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) + timedelta(seconds=60)

    def __call__(self) -> datetime:
        """Return its time."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Move it; backward where ``seconds`` is below zero."""
        self.now += timedelta(seconds=seconds)


def open_requests(ledger: Ledger) -> list[str]:
    """Return the Transaction UIDs that a report is still expected for."""
    with ledger.reading() as connection:
        return list(connection.execute(select(commitment_requests.c.transaction_uid)).scalars())


def document(sop_class: str) -> Dataset:
    """Return a small instance that any Storage SCP takes."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.Modality = "1", "A", "OT"
    dataset.file_meta = Dataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def delivering(spool: Spool, *targets: str, number: int = 1, roles: tuple[str, ...] = tuple(ROLES)) -> Job:
    """Return a job whose results lie ready for these targets."""
    job_id = job_id_for(f"1.2.{number}", 1)
    job = spool.create_job(job_record(job_id), JobState.RUNNING)
    assert job is not None
    with held_lock(job.folder, LOCK_NAME, job_id):  # a listener that starts meanwhile clears leftovers
        write_result(job, result_record(job_id))
        write_objects(job, {role: encoded_file(document(ROLES[role])) for role in roles})
    with spool.ledger.writing() as connection:
        queue_delivery(connection, job.id, dict.fromkeys(targets, tuple(map(ResultRole, roles))))
        moved = spool.change_within(connection, job, to=JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert moved is not None
    return moved


def write_objects(job: Job, objects: Mapping[str, bytes]) -> None:
    """Write the objects of a result as a worker does."""
    ledger.stage_objects(job, objects)
    ledger.put_in_place(job)


def entry_of(spool: Spool, job: Job, target: str = "pacs") -> DeliveryRecord:
    """Return the outbox record of a job for a target, wherever the job lies now."""
    record = read_delivery(spool.ledger, job.id, target)
    assert record is not None
    return record


def forget_deliveries(ledger: Ledger, job_ids: list[str]) -> None:
    """Let a ledger know of no delivery of these jobs, as one that was restored from an older backup."""
    with ledger.writing() as connection:
        connection.execute(delete(deliveries).where(deliveries.c.job_id.in_(job_ids)))


def state_of(spool: Spool, job: Job) -> JobState:
    """Return where a job lies now."""
    found = spool.find_job(job.id)
    assert found is not None
    return found.state
