"""Decides what exceeds its retention time: whole studies with their jobs, and quarantined objects. Changes nothing.

A study and its jobs are one unit: without its study a job could be scored anew on what is left, and without its job an
outline that comes again would be scored and sent again.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import exists, select, true

from deploy.configuration.sections import RetentionSettings
from listener.dicom.uids import is_uid
from listener.ledger.deliveries import DeliverySchedule, DeliveryState, schedules
from listener.ledger.quarantine import QuarantinedObject, read_quarantined
from listener.spool.job_queries import studies_with_jobs
from listener.spool.job_rows import jobs
from listener.spool.jobs import IN_WORK, Job, JobState
from listener.spool.locks import LOCK_NAME
from listener.spool.spool import Spool
from listener.spool.study_rows import noted_studies, studies
from workers.results.result_record import read_result

DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Unit:
    """A study and its jobs."""

    study_uid: str
    folder: Path | None
    """None where only jobs are left."""
    jobs: tuple[Job, ...]
    bytes: int
    last_touched: float
    kept: str
    """Why it is kept; empty where it may be removed."""


def every_study(spool: Spool) -> frozenset[str]:
    """Return the UIDs of all studies of which objects or jobs are kept."""
    return frozenset(filter(is_uid, os.listdir(spool.studies))) | studies_with_jobs(spool.ledger)


def overdue(spool: Spool, settings: RetentionSettings) -> frozenset[str]:
    """Return the studies that may exceed their retention time: as the ledger says, and those that it does not know.

    The files of the others need not be looked at.
    """
    unknown = every_study(spool) - noted_studies(spool.ledger)
    if settings.studies_days is None:
        return unknown
    now = datetime.now(UTC)
    mine = jobs.c.study_uid == studies.c.study_uid
    query = select(studies.c.study_uid).where(studies.c.last_arrival < now - timedelta(days=settings.studies_days))
    query = query.where(~exists().where(mine, jobs.c.state.in_(IN_WORK)))
    for state, days in _days(settings).items():
        young = jobs.c.changed >= now - timedelta(days=days) if days is not None else true()
        query = query.where(~exists().where(mine, jobs.c.state == state, young))
    with spool.ledger.reading() as connection:
        found = frozenset(connection.execute(query).scalars())
    return found | unknown


def units(spool: Spool, settings: RetentionSettings, study_uids: Iterable[str]) -> Iterator[Unit]:
    """Yield these studies and their jobs, by UID, each with the reason for keeping it, if any."""
    for study_uid in sorted(study_uids):
        yield unit_of(spool, settings, study_uid)


def unit_of(spool: Spool, settings: RetentionSettings, study_uid: str) -> Unit:
    """Return one study and its jobs."""
    found = list(spool.jobs(study_uid=study_uid))
    now = time.time()
    folder = spool.studies / study_uid
    bytes_, last_touched = _measured(folder, count_folders=True)
    kept = _study_stays(settings, last_touched, now) if folder.is_dir() else ""
    outbox = schedules(spool.ledger, [job.id for job in found])
    for job in found:
        size, touched = _measured(job.folder)
        updated = [one.updated.timestamp() for one in outbox[job.id] if one.updated]
        touched = max([touched, job.changed.timestamp(), *updated])
        bytes_, last_touched = bytes_ + size, max(last_touched, touched)
        kept = kept or _job_stays(settings, job, outbox[job.id], touched, now)
    return Unit(study_uid, folder if folder.is_dir() else None, tuple(found), bytes_, last_touched, kept)


def old_quarantine(spool: Spool, settings: RetentionSettings) -> tuple[QuarantinedObject, ...]:
    """Return the quarantined objects that exceed their retention time."""
    if settings.quarantine_days is None:
        return ()
    return read_quarantined(spool.ledger, before=datetime.now(UTC) - timedelta(days=settings.quarantine_days))


def touched_since(folder: Path, moment: float) -> bool:
    """Return whether a folder has changed since a moment."""
    return _measured(folder, count_folders=True)[1] > moment


def _study_stays(settings: RetentionSettings, touched: float, now: float) -> str:
    return _too_young("its last object came", settings.studies_days, touched, now)


def _job_stays(
    settings: RetentionSettings, job: Job, deliveries: Sequence[DeliverySchedule], touched: float, now: float
) -> str:
    if job.state in IN_WORK:
        return f"job {job.id} is {job.state.value}"
    days = _days(settings)[job.state]
    if job.state is not JobState.DROPPED and _is_undelivered(job, deliveries):
        return f"job {job.id} has results that no target has"
    return _too_young(f"job {job.id} was {job.state.value}", days, touched, now)


def _days(settings: RetentionSettings) -> dict[JobState, int | None]:
    return {
        JobState.DONE: settings.done_days,
        JobState.DROPPED: settings.dropped_days,
        JobState.FAILED: settings.failed_days,
    }


def _too_young(what: str, days: int | None, touched: float, now: float) -> str:
    if days is None:
        return "the settings keep it for good"
    since = (now - touched) / DAY_SECONDS
    return f"{what} {max(0.0, since):.1f} days ago, of {days}" if since <= days else ""


def _is_undelivered(job: Job, deliveries: Sequence[DeliverySchedule]) -> bool:
    """Return whether a job has results that exist nowhere else; an unreadable one counts. A self-test has none."""
    try:
        if job.record.is_self_test:
            return False
        result = read_result(job)
        if result is None or not result.objects:
            return (job.folder / "objects").is_dir() and any((job.folder / "objects").iterdir())
    except (OSError, ValueError):
        return True
    return not deliveries or any(delivery.state is not DeliveryState.DELIVERED for delivery in deliveries)


def _measured(place: Path, *, count_folders: bool = False) -> tuple[int, float]:
    """Return the bytes below a place, and when something was last changed there.

    A lock's time says something else, and making one touches its folder: of a job only the files count.
    """
    total, latest = 0, 0.0
    for path in [place, *(place.rglob("*") if place.is_dir() else ())]:
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        is_folder = path.is_dir()
        if path.name == LOCK_NAME or path.suffix == ".lock" or (is_folder and not count_folders):
            continue
        total += 0 if is_folder else found.st_size
        latest = max(latest, found.st_mtime)
    return total, latest
