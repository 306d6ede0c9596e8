"""What the files of jobs in a hand-made spool say."""

from datetime import UTC, datetime, timedelta
from typing import Any

SEG = {"series_uid": "1.2.3.2", "sop_instance_uid": "1.2.3.2.1"}
SCORED = {
    "job_id": "0123456789abcdef-v1",
    "seg": SEG,
    "outcome": "scored",
    "score": {"hot_probability": 0.71, "threshold": 0.5, "phenotype": "hot"},
    "rejection": None,
    "signature": {
        "id": "research",
        "version": "1.0",
        "digest": "d",
        "profile": "han2024",
        "intended_use": "Research on simulations.",
        "research_notice": "RESEARCH",
    },
    "regions": [{"region": "tumour", "volume_ml": 12.345, "voxels": 12345, "grey_levels": 40}],
    "notes": ["grey levels: 9"],
    "stage_seconds": {"read": 0.1, "features": 1.2},
    "started": "2026-01-02T03:04:05.000+00:00",
    "finished": "2026-01-02T03:04:07.000+00:00",
    "objects": {"summary_report": "1.2.9"},
}
REJECTED = {
    "job_id": "0123456789abcdef-v1",
    "seg": SEG,
    "started": "2026-01-02T03:04:05.000+00:00",
    "outcome": "not_scored",
    "score": None,
    "rejection": {"reason": "tumour_too_small", "message": "63 voxels, the profile asks for 100"},
    "finished": "2026-01-02T03:04:07.000+00:00",
}


def delivery(target: str, state: str, **more: object) -> dict[str, object]:
    """Return a delivery record."""
    return {
        "target": target,
        "roles": ["summary_report"],
        "state": state,
        "tries": 2,
        "taken": {},
        "next_try": None,
        "last_error": None,
    } | more


def in_minutes(minutes: float) -> str:
    """Return a time ahead, as the spool writes it."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def outcome_facts(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the ledger says of a job with this result."""
    score, rejection = result.get("score"), result.get("rejection")
    return {
        "outcome": result["outcome"],
        "reason": rejection["reason"] if rejection else None,
        "score": score["hot_probability"] if score else None,
    }
