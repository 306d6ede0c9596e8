"""The file of an outbox record, held by one process at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from listener.spool.atomic_files import make_folder, read_json, write_json
from listener.spool.jobs import Job, JobState
from listener.spool.locks import exclusive
from listener.spool.spool import Spool
from workers.delivery.record import DeliveryRecord, queued


def queue_delivery(job: Job, targets: Mapping[str, tuple[str, ...]]) -> None:
    """Write an outbox entry for each target; ``targets`` gives the roles that each one gets.

    An entry of an earlier attempt is kept once something was sent: it says what the target has taken.
    """
    outbox = job.folder / "delivery"
    make_folder(outbox)
    for name, roles in targets.items():
        earlier = job.read_intact(f"delivery/{name}.json")
        if earlier is None or not earlier["tries"]:
            write_json(outbox / f"{name}.json", queued(name, roles, datetime.now(UTC)).to_json())


def outbox_files(job: Job) -> list[Path]:
    """Return the delivery records of a job, by target name."""
    outbox = job.folder / "delivery"
    return sorted(outbox.glob("*.json")) if outbox.is_dir() else []


log = structlog.get_logger()


@dataclass
class OutboxEntry:
    """The record of one delivery while its lock is held: what it says, and where."""

    job: Job
    path: Path
    entry: DeliveryRecord

    def write(self, entry: DeliveryRecord) -> None:
        """Make a new record of it, on disk first."""
        write_json(self.path, entry.to_json())
        self.entry = entry


def read_entry(path: Path) -> DeliveryRecord | None:
    """Return the record in ``path``; None, and an error in the log, where it is damaged: manual action is needed."""
    try:
        return DeliveryRecord.of_json(read_json(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.error("delivery_unreadable", job=path.parents[1].name, target=path.stem, error=type(error).__name__)
        return None


@contextmanager
def held_outbox(spool: Spool, job_id: str, target_name: str) -> Iterator[OutboxEntry | None]:
    """Hold the record of a job for one target; None where there is none to be delivered, or someone holds it."""
    job = spool.find_job(job_id)
    if job is None or job.state is not JobState.DELIVERING:
        yield None
        return
    path = job.folder / "delivery" / f"{target_name}.json"
    with exclusive(job.folder, f"deliver-{target_name}.lock") as mine:
        entry = read_entry(path) if mine and path.exists() else None
        yield OutboxEntry(job, path, entry) if entry is not None else None
