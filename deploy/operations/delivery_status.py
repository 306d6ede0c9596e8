"""The progress of deliveries, and the targets that cannot be reached: read from the spool alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from listener.dicom.uids import uid_name
from listener.ledger.deliveries import DeliveryState
from listener.ledger.target_circuits import CircuitState, read_circuit, read_circuits
from listener.spool.jobs import Job
from listener.spool.spool import Spool
from workers.delivery import outbox
from workers.delivery.record import DeliveryRecord, StoreResponse
from workers.results.instance_reference import InstanceReference
from workers.results.result_record import ResultRecord
from workers.results.result_roles import ResultRole

GOES_ON = (DeliveryState.QUEUED, DeliveryState.RETRY, DeliveryState.SENT, DeliveryState.COMMITTED)
"""States in which the next step is an attempt of ours; in others it waits for the target, or is settled."""


@dataclass(frozen=True)
class DeliveryStatus:
    """The progress of delivering the results of a job to one target."""

    target: str
    state: DeliveryState
    tries: int
    objects: int
    """That the target is to get."""
    objects_taken: int
    next_try: datetime | None
    last_error: str | None
    updated: datetime | None
    objects_committed: int = 0
    objects_seen: int = 0
    commitment_requested: datetime | None = None
    """When the target was last asked to take responsibility, where it has not answered."""
    plainer: tuple[str, ...] = ()
    """Results that the target took in another form only, such as ``summary_report as Encapsulated PDF Storage``."""
    target_asked: datetime | None = None
    """When its unreachable target is probed again; nothing is sent before it answers."""

    @property
    def next_step(self) -> tuple[str, datetime] | None:
        """The next step and its time: while a circuit is open nothing is sent, even if an attempt is due."""
        if self.state not in GOES_ON:
            return None
        if self.target_asked is not None:
            return "its target asked again", self.target_asked
        return None if self.next_try is None else ("next try", self.next_try)


@dataclass(frozen=True)
class TargetStatus:
    """A target to which nothing is sent at the moment."""

    target: str
    circuit: CircuitState
    since: datetime | None
    next_probe: datetime | None
    last_error: str | None


def read_deliveries(spool: Spool, job: Job, result: ResultRecord | None) -> tuple[DeliveryStatus, ...]:
    """Return the deliveries of a job, by target."""
    made = result.references if result else {}
    records = outbox.read_deliveries(spool.ledger, job.id)
    return tuple(_with_circuit(spool, _delivery(record, made)) for record in records)


def _with_circuit(spool: Spool, one: DeliveryStatus) -> DeliveryStatus:
    if one.state not in GOES_ON:
        return one
    circuit = read_circuit(spool.ledger, one.target)
    return one if circuit.is_closed else replace(one, target_asked=circuit.next_probe)


def _delivery(record: DeliveryRecord, made: Mapping[ResultRole, InstanceReference]) -> DeliveryStatus:
    return DeliveryStatus(
        target=record.target,
        state=record.state,
        tries=record.tries,
        objects=len(record.roles),
        objects_taken=len(record.taken),
        next_try=record.next_try,
        last_error=record.last_error,
        updated=record.updated,
        objects_committed=len(record.committed),
        objects_seen=len(record.seen),
        commitment_requested=record.requests[-1].requested if record.requests else None,
        plainer=tuple(_plainer(record.taken, made)),
    )


def _plainer(taken: Mapping[ResultRole, StoreResponse], made: Mapping[ResultRole, InstanceReference]) -> Iterator[str]:
    for role, word in taken.items():
        if word.sop_class_uid and role in made and word.sop_class_uid != made[role].sop_class_uid:
            yield f"{role} as {uid_name(word.sop_class_uid)}"


def read_targets(spool: Spool) -> tuple[TargetStatus, ...]:
    """Return the targets whose circuit is not closed."""
    return tuple(
        TargetStatus(name, one.state, one.since, one.next_probe, one.last_error)
        for name, one in read_circuits(spool.ledger).items()
    )
