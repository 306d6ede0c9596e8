"""Storage commitment in the spool: which requests wait for a report, and the reports that came.

A request is noted before it goes out, so that its report is known however early it comes; a report is kept before it is
answered, so that it cannot be lost. Layout::

    commitments/requests/<transaction uid>.json     which delivery asked
    commitments/reports/<transaction uid>.json      what the target answered, until the delivery has taken it up
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import BeforeValidator, Field, PlainSerializer

from listener.dicom.commitment_report import CommitmentReport
from listener.dicom.uids import checked_uid
from listener.spool.atomic_files import make_folder
from listener.spool.jobs import Job, JobState
from listener.spool.record_file import UnreadableRecord, UtcTime, read_optional, read_record, write_record
from listener.spool.spool import Spool

log = structlog.get_logger()


@dataclass(frozen=True)
class AwaitedReport:
    """Which delivery asked a target to take responsibility."""

    job_id: str
    target: str
    requested: UtcTime


def _hexadecimal(text: object) -> int:
    try:
        return int(str(text), 16)
    except ValueError as error:
        raise ValueError("expected a hexadecimal number") from error


FailureReason = Annotated[int, BeforeValidator(_hexadecimal), PlainSerializer(lambda reason: f"0x{reason:04X}")]
"""Failure Reason (0008,1197); in the file hexadecimal."""


@dataclass(frozen=True, kw_only=True)
class KeptReport:
    """A report as it came, until its delivery takes it up."""

    transaction_uid: str
    committed: tuple[str, ...]
    """SOP Instance UIDs that the target takes responsibility for."""
    failed: Mapping[str, FailureReason]
    """Why it does not, by SOP Instance UID."""
    calling_ae_title: Annotated[str, Field(alias="from")] = ""
    received: UtcTime | None = None


def note_request(spool: Spool, transaction_uid: str, job_id: str, target: str) -> None:
    """Write down which delivery a report will belong to."""
    path = _request(spool, transaction_uid)
    make_folder(path.parent)
    write_record(path, AwaitedReport(job_id, target, datetime.now(UTC)))


def keep_report(spool: Spool, report: CommitmentReport, calling_ae_title: str) -> bool:
    """Store a report until its delivery reads it; False if no delivery waits for it, and nothing is stored."""
    if not _request(spool, report.transaction_uid).exists():
        return False
    path = _report(spool, report.transaction_uid)
    make_folder(path.parent)
    kept = KeptReport(
        transaction_uid=report.transaction_uid,
        committed=report.committed,
        failed=report.failed,
        calling_ae_title=calling_ae_title,
        received=datetime.now(UTC),
    )
    write_record(path, kept)
    return True


def report_on(spool: Spool, transaction_uid: str) -> CommitmentReport | None:
    """Return the report that came for a request, or None; one that cannot be read is none, and is asked for again."""
    try:
        kept = read_optional(KeptReport, _report(spool, transaction_uid))
    except UnreadableRecord as error:
        log.error("commitment_report_unreadable", transaction=transaction_uid, error=str(error))
        return None
    return None if kept is None else CommitmentReport(kept.transaction_uid, kept.committed, kept.failed)


def drop_report(spool: Spool, transaction_uid: str) -> None:
    """Remove a report that has been taken up; another one for the same request may still come."""
    _report(spool, transaction_uid).unlink(missing_ok=True)


def forget(spool: Spool, transaction_uids: Iterable[str]) -> None:
    """Wait for these reports no more."""
    for uid in transaction_uids:
        _request(spool, uid).unlink(missing_ok=True)
        drop_report(spool, uid)


def reported(spool: Spool) -> Iterator[tuple[Job, str]]:
    """Yield the deliveries (job and target) that a report lies ready for; reports on jobs that are over are removed."""
    for uid in _names(spool.commitments / "reports"):
        try:
            awaited = read_record(AwaitedReport, _request(spool, uid))
            job = spool.find_job(awaited.job_id)
        except (OSError, ValueError) as error:
            log.error("commitment_request_unreadable", transaction=uid, error=type(error).__name__)
            continue
        if job is None or job.state in (JobState.DONE, JobState.DROPPED):
            forget(spool, [uid])
        elif job.state is JobState.DELIVERING:
            yield job, awaited.target


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name.removesuffix(".json") for name in os.listdir(folder) if not name.startswith("."))
    except FileNotFoundError:
        return []


def _request(spool: Spool, transaction_uid: str) -> Path:
    return spool.commitments / "requests" / f"{checked_uid(transaction_uid)}.json"


def _report(spool: Spool, transaction_uid: str) -> Path:
    return spool.commitments / "reports" / f"{checked_uid(transaction_uid)}.json"
