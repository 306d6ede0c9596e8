"""Ends a job when all its deliveries are settled: in the transaction that settles the last one."""

from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select

from listener.ledger.commitments import forget_requests
from listener.ledger.deliveries import DeliveryState
from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.job_rows import jobs
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool, fail_within
from workers.delivery.outbox import Settled, deliveries_of
from workers.delivery.record import DeliveryRecord
from workers.errors import FailureReason
from workers.notifications.event import note_outcome
from workers.settings import CaseOutcome, WorkerSettings


def closing(spool: Spool, settings: WorkerSettings) -> Settled:
    """Return what is done in the transaction that settles a delivery."""
    return partial(_settled, spool, settings)


def close_if_settled(spool: Spool, job_id: str, settings: WorkerSettings) -> None:
    """End a job whose deliveries were all settled without it: by a former release, or by hand."""
    job = spool.find_job(job_id)
    if job is not None and job.state is JobState.DELIVERING:
        with spool.ledger.writing() as connection:
            _close(spool, settings, connection, job)


def _settled(spool: Spool, settings: WorkerSettings, connection: Connection, job: Job, entry: DeliveryRecord) -> None:
    forget_requests(connection, job.id, entry.target)
    _close(spool, settings, connection, job)


def _close(spool: Spool, settings: WorkerSettings, connection: Connection, job: Job) -> None:
    """End a job when all its deliveries are settled: as done, or as failed where a target refused."""
    # Locked: of two deliveries that are settled at once, the second one must see the first.
    connection.execute(select(jobs.c.job_id).where(jobs.c.job_id == job.id).with_for_update())
    settled = deliveries_of(connection, job.id)
    if not settled or not all(entry.state.is_settled for entry in settled):
        return
    reach(FaultPoint.DELIVERY_RECORDED)
    refusals = [f"{entry.target}: {entry.last_error}" for entry in settled if entry.state is DeliveryState.REFUSED]
    if refusals:
        remedy = "when the target takes it, run: radtme retry " + job.id
        reason = FailureReason.DELIVERY_REFUSED
        if fail_within(spool, connection, job, reason, "; ".join([*refusals, remedy])) is not None:
            note_outcome(spool, job, CaseOutcome.FAILED, datetime.now(UTC), settings, reason)
    elif spool.change_within(connection, job, to=JobState.DONE) is not None:
        last = max((entry.updated for entry in settled if entry.updated), default=None)
        note_outcome(spool, job, CaseOutcome.DELIVERED, last or datetime.now(UTC), settings)
