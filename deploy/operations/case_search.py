"""Cases by what they have in common, found in the ledger: only those that are asked for are read."""

from datetime import datetime

from sqlalchemy import Select, and_, or_, select

from deploy.operations.case_filter import CaseFilter
from deploy.operations.job_status import JobStatus, read_job
from deploy.operations.status import most_urgent_first
from listener.ledger.deliveries import DeliveryState, deliveries
from listener.spool.job_rows import jobs, read, rows
from listener.spool.spool import Spool


def found_cases(spool: Spool, wanted: CaseFilter, study_uid: str | None = None) -> tuple[JobStatus, ...]:
    """Return the cases (of one study) that fit: what needs a person first, within a state the oldest first."""
    with spool.ledger.reading() as connection:
        found = list(read(connection, _query(wanted, study_uid), spool.results))
    return most_urgent_first(read_job(spool, job) for job in found)


def newest_cases(
    spool: Spool, wanted: CaseFilter, most: int, before: tuple[datetime, str] | None = None
) -> tuple[tuple[JobStatus, ...], datetime | None]:
    """Return at most so many cases that fit, what changed last first, and when the last of them changed.

    ``before`` is that time and the id of the case, to continue after it. The time is None where there are no more.
    """
    query = _query(wanted, None).order_by(None).order_by(jobs.c.changed.desc(), jobs.c.job_id.desc())
    if before is not None:
        moment, job_id = before
        query = query.where(or_(jobs.c.changed < moment, and_(jobs.c.changed == moment, jobs.c.job_id < job_id)))
    with spool.ledger.reading() as connection:
        found = list(read(connection, query.limit(most + 1), spool.results))
    shown = found[:most]
    return tuple(read_job(spool, job) for job in shown), shown[-1].changed if len(found) > most else None


def _query(wanted: CaseFilter, study_uid: str | None) -> Select[tuple[object, ...]]:
    query = rows()
    if study_uid is not None:
        query = query.where(jobs.c.study_uid == study_uid)
    if wanted.case is not None:
        query = query.where(or_(jobs.c.job_id == wanted.case, jobs.c.study_uid == wanted.case))
    if wanted.since is not None:
        query = query.where(jobs.c.changed >= wanted.since)
    if wanted.states:
        query = query.where(jobs.c.state.in_(wanted.states))
    if wanted.reason is not None:
        query = query.where(jobs.c.reason == wanted.reason)
    if wanted.score is not None:
        query = query.where(jobs.c.score.between(*wanted.score))
    if wanted.target is not None:
        lacks = deliveries.c.state.in_(set(DeliveryState) - {DeliveryState.DELIVERED})
        query = query.where(
            jobs.c.job_id.in_(select(deliveries.c.job_id).where(deliveries.c.target == wanted.target, lacks))
        )
    return query
