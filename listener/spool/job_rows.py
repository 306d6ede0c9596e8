"""Jobs as rows of the ledger. Each step of a job is one conditional UPDATE: of several processes, one takes it."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    RowMapping,
    Select,
    Table,
    delete,
    func,
    select,
    update,
)

from listener.ledger.deliveries import JOBS_A_QUERY, batched
from listener.ledger.schema import AE_TITLE, CODE, JOB_ID, METADATA, UID, VALUES, UtcDateTime, one_of, put_if_absent
from listener.runtime.logger import Logger
from listener.runtime.timestamps import format_time
from listener.spool.job_notes import Attempts, Drop, Failure, Hold
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.record_file import UnreadableRecord, as_json, record_of
from listener.spool.state_columns import emptied, state_constraints

log = Logger(__name__)

REPLACED = ForeignKey("jobs.job_id", ondelete="SET NULL", deferrable=True, initially="DEFERRED")
"""Checked at the end of a transaction: both jobs may be made in it, in any order."""
jobs = Table(
    "jobs",
    METADATA,
    Column("job_id", JOB_ID, primary_key=True),
    Column("version", Integer, CheckConstraint("version >= 1", name="version"), nullable=False),
    Column("replaces", JOB_ID, REPLACED, index=True),
    Column("study_uid", UID, nullable=False, index=True),
    Column("seg_series_uid", UID, nullable=False),
    Column("seg_sop_instance_uid", UID, nullable=False),
    Column("segment_number", Integer),
    Column("calling_ae_title", AE_TITLE),
    Column("created", UtcDateTime, nullable=False, index=True),
    Column("readied", UtcDateTime),
    Column("state", one_of(JobState), nullable=False),
    Column("changed", UtcDateTime, nullable=False, index=True),
    Column("details", VALUES, nullable=False),
    Column("attempts", VALUES),
    Column("failure", VALUES),
    Column("hold", VALUES),
    Column("dropped", VALUES),
    Column("outcome", CODE),
    Column("reason", CODE),
    Column("score", Float, CheckConstraint("score >= 0 AND score <= 1", name="score")),
    Column("worker_host", CODE),
    Column("worker_seen", UtcDateTime),
    Column("lease", Integer, CheckConstraint("lease >= 0", name="lease"), nullable=False, server_default="0"),
    Index(None, "state", "changed"),
    Index(None, "reason", "changed"),
    Index("ix_jobs_outcome_created", "outcome", "created"),
    Index(None, "score"),
    *state_constraints(),
)
NOTES = {"attempts": Attempts, "failure": Failure, "hold": Hold, "dropped": Drop}
"""Columns that hold a record of `listener.spool.job_notes`."""
COLUMNS = frozenset(one.name for one in fields(JobRecord)) & frozenset(jobs.c.keys())
"""Fields of a job's record that are a column of the same name."""


def insert(connection: Connection, record: JobRecord, state: JobState, **values: Any) -> bool:
    """Insert a job; False where there is one of its id, which stays as it is. ``values`` as in `change`."""
    row = {"state": state, "changed": datetime.now(UTC), **_values(record), **_stored(values)}
    return put_if_absent(connection, jobs, row)


def change(
    connection: Connection,
    job_id: str,
    states: Iterable[JobState],
    *,
    to: JobState | None = None,
    record: JobRecord | None = None,
    unless_held: bool = False,
    only_if: ColumnElement[bool] | None = None,
    **values: Any,
) -> RowMapping | None:
    """Change a job, if it is in one of these states; return its row afterwards, else None.

    ``values`` are columns; a record of `listener.spool.job_notes` is stored as one, None removes it. What a job cannot
    have in its new state is removed.
    """
    new = _stored(values)
    if to is not None:
        new = {**emptied(to), **new, "state": to}
    if record is not None:
        new |= _values(record)
    statement = update(jobs).where(jobs.c.job_id == job_id, jobs.c.state.in_(tuple(states)))
    if unless_held:
        statement = statement.where(jobs.c.hold.is_(None))
    if only_if is not None:
        statement = statement.where(only_if)
    changed = statement.values(**new, changed=datetime.now(UTC)).returning(*jobs.c)
    return connection.execute(changed).mappings().one_or_none()


def remove(connection: Connection, job_ids: Iterable[str], states: Iterable[JobState]) -> int:
    """Remove jobs, if they are in one of these states; return how many were."""
    wanted = tuple(states)
    return sum(
        connection.execute(delete(jobs).where(jobs.c.job_id.in_(some), jobs.c.state.in_(wanted))).rowcount
        for some in batched(job_ids, JOBS_A_QUERY)
    )


def read(connection: Connection, query: Select[Any], results: Path) -> Iterator[Job]:
    """Yield the jobs of a query for whole rows; ``results`` is the folder of all results.

    A row that does not hold a job, whoever wrote it, is logged and left out: it must not hold up the others.
    """
    for row in connection.execute(query).mappings():
        try:
            yield job_of(row, results)
        except UnreadableRecord as error:
            log.error("job_unreadable", job=row["job_id"], error=str(error))


def rows() -> Select[Any]:
    """Return the query for whole rows, to be narrowed."""
    return select(*jobs.c).order_by(jobs.c.job_id)


def job_of(row: RowMapping, results: Path) -> Job:
    """Return the job of a row."""
    outline = {"series_uid": row["seg_series_uid"], "sop_instance_uid": row["seg_sop_instance_uid"]}
    columns = {name: row[name] for name in COLUMNS}
    times = {name: format_time(row[name]) for name in ("created", "readied")}
    job_id = row["job_id"]

    def note(name: str) -> Any:
        return None if row[name] is None else record_of(NOTES[name], row[name], f"{job_id}: {name}")

    return Job(
        record=record_of(JobRecord, {**row["details"], **columns, **times, "seg": outline}, job_id),
        state=row["state"],
        folder=results / job_id,
        changed=row["changed"],
        attempts=note("attempts") or Attempts(),
        failure=note("failure"),
        hold=note("hold"),
        drop=note("dropped"),
        lease=row["lease"],
    )


def lock_study(connection: Connection, study_uid: str) -> None:
    """Let no other transaction that asks for it decide about the study's jobs before this one ends.

    On SQLite only one transaction writes at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(zlib.crc32(study_uid.encode()))))


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_json(one) if isinstance(one, tuple(NOTES.values())) else one for name, one in values.items()}


def _values(record: JobRecord) -> dict[str, Any]:
    whole = as_json(record)
    return {
        **{name: getattr(record, name) for name in COLUMNS},
        "seg_series_uid": record.seg.series_uid,
        "seg_sop_instance_uid": record.seg.sop_instance_uid,
        "details": {name: value for name, value in whole.items() if name not in COLUMNS and name != "seg"},
    }
