"""What a power cut, a kill or a restored backup leaves in the spool: found, and made good or put aside with its reason.

A job's folder is never thrown away: what cannot stay where it lies goes to ``jobs/aside``, beside a file that says why.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import structlog

from listener.ledger.deliveries import schedules
from listener.spool.atomic_files import fsync_folder, make_folder, read_json
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.locks import exclusive
from listener.spool.record_file import UtcTime, write_record
from listener.spool.spool import QuarantineReason, Spool

log = structlog.get_logger()

YOUNG_SECONDS = 60.0
"""What is younger may still be in someone's hands, where no lock can tell."""
IN_WORK = (JobState.WAITING, JobState.READY, JobState.RUNNING, JobState.DELIVERING)
MOST_ADVANCED_FIRST = (JobState.DONE, JobState.DROPPED, JobState.FAILED, *reversed(IN_WORK))


class SpoolDefect(StrEnum):
    """What can be found."""

    TEMPORARY_FILE = "temporary_file"
    UNFINISHED_JOB = "unfinished_job"
    REASON_WITHOUT_OBJECT = "reason_without_object"
    OBJECT_WITHOUT_REASON = "object_without_reason"
    TWO_STATES = "two_states"
    JOB_UNREADABLE = "job_unreadable"
    RESULT_UNREADABLE = "result_unreadable"
    DELIVERY_UNKNOWN = "delivery_unknown"


REMEDIES = {
    SpoolDefect.TEMPORARY_FILE: "removed: nobody was told that it is there",
    SpoolDefect.UNFINISHED_JOB: "removed: its outline was not acknowledged, and gets its job again",
    SpoolDefect.REASON_WITHOUT_OBJECT: "removed: its object was not acknowledged",
    SpoolDefect.OBJECT_WITHOUT_REASON: "kept, and given a reason that says so",
    SpoolDefect.TWO_STATES: "the one that is further on stays; the other is put aside",
    SpoolDefect.JOB_UNREADABLE: "put aside; its outline gets a new job, with the same results",
    SpoolDefect.RESULT_UNREADABLE: "scored again, with the same results",
    SpoolDefect.DELIVERY_UNKNOWN: "queued again: the target may get the same objects a second time",
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


@dataclass(frozen=True)
class AsideReason:
    """Why a job's folder lies in ``jobs/aside``: the JSON file beside it."""

    reason: SpoolDefect
    message: str
    """What becomes of it."""
    state: str
    """Where the job lay; a value of `JobState`."""
    at: UtcTime


def aside_folder(spool: Spool) -> Path:
    """Return where jobs are put that cannot stay where they lie."""
    return spool.root / "jobs" / "aside"


def check(spool: Spool) -> Iterator[Finding]:
    """Yield what is wrong; changes nothing. What someone works on right now may be among it."""
    yield from _leftovers(spool)
    yield from _quarantine(spool)
    places: dict[str, list[Job]] = defaultdict(list)
    for job in spool.jobs(*MOST_ADVANCED_FIRST):
        places[job.id].append(job)
    for _, *others in places.values():
        yield from (Finding(SpoolDefect.TWO_STATES, job.folder, job.id) for job in others)
    in_work = [first for first, *_ in places.values() if first.state in IN_WORK]
    outbox = schedules(spool.ledger, [job.id for job in in_work if job.state is JobState.DELIVERING])
    for job in in_work:
        yield from _damage(job, is_queued=bool(outbox.get(job.id)))


def repair(spool: Spool) -> list[Finding]:
    """Make good what `check` finds, as far as nobody works on it; the caller holds the lock that jobs are made under.

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


def outlines_of(spool: Spool, job_ids: frozenset[str]) -> Iterator[Path]:
    """Yield the objects that these jobs, all of version 1, were made for. Looks at names alone."""
    for path in spool.studies.glob("*/*/*.dcm") if job_ids else ():
        if job_id_for(path.stem, 1) in job_ids:
            yield path


# Finding -------------------------------------------------------------------------------------------------------------


def _leftovers(spool: Spool) -> Iterator[Finding]:
    for state in JobState:
        folder = spool.jobs_folder(state)
        for entry in sorted(folder.glob(".*-v*")):
            yield Finding(SpoolDefect.UNFINISHED_JOB, entry)
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


def _damage(job: Job, *, is_queued: bool) -> Iterator[Finding]:
    if not _is_readable(job.folder / "job.json"):
        yield Finding(SpoolDefect.JOB_UNREADABLE, job.folder, job.id)
        return
    result = job.folder / "result.json"
    if job.state is JobState.DELIVERING and not _is_readable(result):
        yield Finding(SpoolDefect.RESULT_UNREADABLE, result, job.id)
    elif job.state is JobState.DELIVERING and not is_queued:
        yield Finding(SpoolDefect.DELIVERY_UNKNOWN, job.folder, job.id)


def _is_readable(path: Path) -> bool:
    try:
        read_json(path)
    except FileNotFoundError:
        return not path.parent.is_dir()  # a job that moved on meanwhile is not damaged
    except ValueError:
        return False
    return True


# Repairing -----------------------------------------------------------------------------------------------------------


def _repaired(spool: Spool, finding: Finding) -> bool:
    path = finding.path
    match finding.defect:
        case SpoolDefect.UNFINISHED_JOB:
            shutil.rmtree(path)
        case SpoolDefect.TEMPORARY_FILE | SpoolDefect.REASON_WITHOUT_OBJECT | SpoolDefect.OBJECT_WITHOUT_REASON:
            return _repaired_file(spool, finding)
        case SpoolDefect.TWO_STATES | SpoolDefect.JOB_UNREADABLE:
            with _held(path) as mine:
                return mine and _is_still_so(spool, finding) and _put_aside(spool, finding)
        case SpoolDefect.RESULT_UNREADABLE | SpoolDefect.DELIVERY_UNKNOWN:
            return _repaired_delivery(spool, finding)
    return True


def _is_still_so(spool: Spool, finding: Finding) -> bool:
    """Return whether a job lies in two states indeed: one that moved back while `check` looked was seen twice."""
    if finding.defect is not SpoolDefect.TWO_STATES:
        return True
    folders = [spool.job_folder(state, finding.job_id or "") for state in JobState]
    return sum(folder.is_dir() for folder in folders) > 1


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


def _repaired_delivery(spool: Spool, finding: Finding) -> bool:
    """Let the worker that comes next write what is missing: it scores again only what has no result."""
    job = spool.find_job(finding.job_id or "")
    if job is None or job.state is not JobState.DELIVERING:
        return False
    with _held(job.folder) as mine:
        if not mine:
            return False
        if finding.path.is_file():
            os.rename(finding.path, finding.path.with_name(f"{finding.path.name}.damaged"))
        return spool.move(job, JobState.READY) is not None


def _put_aside(spool: Spool, finding: Finding) -> bool:
    aside = aside_folder(spool)
    make_folder(aside)
    name = f"{finding.job_id}.{finding.path.parent.name}.{secrets.token_hex(4)}"
    reason = AsideReason(finding.defect, finding.remedy, finding.path.parent.name, datetime.now(UTC))
    write_record(aside / f"{name}.json", reason)
    os.rename(finding.path, aside / name)
    for folder in (aside, finding.path.parent):
        fsync_folder(folder)
    return True


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold every lock of a job's folder; yields False where someone works on it."""
    with contextlib.ExitStack() as stack:
        names = {"lock", *(path.name for path in folder.glob("deliver-*.lock"))}
        # A list: each lock is taken, also after one that is not free.
        yield all([stack.enter_context(exclusive(folder, name)) for name in sorted(names)])  # noqa: C419
