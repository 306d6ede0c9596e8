"""The outbox in the ledger: how far each delivery is, when its next step is due, and what became of each object.

The sweep announces by the schedule, and the workers go by it. The rest of a row is the workers' alone
(`workers.delivery.record`).
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from itertools import islice

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    select,
)

from listener.ledger.database import Ledger
from listener.ledger.schema import (
    CODE,
    JOB_ID,
    METADATA,
    TARGET_NAME,
    UID,
    VALUES,
    AnyText,
    UtcDateTime,
    one_of,
    record_of,
)
from listener.ledger.target_circuits import Circuit
from listener.runtime.timestamps import is_past

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

    target: str
    """Its name in the configuration."""
    state: DeliveryState
    queued: datetime | None = None
    """When the results became ready for the target; not in records of spool layout 1."""
    updated: datetime | None = None
    """When the record was written."""
    next_try: datetime | None = None
    """When the next step is due; None: now."""
    wait_seconds: float | None = None
    """From ``updated`` to ``next_try``."""

    @property
    def waits_since(self) -> datetime | None:
        """When the results became ready, as far as it is known."""
        return self.queued or self.updated

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


class ObjectAnswer(StrEnum):
    """What a target did with an object."""

    TAKEN = "taken"
    REFUSED = "refused"
    """Permanently: it is not sent again until an operator retries it."""


deliveries = Table(
    "deliveries",
    METADATA,
    Column("job_id", JOB_ID, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("target", TARGET_NAME, primary_key=True),
    Column("state", one_of(DeliveryState), nullable=False),
    Column("roles", VALUES, nullable=False),
    Column("queued", UtcDateTime),
    Column("updated", UtcDateTime),
    Column("next_try", UtcDateTime),
    Column("wait_seconds", Float),
    Column("tries", Integer, CheckConstraint("tries >= 0", name="tries"), nullable=False),
    Column("looks", Integer, CheckConstraint("looks >= 0", name="looks"), nullable=False),
    Column("requests", VALUES, nullable=False),
    Column("last_error", AnyText),
    Column("worker_host", CODE),
    Column("worker_seen", UtcDateTime),
    Column("lease", Integer, CheckConstraint("lease >= 0", name="lease"), nullable=False, server_default="0"),
    CheckConstraint("next_try IS NULL OR state NOT IN ('delivered', 'refused')", name="settled"),
    Index("ix_deliveries_target_state", "target", "state"),
)
delivery_objects = Table(
    "delivery_objects",
    METADATA,
    Column("job_id", JOB_ID, primary_key=True),
    Column("target", TARGET_NAME, primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("answer", one_of(ObjectAnswer), nullable=False),
    Column("study_uid", UID, nullable=False),
    Column("series_uid", UID, nullable=False),
    Column("sop_class_uid", UID, nullable=False),
    Column("sop_instance_uid", UID, nullable=False),
    Column("status", AnyText, nullable=False),
    Column("committed", Boolean, nullable=False),
    Column("seen", Boolean, nullable=False),
    ForeignKeyConstraint(["job_id", "target"], ["deliveries.job_id", "deliveries.target"], ondelete="CASCADE"),
)
JOBS_A_QUERY = 500
SCHEDULE = [deliveries.c[one.name] for one in fields(DeliverySchedule)]


def schedules(ledger: Ledger, job_ids: Iterable[str]) -> Mapping[str, tuple[DeliverySchedule, ...]]:
    """Return the deliveries of these jobs, by job and in the order of their targets' names."""
    found: dict[str, list[DeliverySchedule]] = {job_id: [] for job_id in job_ids}
    with ledger.reading() as connection:
        for some in batched(found, JOBS_A_QUERY):
            query = select(deliveries.c.job_id, *SCHEDULE).where(deliveries.c.job_id.in_(some))
            for row in connection.execute(query.order_by(deliveries.c.job_id, deliveries.c.target)).mappings():
                found[row["job_id"]].append(record_of(DeliverySchedule, row))
    return {job_id: tuple(some) for job_id, some in found.items()}


def batched(values: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Yield the values in tuples of at most ``size``: a query takes a limited number of parameters."""
    rest = iter(values)
    while some := tuple(islice(rest, size)):
        yield some
