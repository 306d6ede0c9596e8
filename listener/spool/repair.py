"""What a power cut, a kill or a restored backup leaves in the spool: found, and made good.

Jobs are rows of the ledger, of which a transaction leaves nothing half done; objects and results are files.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import structlog

from listener.spool.atomic_files import read_json
from listener.spool.job_notes import RESULT_NAME
from listener.spool.jobs import IN_WORK, JobState
from listener.spool.locks import exclusive
from listener.spool.record_file import write_record
from listener.spool.spool import QuarantineReason, Spool

log = structlog.get_logger()

YOUNG_SECONDS = 60.0
"""What is younger may still be in someone's hands, where no lock can tell."""


class SpoolDefect(StrEnum):
    """What can be found."""

    TEMPORARY_FILE = "temporary_file"
    REASON_WITHOUT_OBJECT = "reason_without_object"
    OBJECT_WITHOUT_REASON = "object_without_reason"
    RESULT_UNREADABLE = "result_unreadable"


REMEDIES = {
    SpoolDefect.TEMPORARY_FILE: "removed: nobody was told that it is there",
    SpoolDefect.REASON_WITHOUT_OBJECT: "removed: its object was not acknowledged",
    SpoolDefect.OBJECT_WITHOUT_REASON: "kept, and given a reason that says so",
    SpoolDefect.RESULT_UNREADABLE: "scored again, with the same results",
}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    defect: SpoolDefect
    path: Path
    job_id: str | None = None

    @property
    def remedy(self) -> str:
        """What `repair` does about it."""
        return REMEDIES[self.defect]


def check(spool: Spool) -> Iterator[Finding]:
    """Yield what is wrong; changes nothing. What someone works on right now may be among it."""
    yield from _leftovers(spool)
    yield from _quarantine(spool)
    for job in spool.jobs(JobState.DELIVERING):
        if not _is_readable(job.folder / RESULT_NAME):
            yield Finding(SpoolDefect.RESULT_UNREADABLE, job.folder / RESULT_NAME, job.id)


def repair(spool: Spool) -> list[Finding]:
    """Make good what `check` finds, as far as nobody works on it.

    Each by itself: what cannot be repaired is logged and holds up nothing else.
    """
    repaired = []
    for finding in list(check(spool)):
        try:
            if not _repaired(spool, finding):
                continue
        except OSError as error:
            log.error("spool_not_repaired", defect=finding.defect.value, job=finding.job_id, error=error.strerror)
            continue
        log.warning("spool_repaired", defect=finding.defect.value, job=finding.job_id, name=finding.path.name)
        repaired.append(finding)
    return repaired


# Finding -------------------------------------------------------------------------------------------------------------


def _leftovers(spool: Spool) -> Iterator[Finding]:
    for job in spool.jobs(*IN_WORK):
        for path in sorted(job.folder.rglob(".*.tmp")):
            yield Finding(SpoolDefect.TEMPORARY_FILE, path, job.id)
    for folder in (spool.root, spool.quarantine):
        for path in sorted(folder.glob(".*.tmp")):
            yield Finding(SpoolDefect.TEMPORARY_FILE, path)


def _quarantine(spool: Spool) -> Iterator[Finding]:
    names = {path.name for path in spool.quarantine.iterdir() if not path.name.startswith(".")}
    for name in sorted(names):
        stem, _, kind = name.rpartition(".")
        if kind == "json" and f"{stem}.dcm" not in names:
            yield Finding(SpoolDefect.REASON_WITHOUT_OBJECT, spool.quarantine / name)
        if kind == "dcm" and f"{stem}.json" not in names:
            yield Finding(SpoolDefect.OBJECT_WITHOUT_REASON, spool.quarantine / name)


def _is_readable(path: Path) -> bool:
    try:
        read_json(path)
    except (FileNotFoundError, ValueError):
        return False
    return True


# Repairing -----------------------------------------------------------------------------------------------------------


def _repaired(spool: Spool, finding: Finding) -> bool:
    if finding.defect is SpoolDefect.RESULT_UNREADABLE:
        return _repaired_result(spool, finding)
    return _repaired_file(spool, finding)


def _repaired_file(spool: Spool, finding: Finding) -> bool:
    path = finding.path
    job = spool.find_job(finding.job_id) if finding.job_id else None
    if job is not None:
        with _held(job.folder) as mine:
            if mine:
                path.unlink(missing_ok=True)
            return mine
    if time.time() - path.stat().st_mtime < YOUNG_SECONDS:
        return False
    if finding.defect is SpoolDefect.OBJECT_WITHOUT_REASON:
        lost = QuarantineReason(reason="unknown", message="its reason was lost", at=datetime.now(UTC))
        write_record(path.with_suffix(".json"), lost)
    else:
        path.unlink()
    return True


def _repaired_result(spool: Spool, finding: Finding) -> bool:
    """Let the worker that comes next score the job again."""
    job = spool.find_job(finding.job_id or "")
    if job is None or job.state is not JobState.DELIVERING:
        return False
    with _held(job.folder) as mine:
        if not mine:
            return False
        if finding.path.is_file():
            os.rename(finding.path, finding.path.with_name(f"{finding.path.name}.damaged"))
        return spool.move(job, JobState.READY) is not None


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold every lock of a job's folder; yields False where someone works on it."""
    with contextlib.ExitStack() as stack:
        names = {"lock", *(path.name for path in folder.glob("deliver-*.lock"))}
        # A list: each lock is taken, also after one that is not free.
        yield all([stack.enter_context(exclusive(folder, name)) for name in sorted(names)])  # noqa: C419
