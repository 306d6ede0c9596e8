"""Retries a job: one change in the spool, then the announcement. An error says why a job cannot be retried."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.errors import CommandError
from listener.broker.messages import Announcement, delivery_announcement, score_announcement
from listener.ledger.deliveries import DeliveryState
from listener.pairing.conversion_sources import ConversionSources
from listener.pairing.evidence import SeriesHeads, evidence
from listener.pairing.readiness import next_version
from listener.spool.jobs import Job, JobState
from listener.spool.locks import LOCK_NAME, exclusive
from listener.spool.spool import Spool
from workers.delivery.circuit_breaker import probe_now
from workers.delivery.outbox import read_deliveries, read_delivery, write_delivery
from workers.delivery.record import DeliveryRecord
from workers.results.result_record import read_intact_result, read_result
from workers.scoring.case_result import ResultOutcome

LOCK_SECONDS = 5.0
TAKEN_UP = {
    JobState.DELIVERING: "its results are sent again",
    JobState.READY: "it is ready to be scored again",
    JobState.WAITING: "it waits for its images again",
}


@dataclass(frozen=True)
class Retried:
    """A description of what was done, and what to announce."""

    message: str
    announcements: tuple[Announcement, ...]


def retry(spool: Spool, job: Job) -> Retried:
    """Make a job be tried again.

    A failed or dropped job is ready again, or on its way again where its results exist; one that was dropped before
    its images were there waits for them again. Of a job that is being delivered, the next try is due now. A job that
    ended as not scored gets a new version that replaces it.

    Raises
    ------
    CommandError
        If the job cannot be retried.
    """
    if job.state is not JobState.DROPPED and job.is_held:
        raise CommandError(f"{job.id} is held by a person", f"radtme release {job.id} lets it go on")
    match job.state:
        case JobState.FAILED | JobState.DROPPED:
            return _take_up(spool, job)
        case JobState.DELIVERING:
            return _deliver_now(spool, job)
        case JobState.DONE:
            return _score_again(spool, job)
        case JobState.WAITING:
            raise CommandError(
                f"{job.id} waits for its images: there is nothing to try again yet",
                "radtme status says what is missing; when it comes, the job goes on by itself",
            )
        case JobState.READY | JobState.RUNNING:
            raise CommandError(
                f"{job.id} is {job.state.value}: it is being tried already", "radtme status shows how far it is"
            )


def _take_up(spool: Spool, job: Job) -> Retried:
    with held_lock(job.folder, LOCK_NAME, job.id):
        records = read_deliveries(spool.ledger, job.id)
        result = read_intact_result(job)
        sent_before = result is not None and bool(records)
        state = JobState.DELIVERING if sent_before else JobState.READY if job.record.readied else JobState.WAITING
        announcements: tuple[Announcement, ...] = (score_announcement(job.id),) if state is JobState.READY else ()
        announcements = _make_due(spool, job, records) if sent_before else announcements
        outcome = result.outcome_columns() if result is not None and sent_before else {}
        if spool.move(job, state, attempts=None, **outcome) is None:
            raise CommandError(f"{job.id} was changed by someone else in the meantime", "radtme status shows its state")
    return Retried(f"{job.id}: {TAKEN_UP[state]}", announcements)


def _deliver_now(spool: Spool, job: Job) -> Retried:
    records = read_deliveries(spool.ledger, job.id)
    announcements = _make_due(spool, job, records)
    if not announcements:
        # A worker that died before it could move the job left it so: the next delivery finds nothing to do but that.
        closing = tuple(delivery_announcement(job.id, record.target) for record in records)
        return Retried(f"{job.id}: every target has its results already; it is being closed", closing)
    return Retried(
        f"{job.id}: the next try is due now ({', '.join(announcement.args[1] for announcement in announcements)})",
        announcements,
    )


def _score_again(spool: Spool, job: Job) -> Retried:
    result = read_result(job)
    if result is None or result.outcome is not ResultOutcome.NOT_SCORED:
        raise CommandError(
            f"{job.id} is done and was {result.outcome if result else 'closed'}: there is nothing to try again",
            "a corrected outline or a late image makes a new version by itself",
        )
    return score_next_version(spool, job)


def score_next_version(spool: Spool, job: Job) -> Retried:
    """Let a finished job be scored again, as a new version that replaces it.

    Raises
    ------
    CommandError
        If its images are not complete, or it has a later version.
    """
    record = job.record
    found = evidence(spool, record, SeriesHeads(), ConversionSources())
    if not found.complete:
        raise CommandError(
            f"{job.id} was not scored, and still waits for {found.waiting()}",
            "send what is missing: a new version is made by itself when it is there",
        )
    version = next_version(record, found, datetime.now(UTC))
    created = spool.create_job(version, JobState.READY)
    if created is None:
        raise CommandError(f"{job.id} has a later version already: {version.job_id}", f"radtme retry {version.job_id}")
    return Retried(f"{job.id}: scored again as {version.job_id}", (score_announcement(version.job_id),))


def _make_due(spool: Spool, job: Job, records: Iterable[DeliveryRecord]) -> tuple[Announcement, ...]:
    announcements = []
    for target in (record.target for record in records if record.state is not DeliveryState.DELIVERED):
        with held_lock(job.folder, f"deliver-{target}.lock", job.id):
            current = read_delivery(spool.ledger, job.id, target)
            if current is not None and current.state is not DeliveryState.DELIVERED:
                write_delivery(spool.ledger, job.id, current.due_now(datetime.now(UTC)))
                announcements.append(delivery_announcement(job.id, target))
        probe_now(spool.ledger, target, datetime.now(UTC))
    return tuple(announcements)


@contextmanager
def held_lock(folder: Path, name: str, job_id: str) -> Iterator[None]:
    """Hold a lock that a listener or a worker may hold for a moment."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        with exclusive(folder, name) as mine:
            if mine:
                yield
                return
        if time.monotonic() > deadline:
            raise CommandError(f"{job_id}: someone works on it right now", "try again in a moment")
        time.sleep(0.05)
