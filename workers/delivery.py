"""Results on their way to one target: what it has taken, when the next try is due, when to give up."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from listener.spool import Job, JobState, Spool, exclusive, read_json, write_json
from workers import ledger
from workers.alternatives import DamagedResult, alternatives
from workers.audited import AuditedTransport
from workers.errors import FailureReason, TransientFailure
from workers.settings import ResultRole, Target, WorkerSettings
from workers.store_status import Answer
from workers.target_kinds import transport_of
from workers.transport import Sent, TargetRefuses

DELIVERED, REFUSED, RETRY = "delivered", "refused", "retry"
JITTER = 0.2
"""Share of a wait that is random, so that the cases of a night do not all come back in the same second."""


@dataclass(frozen=True)
class Delivery:
    """What one try came to."""

    state: str
    wait_seconds: float | None
    """Until the next try, where there is one."""
    sent: tuple[Sent, ...]
    error: str | None


def wait_seconds(tries: int, settings: WorkerSettings) -> float:
    """Return how long to wait after the ``tries``-th try: doubling, capped, with jitter."""
    doubled = settings.first_retry_seconds * 2.0 ** min(tries - 1, 30)
    wait = min(doubled, settings.last_retry_seconds)
    return wait * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, hides nothing


def deliver(spool: Spool, job_id: str, target: Target, settings: WorkerSettings) -> Delivery | None:
    """Send to one target what it has not taken yet; None where nothing is due or another worker does it."""
    with _entry(spool, job_id, target.name) as entry:
        if entry is None:
            return None
        job, path, record = entry
        if record["state"] in (DELIVERED, REFUSED):
            close_when_settled(spool, job)
            return None
        if not _is_due(record):
            return None
        outcome = _try(job, path, record, target, settings)
        write_json(path, _after(read_json(path), outcome))
        close_when_settled(spool, job)
        return outcome


def put_off(spool: Spool, job_id: str, target_name: str, settings: WorkerSettings, why: str) -> Delivery | None:
    """Write down that a try ended in an error of ours, so that it is seen and the next one waits its time."""
    with _entry(spool, job_id, target_name) as entry:
        if entry is None or entry[2]["state"] in (DELIVERED, REFUSED):
            return None
        _, path, record = entry
        outcome = Delivery(RETRY, wait_seconds(record["tries"] + 1, settings), (), why)
        write_json(path, _after(record, outcome))
        return outcome


@contextmanager
def _entry(spool: Spool, job_id: str, target_name: str) -> Iterator[tuple[Job, Path, dict[str, Any]] | None]:
    """Hold the outbox entry of a job for one target: the job, the file, and what it says."""
    job = spool.find_job(job_id)
    if job is None or job.state is not JobState.DELIVERING:
        yield None
        return
    path = job.folder / "delivery" / f"{target_name}.json"
    with exclusive(job.folder, f"deliver-{target_name}.lock") as mine:
        yield (job, path, read_json(path)) if mine and path.exists() else None


def _is_due(record: Mapping[str, Any]) -> bool:
    """Tell whether the next try may begin: a message that comes twice must not use up the waits."""
    return record["next_try"] is None or datetime.fromisoformat(record["next_try"]) <= datetime.now(UTC)


def close_if_settled(spool: Spool, job_id: str) -> None:
    """Move a job on whose last word was written by a worker that died before it could, whoever its targets were."""
    job = spool.find_job(job_id)
    if job is not None and job.state is JobState.DELIVERING:
        close_when_settled(spool, job)


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


def _try(job: Job, path: Path, record: Mapping[str, Any], target: Target, settings: WorkerSettings) -> Delivery:
    sent: list[Sent] = []
    try:
        objects = {role: alternatives(file) for role, file in _unsent(job, record).items()}
        transport = AuditedTransport(transport_of(target), settings.audit)
        for one in transport.send(target, settings.ae_title, objects) if objects else ():
            sent.append(one)
            if one.answer is Answer.TAKEN:  # written at once: what was taken is never sent again, whatever ends the try
                write_json(path, {**record, "taken": {**record["taken"], **_taken(sent)}})
    except TransientFailure as failure:
        return Delivery(RETRY, wait_seconds(record["tries"] + 1, settings), tuple(sent), str(failure))
    except (TargetRefuses, DamagedResult) as refusal:
        return Delivery(REFUSED, None, tuple(sent), str(refusal))
    return _judge(sent, len(objects), record, settings)


def _taken(sent: Sequence[Sent]) -> dict[str, dict[str, str]]:
    return {
        one.role.value: {"sop_instance_uid": one.sop_instance_uid, "status": one.status}
        for one in sent
        if one.answer is Answer.TAKEN
    }


def _judge(sent: Sequence[Sent], expected: int, record: Mapping[str, Any], settings: WorkerSettings) -> Delivery:
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
    due = None
    if outcome.wait_seconds is not None:
        due = (datetime.now(UTC) + timedelta(seconds=outcome.wait_seconds)).isoformat(timespec="milliseconds")
    return {
        **record,
        "state": outcome.state,
        "next_try": due,
        "tries": record["tries"] + 1,
        "taken": {**record["taken"], **_taken(outcome.sent)},
        "last_error": outcome.error,
        "updated": ledger.now(),
    }


def _unsent(job: Job, record: Mapping[str, Any]) -> dict[ResultRole, Path]:
    paths = {role: job.folder / "objects" / f"{role}.dcm" for role in ResultRole}
    wanted = [role for role in ResultRole if role in record["roles"] and role not in record["taken"]]
    return {role: paths[role] for role in wanted}
