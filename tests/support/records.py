"""Complete records of made-up jobs; a test names the fields that matter to it."""

from datetime import UTC, datetime
from typing import Any

from listener.spool.job_notes import Drop, Failure
from listener.spool.job_record import JobRecord, Pairing, SegmentationReference
from listener.spool.jobs import JobState
from workers.results.instance_reference import InstanceReference
from workers.results.result_record import ResultRecord, ScoreRecord
from workers.scoring.case_result import Phenotype, ResultOutcome, SignatureIdentity

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SIGNATURE = SignatureIdentity("research", "1.0", "d", "han2024", "Research on simulations.", "RESEARCH")


def job_record(job_id: str, **changes: Any) -> JobRecord:
    """Return the record of a job that has just become ready with one image."""
    fields = {
        "job_id": job_id,
        "version": 1,
        "study_uid": "1.2.3",
        "seg": SegmentationReference("1.2.3.2", "1.2.3.2.1"),
        "pairing": Pairing.INSTANCES,
        "frame_of_reference_uid": "1.2.3.9",
        "required": {"1.2.3.1": ("1.2.3.1.1",)},
        "instances": {"1.2.3.1": ("1.2.3.1.1",)},
        "created": AT,
        "readied": AT,
        "calling_ae_title": "MR1",
    }
    return JobRecord(**{**fields, **changes})


def facts_of(state: JobState) -> dict[str, Any]:
    """Return what the ledger must know of a made-up job in a state, beside its record."""
    match state:
        case JobState.DELIVERING | JobState.DONE:
            return {"outcome": "scored", "score": 0.71}
        case JobState.FAILED:
            return {"failure": Failure("worker_killed", "3 workers died", AT, 3), "reason": "worker_killed"}
        case JobState.DROPPED:
            return {"dropped": Drop("ann", AT, "test study", "ready")}
    return {}


def result_record(job_id: str, **changes: Any) -> ResultRecord:
    """Return the record of a scored case; ``references`` also tell its objects."""
    references: dict[Any, InstanceReference] = changes.get("references", {})
    fields = {
        "job_id": job_id,
        "seg": SegmentationReference("1.2.3.2", "1.2.3.2.1"),
        "started": AT,
        "finished": AT,
        "outcome": ResultOutcome.SCORED,
        "score": ScoreRecord(0.71, 0.5, Phenotype.HOT),
        "signature": SIGNATURE,
        "objects": {role: one.sop_instance_uid for role, one in references.items()},
    }
    return ResultRecord(**{**fields, **changes})
