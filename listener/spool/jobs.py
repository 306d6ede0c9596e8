"""A job as it lies in the spool: its id, its state and its folder."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog

from listener.spool.atomic_files import read_json

log = structlog.get_logger()


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


HOLD_NAME = "hold.json"
"""In the job's folder, where it moves along with the job: who holds it, since when, and why."""


def is_held(folder: Path) -> bool:
    """Tell whether a person holds the job in this folder."""
    return (folder / HOLD_NAME).exists()
