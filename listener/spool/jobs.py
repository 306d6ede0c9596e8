"""A job: its id, its state, and what the ledger knows of it."""

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from listener.spool.job_notes import RESULT_NAME, Attempts, Drop, Failure, Hold, IssuedObjects
from listener.spool.job_record import JobRecord
from listener.spool.record_file import UtcTime, read_intact

JOB_ID_PATTERN = re.compile(r"[a-z0-9]{16}-v[1-9][0-9]{0,5}")


class JobState(StrEnum):
    """How far a job is. The order is the order in which a job passes through."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """Given up by a person; `radtme retry` takes it up again."""


FINISHED_STATES = (JobState.DONE, JobState.FAILED, JobState.DROPPED)
IN_WORK = tuple(state for state in JobState if state not in FINISHED_STATES)


def job_id_for(seg_sop_instance_uid: str, version: int, segment_number: int | None = None) -> str:
    """Return the id of the job that scores this SEG for the ``version``-th time (1 is the first).

    ``segment_number`` is that of a further tumour in it; the first one is scored by the outline's own job.
    """
    tumour = "" if segment_number is None else f"#{segment_number}"
    digest = hashlib.sha256(f"{seg_sop_instance_uid}{tumour}".encode()).hexdigest()
    return f"{digest[:16]}-v{version}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job, as the ledger had it when it was read."""

    record: JobRecord
    state: JobState
    folder: Path
    """Of its result, in whatever state it is."""
    changed: UtcTime
    """When anything but its deliveries was last written."""
    attempts: Attempts = field(default_factory=Attempts)
    """How often it was begun."""
    failure: Failure | None = None
    """Why it failed, if it did."""
    hold: Hold | None = None
    """Who holds it."""
    drop: Drop | None = None
    """Who gave it up."""
    lease: int = 0
    """How often a worker claimed it: what an earlier claim still writes is refused."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.job_id

    @property
    def is_held(self) -> bool:
        """Whether a person holds it."""
        return self.hold is not None

    def issued(self) -> IssuedObjects | None:
        """Return the objects of its result; None where there is none, or the file is damaged."""
        return read_intact(IssuedObjects, self.folder / RESULT_NAME)
