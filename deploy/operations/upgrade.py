"""Upgrades a spool to the layout of this program, the version last, so that it can be interrupted."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.configuration.load import Configuration
from deploy.errors import CommandError
from deploy.operations.retry import held_lock
from listener.ledger.database import SQLITE_NAME
from listener.spool.atomic_files import make_folder, write_bytes
from listener.spool.jobs import Job, JobState
from listener.spool.layout import LAYOUT, VERSION_NAME, WrongLayout, check_layout
from listener.spool.locks import PAIRING_LOCK_NAME, exclusive
from listener.spool.record_file import UnreadableRecord, read_record
from listener.spool.spool import Spool
from workers.delivery.outbox import write_delivery
from workers.delivery.record import DeliveryRecord, StoreResponse
from workers.results.result_record import read_intact_result


def require_layout(configuration: Configuration) -> None:
    """Accept a spool of this program's layout, and one that does not exist yet.

    Raises
    ------
    CommandError
        If the spool has another layout.
    """
    try:
        check_layout(configuration.locations.spool)
    except WrongLayout as error:
        raise CommandError(error.message, error.remedy) from error


def require_ledger(configuration: Configuration) -> None:
    """Accept an embedded ledger that can be used, and one that does not exist yet; one on a server may be away.

    Raises
    ------
    CommandError
        If the file is damaged, or a newer program wrote it.
    """
    if configuration.listener.ledger_url is not None or not (configuration.locations.spool / SQLITE_NAME).exists():
        return
    try:
        with configuration.spool.ledger.reading():
            pass
    except OSError as error:
        raise CommandError(
            f"the ledger cannot be used: {error.strerror}", "docs/operations/upgrade.md, Backup"
        ) from error


@dataclass(frozen=True)
class Upgraded:
    """The outcome of an upgrade."""

    records: int
    """Delivery records that were imported."""
    unreadable: tuple[Path, ...]
    """Left as they are. The next start of the listener repairs those of jobs; `radtme spool check` shows how."""


def upgrade(spool: Spool) -> Upgraded:
    """Upgrade a spool of an earlier layout to this program's layout; no other process may use it meanwhile.

    Raises
    ------
    CommandError
        If another process uses it.
    """
    for state in JobState:
        make_folder(spool.jobs_folder(state))
    records = 0
    unreadable: list[Path] = []
    with held_lock(spool.root / "jobs", PAIRING_LOCK_NAME, "upgrade"), ExitStack() as locks:
        jobs = list(spool.jobs())
        for job in jobs:
            if job.state in (JobState.RUNNING, JobState.DELIVERING):
                _require_alone(job, locks)
        for job in jobs:
            for entry in _entries(job, unreadable):
                write_delivery(spool.ledger, job.id, entry)
                records += 1
        from deploy.operations.upgrade_ledger import import_files  # with pydicom, which other commands do without

        unreadable += import_files(spool)
        write_bytes(spool.root / VERSION_NAME, f"{LAYOUT}\n".encode())
    spool.prepare()
    return Upgraded(records, tuple(unreadable))


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
