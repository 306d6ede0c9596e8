"""The spool: every received object and every result as a file, every job as a row of the ledger.

Nothing else is the truth. A message in Redis can be lost or come twice; a row or a file cannot. All folders lie on one
filesystem, because one rename is one step of an object. Layout::

    receiving/<association>/<n>.part                not acknowledged yet
    receiving/<association>/<n>.<bytes>.<sum>.whole on disk; its name in studies may not be
    studies/<study>/<series>/<sop instance>.dcm     as received, never altered
    recent/<date>/<study>                           something of the study came on that day (recent_studies.py)
    results/<job id>/                               result.json objects/
    quarantine/<uid>.<n>.dcm                        received but unusable; the ledger says why
    version                                         the number of this layout (layout.py)
    parts/<part>-<host>-<process>.json              signs of life of the running parts (runtime/heartbeat.py)
    ledger.sqlite                                   jobs and all else, unless another one is named (`listener.ledger`)
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from listener.dicom.uids import checked_uid
from listener.runtime.fault_points import FaultPoint, reach
from listener.runtime.logger import Logger
from listener.spool.atomic_files import fsync_folder, make_folder, remove_unfinished, same_content, write_bytes
from listener.spool.job_notes import Failure
from listener.spool.job_record import JobRecord
from listener.spool.jobs import JOB_ID_PATTERN, Job, JobState
from listener.spool.layout import LAYOUT, VERSION_NAME, WrongLayout, check_layout
from listener.spool.recent_studies import FOLDER as RECENT
from listener.spool.recent_studies import newest_studies, note_recent
from listener.spool.record_file import write_record

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from listener.ledger.database import Ledger
    from listener.ledger.quarantine import QuarantineReason

log = Logger(__name__)

LEASE_SECONDS = 60.0


class Kept(StrEnum):
    """What became of an object that was offered to the spool."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Spool:
    """The spool below one folder. Holds no state of its own: any number of processes may open the same one."""

    root: Path
    ledger_url: str | None = field(default=None, repr=False)
    """Of the ledger's database; None: SQLite in ``root``. May hold a password: never shown."""
    lease_seconds: float = LEASE_SECONDS
    """A running job whose worker on another machine gave no sign of life for so long is taken over."""

    @property
    def ledger(self) -> "Ledger":
        """What is known beside the files."""
        from listener.ledger.database import Ledger  # with SQLAlchemy, which not every command needs

        return Ledger(self.ledger_url) if self.ledger_url else Ledger.in_folder(self.root)

    def prepare(self) -> None:
        """Make the folders and the ledger, and check that they can be written and lie on one filesystem.

        Raises
        ------
        WrongLayout
            If what lies there has another layout than this program.
        OSError
            If it cannot be used.
        """
        check_layout(self.root)
        folders = [self.receiving, self.studies, self.quarantine, self.results]
        for folder in folders:
            make_folder(folder)
        if len({folder.stat().st_dev for folder in folders}) != 1:
            raise OSError(errno.EXDEV, f"the folders below {self.root} must lie on one filesystem")
        probe = self.receiving / f".probe-{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
        for folder in (self.root, self.root / RECENT, self.quarantine):
            remove_unfinished(folder)
        if self.ledger_url is None:  # one on a server may be away: what needs no ledger works without it
            with self.ledger.writing():
                pass
        if not (self.root / VERSION_NAME).exists():
            write_bytes(self.root / VERSION_NAME, f"{LAYOUT}\n".encode())

    @property
    def receiving(self) -> Path:
        """Objects whose bytes are still coming in."""
        return self.root / "receiving"

    @property
    def studies(self) -> Path:
        """Objects as received."""
        return self.root / "studies"

    @property
    def quarantine(self) -> Path:
        """Objects that were received and cannot be used, each with its reason."""
        return self.root / "quarantine"

    @property
    def parts(self) -> Path:
        """The signs of life of the parts that run."""
        return self.root / "parts"

    @property
    def results(self) -> Path:
        """The results of the jobs, each in a folder of its own."""
        return self.root / "results"

    def free_bytes(self) -> int:
        """Return the bytes that an unprivileged process can still write."""
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize

    def free_files(self) -> int | None:
        """Return how many files and folders can still be made (inodes); None where the file system has no limit."""
        status = os.statvfs(self.root)
        return status.f_favail if status.f_files else None

    def is_read_only(self) -> bool:
        """Return whether the file system is mounted read-only here; other machines may see it otherwise."""
        return bool(os.statvfs(self.root).f_flag & os.ST_RDONLY)

    def is_writable(self) -> bool:
        """Return whether received objects can be written, as far as it can be told without writing."""
        return self.free_files() != 0 and all(os.access(path, os.W_OK) for path in (self.receiving, self.studies))

    def last_arrival(self) -> float | None:
        """Return when the newest object was stored (Unix time, seconds), to the folder of its series; None: never.

        As the ledger knows it; where that knows nothing, or is away, the folders of the last day's studies are asked.
        """
        from listener.ledger.database import SQLITE_NAME, LedgerUnavailable  # as in `ledger`
        from listener.spool import study_rows

        with suppress(LedgerUnavailable, WrongLayout):
            check_layout(self.root)  # the ledger of another layout must not be opened, and so migrated, before its jobs
            if self.ledger_url is not None or (self.root / SQLITE_NAME).exists():
                noted = study_rows.last_arrival(self.ledger)
                if noted is not None:
                    return noted.timestamp()
        arrivals = []
        for study in newest_studies(self.root):
            for folder in self.studies.glob(f"{study}/*/"):
                with suppress(FileNotFoundError):  # removed meanwhile
                    arrivals.append(folder.stat().st_mtime)
        return max(arrivals, default=None)

    # Objects ---------------------------------------------------------------------------------------------------------

    def series_folder(self, study_uid: str, series_uid: str) -> Path:
        """Return where the instances of a series lie."""
        return self.studies / checked_uid(study_uid) / checked_uid(series_uid)

    def instance_path(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> Path:
        """Return where an instance lies, or would lie."""
        return self.series_folder(study_uid, series_uid) / f"{checked_uid(sop_instance_uid)}.dcm"

    def instances(self, study_uid: str, series_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of the series that are safe on disk."""
        try:
            names = os.listdir(self.series_folder(study_uid, series_uid))
        except FileNotFoundError:
            return frozenset()
        return frozenset(name[:-4] for name in names if name.endswith(".dcm"))

    def link(self, part: str, study_uid: str, series_uid: str, sop_instance_uid: str) -> tuple[Kept, tuple[str, ...]]:
        """Give a completely written and fsynced file its name; the first copy of an instance stays.

        Returns what became of it, and the folders with new names: of its series, and of the studies of the day. The
        names may not survive a power cut until these folders are synced; ``part`` stays. The link is atomic, so two
        associations that bring the same instance cannot overwrite each other.
        """
        study, series, instance = (checked_uid(uid) for uid in (study_uid, series_uid, sop_instance_uid))
        recent = note_recent(str(self.root), study)
        folder = f"{self.root}/studies/{study}/{series}"
        target = f"{folder}/{instance}.dcm"
        try:
            try:
                os.link(part, target)
            except FileNotFoundError:
                make_folder(Path(folder))
                os.link(part, target)
        except FileExistsError:
            if not same_content(Path(part), Path(target)):
                return Kept.CONFLICT, ()
            # The first copy's name may not have reached the disk yet, and this one is about to be acknowledged.
            fsync_folder(Path(folder))
            return Kept.DUPLICATE, ()
        reach(FaultPoint.RECEIVE_LINKED)
        return Kept.NEW, (folder, recent)

    def keep(self, part: Path, study_uid: str, series_uid: str, sop_instance_uid: str) -> Kept:
        """Move a completely written and fsynced file to its place, so that its name survives a power cut.

        A second copy with the same bytes is dropped. One with other bytes is left at ``part`` for the caller to
        quarantine.
        """
        kept, folders = self.link(str(part), study_uid, series_uid, sop_instance_uid)
        if kept is Kept.CONFLICT:
            return kept
        for folder in folders:
            fsync_folder(Path(folder))
        part.unlink()
        return kept

    def put_in_quarantine(self, part: Path, sop_instance_uid: str, reason: "QuarantineReason") -> Path:
        """Move a received file into quarantine, and write down why; return its new path.

        Where the ledger does not take the reason, it lies beside the file until it does.
        """
        from listener.ledger.database import LedgerUnavailable  # as in `ledger`
        from listener.ledger.quarantine import note_quarantined

        name = f"{checked_uid(sop_instance_uid)}.{secrets.token_hex(4)}"
        target = self.quarantine / f"{name}.dcm"
        reason = replace(reason, at=reason.at or datetime.now(UTC))
        os.rename(part, target)
        fsync_folder(self.quarantine)
        reach(FaultPoint.QUARANTINE_MOVED)
        try:
            note_quarantined(self.ledger, name, target.stat().st_size, reason)
        except LedgerUnavailable:
            write_record(target.with_suffix(".json"), reason)
        return target

    # Jobs ------------------------------------------------------------------------------------------------------------

    def job_folder(self, job_id: str) -> Path:
        """Return where the result of a job lies, or would lie."""
        return self.results / _checked_id(job_id)

    def jobs(self, *states: JobState, study_uid: str | None = None) -> Iterator[Job]:
        """Yield the jobs (of one study) in these states, in all states when none is given: by state and id."""
        from listener.spool import job_rows  # here and below as in `ledger`

        query = job_rows.rows()
        if states:
            query = query.where(job_rows.jobs.c.state.in_(states))
        if study_uid is not None:
            query = query.where(job_rows.jobs.c.study_uid == study_uid)
        with self.ledger.reading() as connection:
            found = list(job_rows.read(connection, query, self.results))
        order = {state: place for place, state in enumerate(states or JobState)}
        yield from sorted(found, key=lambda job: order[job.state])

    def first_jobs(self, state: JobState, most: int, *, newest_first: bool = False) -> list[Job]:
        """Return at most so many jobs in a state, those first that have been there for longest."""
        from listener.spool import job_rows

        when = job_rows.jobs.c.changed.desc() if newest_first else job_rows.jobs.c.changed
        query = job_rows.rows().where(job_rows.jobs.c.state == state).order_by(None).order_by(when).limit(most)
        with self.ledger.reading() as connection:
            return list(job_rows.read(connection, query, self.results))

    def find_job(self, job_id: str) -> Job | None:
        """Return the job, or None."""
        from listener.spool import job_rows

        query = job_rows.rows().where(job_rows.jobs.c.job_id == _checked_id(job_id))
        with self.ledger.reading() as connection:
            return next(job_rows.read(connection, query, self.results), None)

    def create_job(self, record: JobRecord, state: JobState = JobState.WAITING, **values: Any) -> Job | None:
        """Create a job, or return None where a job of its id exists in any state."""
        from listener.spool import job_rows

        make_folder(self.job_folder(record.job_id))
        with self.ledger.writing() as connection:
            created = job_rows.insert(connection, record, state, **values)
        return self.find_job(record.job_id) if created else None

    def change(self, job: Job, **changes: Any) -> Job | None:
        """Change a job that is still in the state in which it was read; None where another process was faster.

        ``changes`` are those of `listener.spool.job_rows.change`.
        """
        with self.ledger.writing() as connection:
            return self.change_within(connection, job, **changes)

    def change_within(self, connection: "Connection", job: Job, **changes: Any) -> Job | None:
        """Do what `change` does as a part of a transaction.

        A running job is changed only under the claim with which it was read: a worker whose job was taken over by
        another machine, and that lives on, changes nothing.
        """
        from listener.spool import job_rows

        mine = job_rows.jobs.c.lease == job.lease if job.state is JobState.RUNNING else None
        row = job_rows.change(connection, job.id, [job.state], only_if=mine, **changes)
        return None if row is None else job_rows.job_of(row, self.results)

    def move(self, job: Job, state: JobState, **changes: Any) -> Job | None:
        """Move a job to ``state``, with other changes; None where another process moved it first."""
        moved = self.change(job, to=state, **changes)
        if moved is not None:
            reach(FaultPoint.JOB_MOVED)
        return moved


def fail_within(spool: Spool, connection: "Connection", job: Job, reason: str, message: str) -> Job | None:
    """End a job as failed, with why and with what a person can do; None where another process moved it first."""
    failure = Failure(reason, message, datetime.now(UTC), len(job.attempts.began))
    return spool.change_within(connection, job, to=JobState.FAILED, failure=failure, reason=str(reason))


def _checked_id(job_id: str) -> str:
    if not JOB_ID_PATTERN.fullmatch(job_id):
        raise ValueError(f"expected a job id such as 0123456789abcdef-v1, found {job_id[:40]!r}")
    return job_id
