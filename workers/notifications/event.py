"""What is to be told of cases: one file each in ``notifications/`` until it has been told, or is given up.

Written before the step that it tells of, by whoever takes the step: a kill in between tells it twice, with the same
``event_id``, and never not at all. A disk that refuses it costs the telling, not the case.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from listener.spool.atomic_files import make_folder, write_json
from listener.spool.jobs import Job
from listener.spool.self_tests import is_self_test
from listener.spool.spool import Spool
from workers.settings import CaseOutcome, WorkerSettings

log = structlog.get_logger()


def notifications_folder(spool: Spool) -> Path:
    """Return where it lies."""
    return spool.root / "notifications"


def note_outcome(
    spool: Spool, job: Job, outcome: CaseOutcome, at: str, settings: WorkerSettings, reason: str | None = None
) -> None:
    """Write down that an outcome is to be told, if anyone wants to know it; never fails.

    ``at`` is when it happened, UTC, ISO 8601; the same event has the same time when it is written again.
    """
    webhook = settings.webhook
    if webhook is None or outcome not in webhook.outcomes:
        return
    try:
        folder = notifications_folder(spool)
        make_folder(folder)
        told = event(job, outcome, at, reason, include_uids=webhook.include_uids)
        write_json(folder / f"{told['event_id']}.json", told)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("webhook_event_not_stored", job=job.id, outcome=outcome.value, error=type(error).__name__)


def event(job: Job, outcome: CaseOutcome, at: str, reason: str | None, *, include_uids: bool) -> dict[str, Any]:
    """Return what is told: nothing of a patient, and UIDs only if they were asked for."""
    content = job.read()
    result: Mapping[str, Any] = job.read_intact("result.json") or {}
    signature = result.get("signature") or {}
    told = {
        "event_id": hashlib.sha256(f"{job.id} {outcome.value} {at}".encode()).hexdigest()[:32],
        "outcome": outcome.value,
        "reason": reason,
        "at": at,
        "job_id": job.id,
        "version": content["version"],
        "replaces": content["replaces"],
        "signature_id": signature.get("id"),
        "signature_version": signature.get("version"),
        "created": content["created"],
        "readied": content["readied"],
        "finished": result.get("finished"),
        "self_test": is_self_test(content),
    }
    if include_uids:
        told |= {"study_uid": content["study_uid"], "seg_sop_instance_uid": content["seg"]["sop_instance_uid"]}
    return told
