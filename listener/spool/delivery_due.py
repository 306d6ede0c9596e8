"""When a delivery is due, as its record in the outbox says. The sweep rings by this, and the workers go by it."""

import zlib
from collections.abc import Mapping
from datetime import datetime

from listener.spool.target_circuit import Circuit
from listener.spool.timestamps import is_past, parse_time

SETTLED_STATES = ("delivered", "refused")
WAITS_FOR_REPORT = "commitment_requested"
"""Nothing is to be done until the target reports, or until it has been silent for too long."""
OPEN_STATES = ("queued", "retry", "sent", WAITS_FOR_REPORT, "committed")
SPREAD_SECONDS = 30.0
"""What waited for a target that is back becomes due within this time, not all in the same second."""


def is_open(record: Mapping[str, object]) -> bool:
    """Tell whether a record has something ahead of it; one that cannot be understood has not."""
    return record.get("state") in OPEN_STATES


def is_due(record: Mapping[str, object], job_id: str, circuit: Circuit, clock: datetime) -> bool:
    """Tell whether the next step of a delivery may begin: its time has come, or its target has come back."""
    if not is_open(record):
        return False
    return _is_time(record, clock) or _target_is_back(record, job_id, circuit, clock)


def needs_target(record: Mapping[str, object], clock: datetime) -> bool:
    """Tell whether this delivery goes on as soon as its target can be reached."""
    waits = record.get("state") == WAITS_FOR_REPORT
    return is_open(record) and (not waits or _is_time(record, clock))


def _is_time(record: Mapping[str, object], clock: datetime) -> bool:
    wait = record.get("wait_seconds")
    return is_past(parse_time(record.get("next_try")), float(wait) if isinstance(wait, (int, float)) else None, clock)


def _target_is_back(record: Mapping[str, object], job_id: str, circuit: Circuit, clock: datetime) -> bool:
    closed = circuit.closed_before(clock, SPREAD_SECONDS * share_of(job_id))
    updated = parse_time(record.get("updated"))
    waited_for_it = closed is not None and updated is not None and updated < closed
    return waited_for_it and record.get("state") != WAITS_FOR_REPORT


def share_of(job_id: str) -> float:
    """Return a number from 0 to 1 that differs between jobs and never changes."""
    return zlib.crc32(job_id.encode()) / 0xFFFFFFFF
