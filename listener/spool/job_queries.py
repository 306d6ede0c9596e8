"""Questions about many jobs, each answered by one query that reads no more of them than it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from listener.ledger.database import Ledger
from listener.ledger.totals import Counted, totals
from listener.spool.job_rows import jobs
from listener.spool.jobs import IN_WORK, JobState


@dataclass(frozen=True)
class StateSummary:
    """The jobs of one state that a person may have to look at."""

    held: int = 0
    oldest: datetime | None = None
    """Since when the oldest one that is not held was ready, or created."""


def ids_in(ledger: Ledger, *states: JobState, unheld: bool = True) -> list[str]:
    """Return the ids of the jobs in these states, without those that a person holds."""
    query = select(jobs.c.job_id).where(jobs.c.state.in_(states)).order_by(jobs.c.job_id)
    if unheld:
        query = query.where(jobs.c.hold.is_(None))
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def state_counts(ledger: Ledger) -> Mapping[JobState, int]:
    """Return how many jobs are in each state; those that are done are all that are in no other one."""
    others = jobs.c.state.in_(set(JobState) - {JobState.DONE})
    every = totals.outerjoin(jobs, others)
    query = select(totals.c.number, jobs.c.state, func.count(jobs.c.job_id)).select_from(every)
    query = query.where(totals.c.what == Counted.JOBS).group_by(totals.c.number, jobs.c.state)
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    found = {state: count for _, state, count in rows}
    found[JobState.DONE] = rows[0].number - sum(found.values())
    return {state: found.get(state, 0) for state in JobState}


def open_summaries(ledger: Ledger) -> Mapping[JobState, StateSummary]:
    """Return what there is to say of the jobs that are not over, and of those that failed, by state."""
    states = (*IN_WORK, JobState.FAILED)
    is_held = jobs.c.hold.is_not(None)
    since = func.coalesce(jobs.c.readied, jobs.c.created, type_=jobs.c.created.type)
    query = select(jobs.c.state, is_held, func.count(), func.min(since, type_=jobs.c.created.type))
    found = {state: StateSummary() for state in states}
    with ledger.reading() as connection:
        rows = connection.execute(query.where(jobs.c.state.in_(states)).group_by(jobs.c.state, is_held))
        for state, held, count, oldest in rows:
            before = found[state]
            found[state] = StateSummary(count, before.oldest) if held else StateSummary(before.held, oldest)
    return found


def studies_changed_since(ledger: Ledger, moment: datetime) -> frozenset[str]:
    """Return the studies of which a job has changed since a moment."""
    query = select(jobs.c.study_uid).where(jobs.c.changed >= moment)
    with ledger.reading() as connection:
        return frozenset(connection.execute(query).scalars())


def studies_with_jobs(ledger: Ledger) -> frozenset[str]:
    """Return the studies that have jobs."""
    with ledger.reading() as connection:
        return frozenset(connection.execute(select(jobs.c.study_uid).distinct()).scalars())


def most_jobs_of_a_study(ledger: Ledger, since: datetime) -> int:
    """Return how many jobs the study has that got most of them since a moment."""
    count = func.count().label("number")
    study = jobs.c.study_uid.concat("")  # by the column itself, SQLite would go through all that was ever kept
    query = select(count).where(jobs.c.created >= since).group_by(study).order_by(count.desc()).limit(1)
    with ledger.reading() as connection:
        return connection.execute(query).scalar() or 0


def ready_successors(ledger: Ledger, job_id: str) -> list[str]:
    """Return the ids of the ready jobs whose results replace those of this job."""
    query = select(jobs.c.job_id).where(jobs.c.replaces == job_id, jobs.c.state == JobState.READY)
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def newest_with_outcome(ledger: Ledger, outcome: str, most: int) -> list[str]:
    """Return the ids of the newest jobs whose result has this outcome, the newest first."""
    query = select(jobs.c.job_id).where(jobs.c.outcome == outcome).order_by(jobs.c.created.desc()).limit(most)
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())
