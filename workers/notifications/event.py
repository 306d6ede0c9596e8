"""Notifications about cases: one file each in ``notifications/`` until it has been sent, or is given up.

Written before the step that it reports, by the process of that step: a kill in between reports it twice, with the same
``event_id``, and never not at all. A full disk costs the notification, not the case.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from listener.runtime.logger import Logger
from listener.runtime.timestamps import format_time
from listener.spool.atomic_files import make_folder
from listener.spool.jobs import Job
from listener.spool.record_file import LEFT_OUT_IF_NONE, UtcTime, write_record
from listener.spool.spool import Spool
from workers.errors import FailureReason, Reason
from workers.results.result_record import read_intact_result
from workers.scoring.case_result import Phenotype
from workers.settings import CaseOutcome, WorkerSettings

log = Logger(__name__)


def notifications_folder(spool: Spool) -> Path:
    """Return the folder of the notifications."""
    return spool.root / "notifications"


@dataclass(frozen=True, kw_only=True)
class CaseEvent:
    """The content of a notification: no patient data, and UIDs only if the settings include them."""

    event_id: str
    """The same whenever the same event is written again."""
    outcome: CaseOutcome
    reason: str | None
    """The code of a rejection (`Reason`) or a failure (`FailureReason`)."""
    at: UtcTime
    """When it happened."""
    job_id: str
    version: int
    replaces: str | None
    """Id of the job whose result this one replaces."""
    signature_id: str | None
    signature_version: str | None
    is_certain: bool | None
    """Whether the verdict is certain; None without a verdict. The verdict itself is not included."""
    created: UtcTime
    """When the job was received."""
    readied: UtcTime | None
    finished: UtcTime | None
    self_test: bool
    study_uid: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    seg_sop_instance_uid: Annotated[str | None, LEFT_OUT_IF_NONE] = None


def note_outcome(
    spool: Spool,
    job: Job,
    outcome: CaseOutcome,
    at: datetime,
    settings: WorkerSettings,
    reason: Reason | FailureReason | None = None,
) -> None:
    """Queue a notification of an outcome, if the webhook is configured for it; never fails.

    ``at`` is when it happened; the same event has the same time when it is written again.
    """
    webhook = settings.webhook
    if webhook is None or outcome not in webhook.outcomes:
        return
    try:
        folder = notifications_folder(spool)
        make_folder(folder)
        told = event(job, outcome, at, reason, include_uids=webhook.include_uids)
        write_record(folder / f"{told.event_id}.json", told)
    except (OSError, ValueError) as error:
        log.error("webhook_event_not_stored", job=job.id, outcome=outcome.value, error=type(error).__name__)


def event(
    job: Job, outcome: CaseOutcome, at: datetime, reason: Reason | FailureReason | None, *, include_uids: bool
) -> CaseEvent:
    """Return the notification of a job."""
    record = job.record
    result = read_intact_result(job)
    signature = result.signature if result else None
    return CaseEvent(
        event_id=hashlib.sha256(f"{job.id} {outcome.value} {format_time(at)}".encode()).hexdigest()[:32],
        outcome=outcome,
        reason=reason,
        at=at,
        job_id=job.id,
        version=record.version,
        replaces=record.replaces,
        signature_id=signature.id if signature else None,
        signature_version=signature.version if signature else None,
        is_certain=result.score.phenotype is not Phenotype.UNCERTAIN if result and result.score else None,
        created=record.created,
        readied=record.readied,
        finished=result.finished if result else None,
        self_test=record.is_self_test,
        study_uid=record.study_uid if include_uids else None,
        seg_sop_instance_uid=record.seg.sop_instance_uid if include_uids else None,
    )
