"""The status of the spool: received objects, jobs by state, deliveries, failures. Reads the spool alone.

Works while all other parts are down. No patient attribute is read.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.operations.delivery_status import TargetStatus, read_targets
from deploy.operations.job_status import JobStatus, read_job
from listener.ledger.quarantine import read_quarantined
from listener.ledger.reader_assessments import Assessment, newest_assessments
from listener.ledger.refused_contexts import RefusedContext, read_refused
from listener.ledger.set_aside_outlines import (
    SetAside,
    SetAsideOutline,
    newest_foreign,
    read_set_aside,
    set_aside_counts,
)
from listener.spool.job_queries import state_counts
from listener.spool.jobs import IN_WORK, JobState
from listener.spool.spool import Spool
from listener.spool.study_rows import StudyArrivals, count_without_outline, study_counts, without_outline

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Quarantined:
    """An object that was received and cannot be used."""

    name: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class RefusedOffer:
    """A presentation context that was refused to a sender."""

    context: RefusedContext
    says: str
    last: datetime
    """To the hour."""


@dataclass(frozen=True)
class SeriesStatus:
    """One series of the spool."""

    study_uid: str
    series_uid: str
    instances: int
    last_arrival: datetime | None


@dataclass(frozen=True)
class SpoolStatus:
    """The status of the whole spool at one moment."""

    spool: Path
    studies: int
    instances: int
    receiving: int
    """Objects that are being received and not acknowledged yet."""
    free_bytes: int
    jobs: tuple[JobStatus, ...]
    """All that are open or failed, and the newest of the others, or all of them."""
    counts: Mapping[JobState, int]
    """Jobs in each state."""
    quarantine: tuple[Quarantined, ...]
    targets: tuple[TargetStatus, ...] = ()
    """Those that cannot be reached."""
    set_aside: tuple[SetAsideOutline, ...] = ()
    """Outlines that make no case, the newest first: all of them, or the newest that are no results of radtme."""
    set_aside_counts: Mapping[SetAside, int] = field(default_factory=dict)
    """How many there are, by reason."""
    refused_contexts: tuple[RefusedOffer, ...] = ()
    """Presentation contexts that were refused, the newest first."""
    without_outline: tuple[StudyArrivals, ...] = ()
    """Studies that came without an outline, the newest first: all of them, or the newest."""
    without_outline_count: int = 0
    assessments: Mapping[Assessment, int] = field(default_factory=dict)
    """What readers said of results lately, and how often: the newest 1,000 count."""


def read_status(spool: Spool, most_finished: int | None = None) -> SpoolStatus:
    """Read the status of the whole spool; of the jobs that are done or dropped, only so many of each, the newest."""
    ledger = spool.ledger
    counts = study_counts(ledger)
    return SpoolStatus(
        spool=spool.root,
        studies=counts.studies,
        instances=counts.instances,
        receiving=sum(1 for part in spool.receiving.glob("*/*.part") if _has_content(part)),
        free_bytes=spool.free_bytes(),
        jobs=read_jobs(spool) if most_finished is None else _newest_jobs(spool, most_finished),
        counts=state_counts(spool.ledger),
        quarantine=read_quarantine(spool),
        targets=read_targets(spool),
        set_aside=read_set_aside(ledger) if most_finished is None else newest_foreign(ledger, most_finished),
        set_aside_counts=set_aside_counts(ledger),
        refused_contexts=read_refused_contexts(spool),
        without_outline=tuple(without_outline(ledger, most_finished)),
        without_outline_count=count_without_outline(ledger),
        assessments=Counter(one.assessment for one in newest_assessments(ledger)),
    )


def _newest_jobs(spool: Spool, most_finished: int) -> tuple[JobStatus, ...]:
    jobs = list(spool.jobs(*IN_WORK, JobState.FAILED))
    for state in (JobState.DONE, JobState.DROPPED):
        jobs += spool.first_jobs(state, most_finished, newest_first=True)
    return most_urgent_first(read_job(spool, job) for job in jobs)


def read_jobs(spool: Spool, study_uid: str | None = None) -> tuple[JobStatus, ...]:
    """Return the jobs (of one study): what needs a person first, within a state the oldest first."""
    return most_urgent_first(read_job(spool, job) for job in spool.jobs(study_uid=study_uid))


def most_urgent_first(jobs: Iterable[JobStatus]) -> tuple[JobStatus, ...]:
    """Return jobs in the order in which they are shown."""
    never = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(jobs, key=lambda one: (_urgency(one), one.since or never, one.job_id)))


def _urgency(job: JobStatus) -> int:
    """Return the place of a job: what needs a person comes first, what is over last."""
    if job.held:
        return 1
    troubled = any(one.last_error for one in job.deliveries)
    return {
        JobState.FAILED: 0,
        JobState.DELIVERING: 2 if troubled else 5,
        JobState.READY: 3,
        JobState.WAITING: 4,
        JobState.RUNNING: 6,
        JobState.DONE: 7,
        JobState.DROPPED: 8,
    }[job.state]


def read_series(spool: Spool, study_uid: str) -> tuple[SeriesStatus, ...]:
    """Return the series of a study; empty where nothing of it was received."""
    return tuple(
        SeriesStatus(study_uid, folder.name, len(_instances(folder)), _modified(folder))
        for folder in _folders(spool.studies / study_uid)
    )


def read_quarantine(spool: Spool) -> tuple[Quarantined, ...]:
    """Return the objects in quarantine, the newest first."""
    return tuple(
        Quarantined(one.name, ": ".join(filter(None, (one.reason.reason, one.reason.message))), one.since)
        for one in read_quarantined(spool.ledger)
    )


def read_refused_contexts(spool: Spool) -> tuple[RefusedOffer, ...]:
    """Return what senders offered and may not send, the newest first."""
    return tuple(RefusedOffer(context, str(context), last) for context, last in read_refused(spool.ledger))


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _has_content(part: Path) -> bool:
    try:
        return part.stat().st_size > 0  # the file for the next object is there before it
    except FileNotFoundError:
        return False


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def _instances(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".dcm")]
    except FileNotFoundError:
        return []
