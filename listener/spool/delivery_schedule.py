"""How far a delivery is and when its next step is due, as its record in the outbox says.

The sweep announces by this, and the workers go by it. The rest of the record is the workers' alone
(`workers.delivery.record`).
"""

import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from listener.ledger.target_circuits import Circuit
from listener.runtime.timestamps import is_past
from listener.spool.record_file import TimeIfReadable

SPREAD_SECONDS = 30.0
"""What waited for a target that is back becomes due within this time, not all in the same second."""


class DeliveryState(StrEnum):
    """How far a delivery is. The order is the order in which it passes through."""

    QUEUED = "queued"
    """Nobody has tried yet."""
    RETRY = "retry"
    """Something is to be sent (again), not before its time."""
    SENT = "sent"
    """Everything was taken; what else counts as proof is to be asked for."""
    COMMITMENT_REQUESTED = "commitment_requested"
    """The target was asked to take responsibility, and has not reported yet: nothing is to be done until it does, or
    until it has been silent for too long."""
    COMMITTED = "committed"
    """It took responsibility for everything; whether it lists it is to be asked."""
    DELIVERED = "delivered"
    """Done: the proof that the target's settings ask for is there."""
    REFUSED = "refused"
    """Over: someone has to look."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing comes after it."""
        return self in (DeliveryState.DELIVERED, DeliveryState.REFUSED)


@dataclass(frozen=True, kw_only=True)
class DeliverySchedule:
    """When a delivery continues."""

    state: DeliveryState
    updated: TimeIfReadable = None
    """When the record was written."""
    next_try: TimeIfReadable = None
    """When the next step is due; None: now."""
    wait_seconds: float | None = None
    """From ``updated`` to ``next_try``."""

    def is_due(self, job_id: str, circuit: Circuit, clock: datetime) -> bool:
        """Tell whether the next step may begin: its time has come, or its target has come back."""
        return not self.state.is_settled and (
            self._time_has_come(clock) or self._target_is_back(job_id, circuit, clock)
        )

    def needs_target(self, clock: datetime) -> bool:
        """Return whether this delivery continues as soon as its target can be reached."""
        if self.state is DeliveryState.COMMITMENT_REQUESTED:
            return self._time_has_come(clock)
        return not self.state.is_settled

    def _time_has_come(self, clock: datetime) -> bool:
        return is_past(self.next_try, self.wait_seconds, clock)

    def _target_is_back(self, job_id: str, circuit: Circuit, clock: datetime) -> bool:
        closed = circuit.closed_before(clock, SPREAD_SECONDS * share_of(job_id))
        waited_for_it = closed is not None and self.updated is not None and self.updated < closed
        return waited_for_it and self.state is not DeliveryState.COMMITMENT_REQUESTED


def share_of(job_id: str) -> float:
    """Return a number from 0 to 1 that differs between jobs and never changes."""
    return zlib.crc32(job_id.encode()) / 0xFFFFFFFF
