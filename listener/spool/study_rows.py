"""Studies as rows of the ledger: when something of each last came, and whether an outline did. Nothing per image.

The listener notes a study at the turn of pairing that finds something new in it. The files are the truth: what is not
noted yet is found at the next start.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Boolean, CheckConstraint, Column, Connection, Index, Integer, Table, delete, exists, func, select

from listener.ledger.database import Ledger
from listener.ledger.deliveries import JOBS_A_QUERY, batched
from listener.ledger.schema import METADATA, UID, UtcDateTime, put_all, record_of, row_of
from listener.ledger.set_aside_outlines import set_aside_outlines
from listener.ledger.totals import Counted, lock_study_totals, total
from listener.spool.job_rows import jobs
from listener.spool.jobs import IN_WORK


@dataclass(frozen=True)
class StudyArrivals:
    """What has come of a study."""

    study_uid: str
    series: int
    instances: int
    last_arrival: datetime


@dataclass(frozen=True)
class StudyCounts:
    """How much has come of all studies."""

    studies: int
    instances: int


studies = Table(
    "studies",
    METADATA,
    Column("study_uid", UID, primary_key=True),
    Column("series", Integer, CheckConstraint("series >= 1", name="series"), nullable=False),
    Column("instances", Integer, CheckConstraint("instances >= 0", name="instances"), nullable=False),
    Column("last_arrival", UtcDateTime, nullable=False, index=True),
    Column("outlined", Boolean, nullable=False),
    Index(None, "outlined", "last_arrival"),
)


def arrivals_in(study: Path) -> StudyArrivals | None:
    """Return what lies in the folder of a study; None where there is nothing."""
    series, instances, latest = 0, 0, 0.0
    with suppress(FileNotFoundError, NotADirectoryError):
        for folder in os.scandir(study):
            if folder.is_dir():
                series += 1
                instances += sum(name.endswith(".dcm") for name in os.listdir(folder))
                latest = max(latest, folder.stat().st_mtime)
    return StudyArrivals(study.name, series, instances, datetime.fromtimestamp(latest, UTC)) if series else None


def note_studies(ledger: Ledger, found: Sequence[StudyArrivals]) -> None:
    """Write down what has come of these studies (at least one), and whether an outline is among it."""
    uids = [one.study_uid for one in found]
    with ledger.writing() as connection:
        lock_study_totals(connection)
        outlined: set[str] = set()
        for table in (jobs, set_aside_outlines):
            outlined |= set(connection.execute(select(table.c.study_uid).where(table.c.study_uid.in_(uids))).scalars())
        put_all(connection, studies, [{**row_of(one), "outlined": one.study_uid in outlined} for one in found])


def noted_studies(ledger: Ledger, among: Iterable[str] | None = None) -> frozenset[str]:
    """Return which studies (of some) are written down."""
    query = select(studies.c.study_uid)
    queries = [query]
    if among is not None:
        queries = [query.where(studies.c.study_uid.in_(some)) for some in batched(among, JOBS_A_QUERY)]
    with ledger.reading() as connection:
        return frozenset(study for one in queries for study in connection.execute(one).scalars())


def last_arrival(ledger: Ledger) -> datetime | None:
    """Return when the newest object came, as far as it is written down."""
    newest = select(studies.c.last_arrival).order_by(studies.c.last_arrival.desc()).limit(1)
    with ledger.reading() as connection:
        return connection.execute(newest).scalar()


def study_counts(ledger: Ledger) -> StudyCounts:
    """Return how much has come."""
    with ledger.reading() as connection:
        return StudyCounts(total(connection, Counted.STUDIES), total(connection, Counted.INSTANCES))


def count_without_outline(ledger: Ledger) -> int:
    """Return the number of studies of which no outline came."""
    # An outline that came just now has a job before its study is noted again.
    # By the open jobs: joined, SQLite would go through all studies without an outline.
    noted = exists().where(studies.c.study_uid == jobs.c.study_uid, studies.c.outlined.is_(False))
    came = select(func.count(jobs.c.study_uid.distinct())).where(jobs.c.state.in_(IN_WORK), noted)
    with ledger.reading() as connection:
        return total(connection, Counted.WITHOUT_OUTLINE) - int(connection.execute(came).scalar_one())


def without_outline(ledger: Ledger, most: int | None = None) -> Sequence[StudyArrivals]:
    """Return the studies of which no outline came (so many at most), the newest first."""
    query = select(studies).where(
        studies.c.outlined.is_(False), ~exists().where(jobs.c.study_uid == studies.c.study_uid)
    )
    query = query.order_by(studies.c.last_arrival.desc()).limit(most)
    with ledger.reading() as connection:
        return [record_of(StudyArrivals, row) for row in connection.execute(query).mappings()]


def forget_study(connection: Connection, study_uid: str) -> None:
    """Forget a study that is removed, as a part of a transaction."""
    connection.execute(delete(studies).where(studies.c.study_uid == study_uid))
