"""Upgrades a spool to the layout of this program, the version last, so that it can be interrupted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.errors import CommandError
from deploy.operations.retry import held_lock
from deploy.operations.upgrade_jobs import (
    FORMER_FOLDER,
    PAIRING_LOCK_NAME,
    former_jobs,
    imported_already,
    link_results,
    put_job,
)
from listener.ledger.database import open_at
from listener.ledger.migration import HEAD
from listener.spool.atomic_files import make_folder, write_bytes
from listener.spool.jobs import Job, JobState
from listener.spool.layout import LAYOUT, VERSION_NAME, layout_of
from listener.spool.locks import exclusive
from listener.spool.record_file import UnreadableRecord, read_record
from listener.spool.spool import Spool
from workers.delivery.outbox import put_delivery
from workers.delivery.record import DeliveryRecord, StoreResponse
from workers.results.result_record import read_intact_result

LEDGER_LAYOUT = 3
"""The first one with a ledger: deliveries and the small files beside the jobs are rows since."""

JOBS_AT_ONCE = 100
"""A transaction; a run that is interrupted loses no more."""
BEFORE_FOREIGN_KEYS = "0007"
"""Revision of the ledger's schema in which a delivery need not have a job."""


@dataclass(frozen=True)
class Upgraded:
    """The outcome of an upgrade."""

    jobs: int
    """Jobs that were imported."""
    records: int
    """Delivery records that were imported."""
    unreadable: tuple[Path, ...]
    """Left as they are. An outline whose job is among them gets a new one when it is sent again."""


def upgrade(spool: Spool, said: Callable[[str], None] = lambda words: None) -> Upgraded:
    """Upgrade a spool of an earlier layout to this program's layout; no other process may use it meanwhile.

    The files of the earlier layout stay, and an interrupted upgrade continues where it was. ``said`` is told how far
    it is.

    Raises
    ------
    CommandError
        If another process uses it.
    """
    former = layout_of(spool.root) or LAYOUT
    make_folder(spool.root / FORMER_FOLDER)
    records, imported = 0, 0
    unreadable: list[Path] = []
    with held_lock(spool.root / FORMER_FOLDER, PAIRING_LOCK_NAME, "upgrade"), ExitStack() as locks:
        if former < LAYOUT:  # deliveries may be there before their jobs, and jobs before those that they replace
            open_at(spool.ledger, BEFORE_FOREIGN_KEYS)
        jobs = list(former_jobs(spool, unreadable))
        for job in jobs:
            if job.state in (JobState.RUNNING, JobState.DELIVERING):
                _require_alone(job, locks)
        for start in range(0, len(jobs), JOBS_AT_ONCE):
            some = jobs[start : start + JOBS_AT_ONCE]
            entries = {job.id: list(_entries(job, unreadable)) if former < LEDGER_LAYOUT else [] for job in some}
            _import(spool, some, entries)
            imported += len(some)
            records += sum(map(len, entries.values()))
            said(f"{imported} of {len(jobs)} jobs")
        if former < LEDGER_LAYOUT:
            from deploy.operations.upgrade_ledger import import_files  # with pydicom, which other commands do without

            unreadable += import_files(spool)
        open_at(spool.ledger, HEAD)
        write_bytes(spool.root / VERSION_NAME, f"{LAYOUT}\n".encode())
    spool.prepare()
    return Upgraded(imported, records, tuple(unreadable))


def _import(spool: Spool, some: Sequence[Job], entries: Mapping[str, Sequence[DeliveryRecord]]) -> None:
    """Import jobs, each with its deliveries, except those that an interrupted run has imported.

    Files first, then the rows.
    """
    done = imported_already(spool, [job.id for job in some])
    missing = [job for job in some if job.id not in done]
    for job in missing:
        link_results(spool, job)
    with spool.ledger.writing() as connection:
        for job in missing:
            put_job(connection, job)
            for entry in entries[job.id]:
                put_delivery(connection, job.id, entry)


def _require_alone(job: Job, locks: ExitStack) -> None:
    for name in ("lock", *(f"deliver-{path.stem}.lock" for path in _files(job))):
        if not locks.enter_context(exclusive(job.folder, name)):
            raise CommandError(f"{job.id}: a worker works on it", "stop all parts, on all machines, then upgrade")


def _entries(job: Job, unreadable: list[Path]) -> Iterator[DeliveryRecord]:
    for path in _files(job):
        try:
            yield _with_references(read_record(DeliveryRecord, path), job)
        except UnreadableRecord:
            unreadable.append(path)


def _files(job: Job) -> list[Path]:
    """Return the delivery records of a job, which were files up to layout 2."""
    return sorted((job.folder / "delivery").glob("[!.]*.json"))


def _with_references(entry: DeliveryRecord, job: Job) -> DeliveryRecord:
    """Return the record with the whole references of what was taken: what can be asked for is not sent again."""
    result = read_intact_result(job)
    references = result.references if result else {}
    taken = dict(entry.taken)
    for role, word in entry.taken.items():
        known = references.get(role)
        if not word.can_be_verified and known and known.sop_instance_uid == word.sop_instance_uid:
            taken[role] = StoreResponse.on(known, word.status)
    queued = entry.waits_since
    return replace(entry, queued=queued, taken=taken)
