"""Storage commitment in the ledger: which requests wait for a report, and the reports that came.

A request is noted before it goes out, so that its report is known however early it comes; a report is kept before it is
answered, so that it cannot be lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, ForeignKey, ForeignKeyConstraint, Index, Table, delete, select

from listener.dicom.commitment_report import CommitmentReport
from listener.ledger.database import Ledger
from listener.ledger.schema import (
    AE_TITLE,
    JOB_ID,
    METADATA,
    TARGET_NAME,
    UID,
    VALUES,
    UtcDateTime,
    put,
    put_if_absent,
    record_of,
    row_of,
)


@dataclass(frozen=True)
class AwaitedReport:
    """Which delivery asked a target to take responsibility."""

    transaction_uid: str
    job_id: str
    target: str
    requested: datetime


commitment_requests = Table(
    "commitment_requests",
    METADATA,
    Column("transaction_uid", UID, primary_key=True),
    Column("job_id", JOB_ID, nullable=False),
    Column("target", TARGET_NAME, nullable=False),
    Column("requested", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["job_id", "target"], ["deliveries.job_id", "deliveries.target"], ondelete="CASCADE"),
    Index(None, "job_id", "target"),
)
commitment_reports = Table(
    "commitment_reports",
    METADATA,
    Column(
        "transaction_uid",
        UID,
        ForeignKey("commitment_requests.transaction_uid", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("committed", VALUES, nullable=False),
    Column("failed", VALUES, nullable=False),
    Column("calling_ae_title", AE_TITLE, nullable=False),
    Column("received", UtcDateTime, nullable=False),
)


def note_request(ledger: Ledger, awaited: AwaitedReport) -> None:
    """Write down which delivery a report will belong to."""
    with ledger.writing() as connection:
        put_if_absent(connection, commitment_requests, row_of(awaited))


def keep_report(ledger: Ledger, report: CommitmentReport, calling_ae_title: str) -> bool:
    """Store a report until its delivery reads it; False if no delivery waits for it, and nothing is stored."""
    request = select(commitment_requests).where(commitment_requests.c.transaction_uid == report.transaction_uid)
    kept = {
        "transaction_uid": report.transaction_uid,
        "committed": list(report.committed),
        "failed": dict(report.failed),
        "calling_ae_title": calling_ae_title,
        "received": datetime.now(UTC),
    }
    with ledger.writing() as connection:
        # Locked: a delivery that stops waiting at this moment would leave a report without its request.
        if connection.execute(request.with_for_update()).one_or_none() is None:
            return False
        put(connection, commitment_reports, kept)
    return True


def report_on(ledger: Ledger, transaction_uid: str) -> CommitmentReport | None:
    """Return the report that came for a request, or None."""
    query = select(commitment_reports).where(commitment_reports.c.transaction_uid == transaction_uid)
    with ledger.reading() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else CommitmentReport(row.transaction_uid, tuple(row.committed), row.failed)


def drop_report(ledger: Ledger, transaction_uid: str) -> None:
    """Remove a report that has been taken up; another one for the same request may still come."""
    with ledger.writing() as connection:
        connection.execute(delete(commitment_reports).where(commitment_reports.c.transaction_uid == transaction_uid))


def forget(ledger: Ledger, transaction_uids: Iterable[str]) -> None:
    """Wait for these reports no more."""
    uids = list(transaction_uids)
    if not uids:
        return
    with ledger.writing() as connection:
        connection.execute(delete(commitment_requests).where(commitment_requests.c.transaction_uid.in_(uids)))


def forget_requests(connection: Connection, job_id: str, target: str) -> None:
    """Wait for no report on a delivery any more, as a part of a transaction."""
    mine = (commitment_requests.c.job_id == job_id) & (commitment_requests.c.target == target)
    connection.execute(delete(commitment_requests).where(mine))


def reported(ledger: Ledger) -> list[AwaitedReport]:
    """Return the requests that a report lies ready for, the oldest first."""
    query = select(commitment_requests).join(commitment_reports).order_by(commitment_requests.c.requested)
    with ledger.reading() as connection:
        return [record_of(AwaitedReport, row) for row in connection.execute(query).mappings()]
