"""The spool: every received object and every job, as files whose folder is their state.

Nothing else is the truth. A message in Redis can be lost or come twice; a rename in here cannot. All folders lie on one
filesystem, because one rename is one step of a job. Layout::

    receiving/<association>/<uid>.part              not acknowledged yet
    studies/<study>/<series>/<sop instance>.dcm     as received, never altered
    jobs/<state>/<job id>/                          job.json result.json objects/ delivery/ failure.json
    quarantine/<uid>.dcm + <uid>.json
    version                                         the number of this layout (layout.py)
    targets/<target>.json                           whether anyone goes to it (circuit.py)
    commitments/{requests,reports}/<uid>.json       storage commitment (commitments.py)
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog

from listener.fault_points import FaultPoint, reach
from listener.layout import LAYOUT, VERSION_NAME, check_layout

UID_PATTERN = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
UID_LENGTH = 64
JOB_ID_PATTERN = re.compile(r"[a-z0-9]{16}-v[1-9][0-9]{0,5}")
LOCK_NAME = "lock"

log = structlog.get_logger()


class JobState(StrEnum):
    """Where a job lies. The order is the order in which a job passes through."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """Given up by a person; `radtme retry` takes it up again."""


class Kept(StrEnum):
    """What became of an object that was offered to the spool."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class InvalidUid(ValueError):
    """A UID is not of the form that PS3.5 section 9.1 gives, and so cannot become a path."""


def checked_uid(uid: object) -> str:
    """Return ``uid`` as text if it has the form of PS3.5 section 9.1.

    Raises
    ------
    InvalidUid
        If it is empty, longer than 64 characters or holds anything but dotted numbers.
    """
    text = str(uid)
    if not is_uid(text):
        # Not what was found: an element that was put in the wrong place may hold anything, a name too.
        raise InvalidUid(f"expected a UID (dotted numbers, at most 64 characters), found {len(text)} characters")
    return text


def is_uid(text: str) -> bool:
    """Tell whether ``text`` has the form of PS3.5 section 9.1."""
    return len(text) <= UID_LENGTH and UID_PATTERN.fullmatch(text) is not None


def job_id_for(seg_sop_instance_uid: str, version: int) -> str:
    """Return the id of the job that scores this SEG for the ``version``-th time (1 is the first)."""
    digest = hashlib.sha256(seg_sop_instance_uid.encode()).hexdigest()
    return f"{digest[:16]}-v{version}"


def fsync_folder(folder: Path) -> None:
    """Make a rename or a new name in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file so that a reader sees the old content or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        reach(FaultPoint.FILE_WRITTEN)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` as readable JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote."""
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError(f"{path.name}: expected a JSON object, found {type(value).__name__}")
    return value


def make_folder(folder: Path) -> None:
    """Make ``folder`` and its parents; each new name survives a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        with contextlib.suppress(FileExistsError):
            new.mkdir()
            fsync_folder(new.parent)


@dataclass(frozen=True)
class Job:
    """One job as it lies in the spool: its id, its state and its folder."""

    id: str
    state: JobState
    folder: Path

    def read(self) -> dict[str, Any]:
        """Return what ``job.json`` says (its fields: docs/spool.md)."""
        return read_json(self.folder / "job.json")

    def read_optional(self, name: str) -> dict[str, Any] | None:
        """Return what ``<name>`` in the job's folder says, or None where there is no such file."""
        try:
            return read_json(self.folder / name)
        except FileNotFoundError:
            return None

    def read_intact(self, name: str) -> dict[str, Any] | None:
        """Return the same; None also where a power cut left the file damaged, for one that can be written again."""
        try:
            return self.read_optional(name)
        except ValueError:
            log.warning("file_unreadable", job=self.id, name=name)
            return None


