"""Delivery as the last program of spool layout 1 did it, taken over from there: what a roll-back comes to."""

from datetime import UTC, datetime
from typing import Any

from listener.spool.atomic_files import read_json, write_json
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from support.scripted_pacs import ScriptedPacs
from workers.delivery.outbox import outbox_files
from workers.fallbacks.alternatives import alternatives
from workers.results.result_roles import ResultRole
from workers.targets.store_status import StoreResult
from workers.targets.target import Target

STATES = tuple(state for state in JobState if state is not JobState.DROPPED)
SETTLED = ("delivered", "refused")


def jobs_of_layout_1(spool: Spool) -> list[Job]:
    """Return the jobs that it processes; it has no others."""
    return list(spool.jobs(*STATES))


def deliver_as_layout_1(spool: Spool, job_id: str, target: Target, pacs: ScriptedPacs) -> None:
    """Do what its worker does for one announcement: it knows neither holds nor proof of delivery."""
    job = next((one for one in jobs_of_layout_1(spool) if one.id == job_id), None)
    if job is None or job.state is not JobState.DELIVERING:
        return
    path = job.folder / "delivery" / f"{target.name}.json"
    record = read_json(path)
    due = record["next_try"] is None or datetime.fromisoformat(record["next_try"]) <= datetime.now(UTC)
    if record["state"] not in SETTLED and due:
        write_json(path, _tried(job, record, target, pacs))
    records = [read_json(each) for each in outbox_files(job)]
    if all(each["state"] in SETTLED for each in records):
        spool.move(job, JobState.FAILED if any(each["state"] == "refused" for each in records) else JobState.DONE)


def _tried(job: Job, record: dict[str, Any], target: Target, pacs: ScriptedPacs) -> dict[str, Any]:
    unsent = [role for role in ResultRole if role in record["roles"] and role not in record["taken"]]
    objects = {role: alternatives(job.folder / "objects" / f"{role}.dcm") for role in unsent}
    sent = list(pacs.send(target, "RADTME", objects)) if objects else []
    taken = {
        one.role.value: {"sop_instance_uid": one.sop_instance_uid, "status": one.status}
        for one in sent
        if one.answer is StoreResult.TAKEN
    }
    state = "delivered" if len(taken) == len(objects) else "refused"
    return {
        **record,
        "state": state,
        "next_try": None,
        "tries": record["tries"] + 1,
        "taken": {**record["taken"], **taken},
        "last_error": None,
        "updated": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
