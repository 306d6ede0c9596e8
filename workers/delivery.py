"""Results on their way to one target: what it has taken, when the next try is due, when to give up."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from listener.spool import Job, JobState, Spool, exclusive, read_json, write_json
from workers import ledger, store_scu
from workers.errors import FailureReason, TransientFailure
from workers.measurement_report import as_sop_class
from workers.settings import ResultRole, Target, WorkerSettings
from workers.store_status import Answer

DELIVERED, REFUSED, RETRY = "delivered", "refused", "retry"
PLAINER_REPORTS = (ComprehensiveSRStorage, EnhancedSRStorage)
"""What a report goes as, the better one first, to a target that does not take Comprehensive 3D SR."""
JITTER = 0.2
"""Share of a wait that is random, so that the cases of a night do not all come back in the same second."""


@dataclass(frozen=True)
class Delivery:
    """What one try came to."""

    state: str
    wait_seconds: float | None
    """Until the next try, where there is one."""
    sent: tuple[store_scu.Sent, ...]
    error: str | None


def wait_seconds(tries: int, settings: WorkerSettings) -> float:
    """Return how long to wait after the ``tries``-th try: doubling, capped, with jitter."""
    doubled = settings.first_retry_seconds * 2.0 ** min(tries - 1, 30)
    wait = min(doubled, settings.last_retry_seconds)
    return wait * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, hides nothing


def deliver(spool: Spool, job_id: str, target: Target, settings: WorkerSettings) -> Delivery | None:
    """Send to one target what it has not taken yet; None where there is nothing to do or another worker does it."""
    job = spool.find_job(job_id)
    if job is None or job.state is not JobState.DELIVERING:
        return None
    path = job.folder / "delivery" / f"{target.name}.json"
    with exclusive(job.folder, f"deliver-{target.name}.lock") as mine:
        if not mine or not path.exists():
            return None
        record = read_json(path)
        if record["state"] in (DELIVERED, REFUSED):
            close_when_settled(spool, job)
            return None
        outcome = _try(job, record, target, settings)
        write_json(path, _after(record, outcome))
        close_when_settled(spool, job)
        return outcome


def close_when_settled(spool: Spool, job: Job) -> None:
    """Move a job on when every target has said its last word: done, or failed where one refused."""
    records = [read_json(path) for path in ledger.outbox_files(job)]
    if any(record["state"] not in (DELIVERED, REFUSED) for record in records):
        return
    refusals = [f"{record['target']}: {record['last_error']}" for record in records if record["state"] == REFUSED]
    if refusals:
        remedy = "when the target takes it, run: radtme retry " + job.id
        ledger.fail(spool, job, FailureReason.DELIVERY_REFUSED, "; ".join([*refusals, remedy]))
    else:
        spool.move(job, JobState.DONE)


def _try(job: Job, record: Mapping[str, Any], target: Target, settings: WorkerSettings) -> Delivery:
    objects = {role: _alternatives(path) for role, path in _unsent(job, record).items()}
    try:
        sent = store_scu.send(target, settings.ae_title, objects) if objects else []
    except TransientFailure as failure:
        return Delivery(RETRY, wait_seconds(record["tries"] + 1, settings), (), str(failure))
    except store_scu.AssociationRefused as refusal:
        return Delivery(REFUSED, None, (), str(refusal))
    return _judge(sent, len(objects), record, settings)


def _judge(
    sent: Sequence[store_scu.Sent], expected: int, record: Mapping[str, Any], settings: WorkerSettings
) -> Delivery:
    complaints = [f"{one.role} {one.sop_instance_uid}: {one.status}" for one in sent if one.answer is not Answer.TAKEN]
    error = "; ".join(complaints) or None
    if sum(one.answer is Answer.TAKEN for one in sent) == expected:
        return Delivery(DELIVERED, None, tuple(sent), None)
    # A refusal is final, but only after everything else has arrived: one bad object must not hold back the others.
    if len(sent) == expected and all(one.answer is not Answer.TRY_AGAIN for one in sent):
        return Delivery(REFUSED, None, tuple(sent), error)
    wait = wait_seconds(record["tries"] + 1, settings)
    return Delivery(RETRY, wait, tuple(sent), error or "the association ended before everything was sent")


def _after(record: Mapping[str, Any], outcome: Delivery) -> dict[str, Any]:
    taken = {
        one.role.value: {"sop_instance_uid": one.sop_instance_uid, "status": one.status}
        for one in outcome.sent
        if one.answer is Answer.TAKEN
    }
    due = None
    if outcome.wait_seconds is not None:
        due = (datetime.now(UTC) + timedelta(seconds=outcome.wait_seconds)).isoformat(timespec="milliseconds")
    return {
        **record,
        "state": outcome.state,
        "next_try": due,
        "tries": record["tries"] + 1,
        "taken": {**record["taken"], **taken},
        "last_error": outcome.error,
        "updated": ledger.now(),
    }


def _unsent(job: Job, record: Mapping[str, Any]) -> dict[ResultRole, Path]:
    paths = {role: job.folder / "objects" / f"{role}.dcm" for role in ResultRole}
    wanted = [role for role in ResultRole if role in record["roles"] and role not in record["taken"]]
    return {role: paths[role] for role in wanted if paths[role].exists()}


def _alternatives(path: Path) -> store_scu.Alternatives:
    dataset = dcmread(path)
    alternatives: dict[str, Callable[[], Dataset]] = {dataset.SOPClassUID: lambda: dataset}
    if dataset.SOPClassUID == Comprehensive3DSRStorage:
        alternatives |= {uid: partial(as_sop_class, dataset, uid) for uid in PLAINER_REPORTS}
    return alternatives