@dataclass(frozen=True)
class Spool:
    """The spool below one folder. Holds no state of its own: any number of processes may open the same one."""

    root: Path

    def prepare(self) -> None:
        """Make the folders, and check that they can be written and lie on one filesystem.

        Raises
        ------
        WrongLayout
            If what lies there has another layout than this program.
        OSError
            If it cannot be used.
        """
        check_layout(self.root)
        folders = [self.receiving, self.studies, self.quarantine, self.targets, self.commitments]
        folders += [self.jobs_folder(state) for state in JobState]
        for folder in folders:
            make_folder(folder)
        if len({folder.stat().st_dev for folder in folders}) != 1:
            raise OSError(errno.EXDEV, f"the folders below {self.root} must lie on one filesystem")
        probe = self.receiving / f".probe-{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
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
    def targets(self) -> Path:
        """What is known of each target's reachability."""
        return self.root / "targets"

    @property
    def commitments(self) -> Path:
        """Storage commitment requests that wait for a report, and reports that came."""
        return self.root / "commitments"

    def jobs_folder(self, state: JobState) -> Path:
        """Return the folder that holds the jobs in ``state``."""
        return self.root / "jobs" / state.value

    def free_bytes(self) -> int:
        """Return the bytes that an unprivileged process can still write."""
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize

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

    def keep(self, part: Path, study_uid: str, series_uid: str, sop_instance_uid: str) -> Kept:
        """Move a completely written and fsynced file to its place; the first copy of an instance stays.

        A second copy with the same bytes is dropped. One with other bytes is left at ``part`` for the caller to
        quarantine. The link is atomic, so two associations that bring the same instance cannot overwrite each other.
        """
        target = self.instance_path(study_uid, series_uid, sop_instance_uid)
        make_folder(target.parent)
        try:
            os.link(part, target)
        except FileExistsError:
            if not same_content(part, target):
                return Kept.CONFLICT
            # The first copy's name may not have reached the disk yet, and this one is about to be acknowledged.
            fsync_folder(target.parent)
            part.unlink()
            return Kept.DUPLICATE
        reach(FaultPoint.RECEIVE_LINKED)
        fsync_folder(target.parent)
        part.unlink()
        return Kept.NEW

    def put_in_quarantine(self, part: Path, sop_instance_uid: str, reason: Mapping[str, Any]) -> Path:
        """Move a received file into quarantine beside a JSON file that says why; return its new path."""
        name = f"{checked_uid(sop_instance_uid)}.{secrets.token_hex(4)}"
        target = self.quarantine / f"{name}.dcm"
        write_json(self.quarantine / f"{name}.json", reason)
        reach(FaultPoint.QUARANTINE_REASONED)
        os.rename(part, target)
        fsync_folder(self.quarantine)
        return target

    # Jobs ------------------------------------------------------------------------------------------------------------

    def job_folder(self, state: JobState, job_id: str) -> Path:
        """Return where a job in ``state`` lies, or would lie."""
        if not JOB_ID_PATTERN.fullmatch(job_id):
            raise ValueError(f"expected a job id such as 0123456789abcdef-v1, found {job_id[:40]!r}")
        return self.jobs_folder(state) / job_id

    def jobs(self, *states: JobState) -> Iterator[Job]:
        """Yield the jobs in these states (in all states when none is given), by id."""
        for state in states or tuple(JobState):
            for name in sorted(os.listdir(self.jobs_folder(state))):
                if JOB_ID_PATTERN.fullmatch(name):
                    yield Job(name, state, self.jobs_folder(state) / name)

    def find_job(self, job_id: str) -> Job | None:
        """Return the job wherever it lies, or None."""
        for _ in range(2):  # a job that moves on while we look is found the second time
            for state in JobState:
                folder = self.job_folder(state, job_id)
                if folder.is_dir():
                    return Job(job_id, state, folder)
        return None

    def create_job(self, job_id: str, content: Mapping[str, Any], state: JobState = JobState.WAITING) -> Job | None:
        """Create a job whole, or return None where a job of this id exists in any state."""
        if self.find_job(job_id) is not None:
            return None
        folder = self.job_folder(state, job_id)
        temporary = folder.with_name(f".{job_id}.{secrets.token_hex(4)}")
        temporary.mkdir()
        write_json(temporary / "job.json", content)
        reach(FaultPoint.JOB_WRITTEN)
        try:
            os.rename(temporary, folder)  # fails where the folder exists: a job's folder is never empty
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            (temporary / "job.json").unlink()
            temporary.rmdir()
            return None
        fsync_folder(folder.parent)
        return Job(job_id, state, folder)

    def move(self, job: Job, state: JobState) -> Job | None:
        """Move a job to ``state`` with one rename; None where another process moved it first."""
        target = self.job_folder(state, job.id)
        try:
            os.rename(job.folder, target)
        except FileNotFoundError:
            return None
        reach(FaultPoint.JOB_RENAMED)
        fsync_folder(target.parent)
        fsync_folder(job.folder.parent)
        return Job(job.id, state, target)


@contextlib.contextmanager
def exclusive(folder: Path, name: str = LOCK_NAME) -> Iterator[bool]:
    """Hold the lock file ``name`` in ``folder`` while the block runs; yields False where another process holds it.

    The kernel drops the lock when its holder dies, however it dies: a lock that is free on a running job means that
    its worker is gone.
    """
    try:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except FileNotFoundError:
        yield False  # the job moved on
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def same_content(first: Path, second: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    if first.stat().st_size != second.stat().st_size:
        return False
    with open(first, "rb") as one, open(second, "rb") as other:
        while block := one.read(1 << 20):
            if block != other.read(len(block)):
                return False
    return True
