"""A job as it lies in the spool: its id, its state and its folder."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from listener.spool.job_files import (
    ATTEMPTS_NAME,
    DROP_NAME,
    FAILURE_NAME,
    HOLD_NAME,
    RESULT_NAME,
    Attempts,
    Drop,
    Failure,
    Hold,
    IssuedObjects,
)
from listener.spool.job_record import JOB_NAME, JobRecord
from listener.spool.record_file import read_intact, read_optional, read_record, write_record

JOB_ID_PATTERN = re.compile(r"[a-z0-9]{16}-v[1-9][0-9]{0,5}")


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


def job_id_for(seg_sop_instance_uid: str, version: int, segment_number: int | None = None) -> str:
    """Return the id of the job that scores this SEG for the ``version``-th time (1 is the first).

    ``segment_number`` is that of a further tumour in it; the first one is scored by the outline's own job.
    """
    tumour = "" if segment_number is None else f"#{segment_number}"
    digest = hashlib.sha256(f"{seg_sop_instance_uid}{tumour}".encode()).hexdigest()
    return f"{digest[:16]}-v{version}"


@dataclass(frozen=True)
class Job:
    """One job as it lies in the spool: its id, its state and its folder."""

    id: str
    state: JobState
    folder: Path

    def read(self) -> JobRecord:
        """Return what ``job.json`` says.

        Raises
        ------
        FileNotFoundError
            If the job moved on.
        UnreadableRecord
            If the file is damaged.
        """
        return read_record(JobRecord, self.folder / JOB_NAME)

    def write(self, record: JobRecord) -> None:
        """Replace ``job.json``."""
        write_record(self.folder / JOB_NAME, record)

    def attempts(self) -> Attempts:
        """Return how often it was begun; never, where that is not written or damaged."""
        return read_intact(Attempts, self.folder / ATTEMPTS_NAME) or Attempts()

    def failure(self) -> Failure | None:
        """Return why it failed, if it did."""
        return read_optional(Failure, self.folder / FAILURE_NAME)

    def hold(self) -> Hold | None:
        """Return who holds the job; None if it is not on hold or the file is damaged."""
        return read_intact(Hold, self.folder / HOLD_NAME)

    def drop(self) -> Drop | None:
        """Return who gave up the job; None if it was not given up or the file is damaged."""
        return read_intact(Drop, self.folder / DROP_NAME)

    def issued(self) -> IssuedObjects | None:
        """Return the objects of its result; None where there is none, or the file is damaged."""
        return read_intact(IssuedObjects, self.folder / RESULT_NAME)
