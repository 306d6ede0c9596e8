"""What readers said of delivered results: accepted, modified or rejected. The rows go with their job."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ForeignKey, Select, String, Table, select

from listener.ledger.database import Ledger
from listener.ledger.deliveries import JOBS_A_QUERY, batched, delivery_objects
from listener.ledger.schema import (
    AE_TITLE,
    JOB_ID,
    METADATA,
    UID,
    VALUES,
    UtcDateTime,
    one_of,
    put_if_absent,
    record_of,
    row_of,
)


class Assessment(StrEnum):
    """What a reader did with a result."""

    ACCEPTED = "accepted"
    MODIFIED = "modified"
    """Kept in part."""
    REJECTED = "rejected"


@dataclass(frozen=True)
class ReaderAssessment:
    """The assessment of one result by one document."""

    job_id: str
    sop_instance_uid: str
    """Of the document that the reader's program sent."""
    assessment: Assessment
    code: str
    """What the assessment was taken from: a code such as ``113001^DCM``, or ``VERIFIED``."""
    roles: Sequence[str]
    """The result objects that it refers to, sorted."""
    reader: str
    """A pseudonym; empty where the document names nobody."""
    calling_ae_title: str
    at: datetime
    """When the document was received."""


reader_assessments = Table(
    "reader_assessments",
    METADATA,
    Column("job_id", JOB_ID, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("sop_instance_uid", UID, primary_key=True),
    Column("assessment", one_of(Assessment), nullable=False),
    Column("code", String(64), nullable=False),
    Column("roles", VALUES, nullable=False),
    Column("reader", String(16), nullable=False),
    Column("calling_ae_title", AE_TITLE, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)
MOST_COUNTED = 1000
"""Whoever counts assessments, counts so many of the newest: all that were ever kept are too many for a scrape."""


def note_assessment(ledger: Ledger, assessment: ReaderAssessment) -> bool:
    """Note an assessment; False where its document is noted already."""
    with ledger.writing() as connection:
        return put_if_absent(connection, reader_assessments, row_of(assessment))


def read_assessments(ledger: Ledger, job_id: str) -> tuple[ReaderAssessment, ...]:
    """Return the assessments of one job that count, the oldest first: of each reader the last one."""
    return _that_count(ledger, _newest_first().where(reader_assessments.c.job_id == job_id))


def newest_assessments(ledger: Ledger) -> tuple[ReaderAssessment, ...]:
    """Return which of the newest `MOST_COUNTED` count, the oldest first: of each reader the last one of a result."""
    return _that_count(ledger, _newest_first().limit(MOST_COUNTED))


def _newest_first() -> Select[Any]:
    columns = reader_assessments.c
    return select(reader_assessments).order_by(columns.at.desc(), columns.sop_instance_uid.desc())


def _that_count(ledger: Ledger, query: Select[Any]) -> tuple[ReaderAssessment, ...]:
    last: dict[tuple[str, str, str], ReaderAssessment] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query).mappings():
            one = record_of(ReaderAssessment, row)
            last.setdefault((one.job_id, one.reader, one.calling_ae_title), one)
    return tuple(reversed(last.values()))


def results_among(ledger: Ledger, sop_instance_uids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return which of these objects are delivered results: their roles by job id."""
    found: dict[str, set[str]] = {}
    columns = delivery_objects.c
    with ledger.reading() as connection:
        for some in batched(sop_instance_uids, JOBS_A_QUERY):
            query = select(columns.job_id, columns.role).where(columns.sop_instance_uid.in_(some))
            for job_id, role in connection.execute(query):
                found.setdefault(job_id, set()).add(role)
    return {job_id: tuple(sorted(roles)) for job_id, roles in found.items()}
