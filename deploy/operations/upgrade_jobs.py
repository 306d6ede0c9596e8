"""Layout 3 to 4: jobs, which were folders below their state, become rows; their results get a folder that stays.

The results are linked, not copied, and the former folders stay as they are: an interrupted import continues.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select

from listener.pairing.evidence import series_of_study
from listener.spool import job_rows
from listener.spool.atomic_files import fsync_folder, make_folder
from listener.spool.job_notes import RESULT_NAME, Attempts, Drop, Failure, Hold
from listener.spool.job_record import JobRecord
from listener.spool.jobs import FINISHED_STATES, IN_WORK, JOB_ID_PATTERN, Job, JobState
from listener.spool.record_file import read_intact, read_record
from listener.spool.spool import Spool
from workers.results.result_record import read_intact_result

FORMER_FOLDER = "jobs"
PAIRING_LOCK_NAME = "pairing.lock"
"""In that folder: the listeners of the former layouts hold it while they make jobs."""
MOST_ADVANCED_FIRST = (JobState.DONE, JobState.DROPPED, JobState.FAILED, *reversed(IN_WORK))
"""A power cut could leave a job in two states: the one that is further on counts."""


def former_jobs(spool: Spool, unreadable: list[Path]) -> Iterator[Job]:
    """Yield the jobs of the former layout in all states, each in its former folder."""
    seen: set[str] = set()
    for state in MOST_ADVANCED_FIRST:
        for folder in sorted((spool.root / FORMER_FOLDER / state.value).glob("*/")):
            if not JOB_ID_PATTERN.fullmatch(folder.name) or folder.name in seen:
                continue
            try:
                yield _job(spool, folder, state)
            except (OSError, ValueError):
                unreadable.append(folder)
            else:
                seen.add(folder.name)


def imported_already(spool: Spool, job_ids: list[str]) -> frozenset[str]:
    """Return which of these jobs the ledger has."""
    with spool.ledger.reading() as connection:
        return frozenset(
            connection.execute(select(job_rows.jobs.c.job_id).where(job_rows.jobs.c.job_id.in_(job_ids))).scalars()
        )


def put_job(connection: Connection, job: Job) -> None:
    """Put a job into the ledger, as a part of a transaction; its results are in their new place."""
    result = read_intact_result(job)
    outcome = result.outcome_columns() if result else {}
    if job.failure:
        outcome["reason"] = job.failure.reason
    job_rows.insert(
        connection,
        job.record,
        job.state,
        changed=job.changed,
        attempts=job.attempts,
        failure=job.failure,
        hold=job.hold if job.state not in FINISHED_STATES else None,
        dropped=job.drop,
        **outcome,
    )


def _with_other_series(spool: Spool, record: JobRecord) -> JobRecord:
    """Return a record with the other series of its study as they are now, which the first release did not note.

    Series that come or grow from now on may be other phases of the examination.
    """
    if record.other_series is not None or record.instances is None:
        return record
    others = set(series_of_study(spool, record.study_uid)) - {record.seg.series_uid, *record.instances}
    counts = {series: len(spool.instances(record.study_uid, series)) for series in sorted(others)}
    return replace(record, other_series=counts)


def _job(spool: Spool, folder: Path, state: JobState) -> Job:
    record = _with_other_series(spool, read_record(JobRecord, folder / "job.json"))
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("lock")]
    return Job(
        record=record,
        state=state,
        folder=folder,
        changed=datetime.fromtimestamp(max(path.stat().st_mtime for path in files), UTC),
        attempts=read_intact(Attempts, folder / "attempts.json") or Attempts(),
        failure=read_intact(Failure, folder / "failure.json"),
        hold=read_intact(Hold, folder / "hold.json"),
        drop=read_intact(Drop, folder / "dropped.json"),
    )


def link_results(spool: Spool, job: Job) -> None:
    """Link a job's results to their new place."""
    folder = spool.job_folder(job.id)
    make_folder(folder)
    folders = {folder}
    for path in (job.folder / RESULT_NAME, *sorted((job.folder / "objects").glob("*.dcm"))):
        if path.is_file():
            place = folder / path.relative_to(job.folder)
            if place.parent not in folders:
                make_folder(place.parent)
                folders.add(place.parent)
            with contextlib.suppress(FileExistsError):
                os.link(path, place)
    for one in folders:
        fsync_folder(one)
