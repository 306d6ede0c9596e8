"""The outbox: one file for each job and target, locked by one process at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from listener.spool.atomic_files import make_folder
from listener.spool.jobs import Job, JobState
from listener.spool.locks import exclusive
from listener.spool.record_file import UnreadableRecord, read_intact, read_record, write_record
from listener.spool.spool import Spool
from workers.delivery.record import DeliveryRecord, queued
from workers.results.result_roles import ResultRole

OUTBOX_NAME = "delivery"
"""In the job's folder: a file for each target."""


def queue_delivery(job: Job, targets: Mapping[str, tuple[ResultRole, ...]]) -> None:
    """Write an outbox record for each target; ``targets`` gives the roles that each one gets.

    A record of an earlier attempt is kept once something was sent: it states what the target has taken.
    """
    make_folder(job.folder / OUTBOX_NAME)
    for name, roles in targets.items():
        path = record_path(job, name)
        earlier = read_intact(DeliveryRecord, path)
        if earlier is None or not earlier.tries:
            write_record(path, queued(name, roles, datetime.now(UTC)))


def record_path(job: Job, target: str) -> Path:
    """Return the path of the record of a job for a target, whether or not it exists."""
    return job.folder / OUTBOX_NAME / f"{target}.json"


def outbox_files(job: Job) -> list[Path]:
    """Return the delivery records of a job, by target name."""
    outbox = job.folder / OUTBOX_NAME
    return sorted(outbox.glob("*.json")) if outbox.is_dir() else []


log = structlog.get_logger()


@dataclass
class OutboxEntry:
    """The record of one delivery while its lock is held, with its path."""

    job: Job
    path: Path
    entry: DeliveryRecord

    def write(self, entry: DeliveryRecord) -> None:
        """Replace the record, on disk first."""
        write_record(self.path, entry)
        self.entry = entry


def read_entry(path: Path) -> DeliveryRecord | None:
    """Return the record in ``path``; None, and an error in the log, where it is damaged: manual action is needed."""
    try:
        return read_record(DeliveryRecord, path)
    except UnreadableRecord as error:
        log.error("delivery_unreadable", job=path.parents[1].name, target=path.stem, error=str(error))
        return None


@contextmanager
def held_outbox(spool: Spool, job_id: str, target_name: str) -> Iterator[OutboxEntry | None]:
    """Lock the record of a job for one target; None where there is none, or another process has locked it."""
    job = spool.find_job(job_id)
    if job is None or job.state is not JobState.DELIVERING:
        yield None
        return
    path = record_path(job, target_name)
    with exclusive(job.folder, f"deliver-{target_name}.lock") as mine:
        entry = read_entry(path) if mine and path.exists() else None
        yield OutboxEntry(job, path, entry) if entry is not None else None
