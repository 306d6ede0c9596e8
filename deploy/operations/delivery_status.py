"""How far results are on their way to their targets, and which targets cannot be reached: read from the spool alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydicom.uid import UID

from listener.spool.atomic_files import read_json
from listener.spool.jobs import Job
from listener.spool.spool import Spool
from listener.spool.target_circuit import CircuitState, read_circuit
from listener.spool.timestamps import parse_time
from workers.delivery.outbox import outbox_files

GOES_ON = ("queued", "retry", "sent", "committed")
"""States in which a delivery goes on by a visit of ours; in others it waits for the target's report, or for nothing."""


@dataclass(frozen=True)
class DeliveryStatus:
    """How far the results of a job are on their way to one target."""

    target: str
    state: str
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
    """When its target, which cannot be reached, is asked again; nothing goes there before it answers."""

    @property
    def next_step(self) -> tuple[str, datetime] | None:
        """What happens next, and when: to an open circuit nothing goes, whenever the next try would be due."""
        if self.state not in GOES_ON:
            return None
        if self.target_asked is not None:
            return "its target asked again", self.target_asked
        return None if self.next_try is None else ("next try", self.next_try)


@dataclass(frozen=True)
class TargetStatus:
    """A target that is not gone to at the moment."""

    target: str
    circuit: CircuitState
    since: datetime | None
    next_probe: datetime | None
    last_error: str | None


def read_deliveries(spool: Spool, job: Job) -> tuple[DeliveryStatus, ...]:
    """Return the deliveries of a job, by target."""
    written = (job.read_optional("result.json") or {}).get("references") or {}
    return tuple(_with_circuit(spool, _delivery(path.stem, read_json(path), written)) for path in outbox_files(job))


def _with_circuit(spool: Spool, one: DeliveryStatus) -> DeliveryStatus:
    if one.state not in GOES_ON:
        return one
    circuit = read_circuit(spool, one.target)
    return one if circuit.is_closed else replace(one, target_asked=circuit.next_probe)


def _delivery(name: str, content: Mapping[str, Any], written: Mapping[str, Any]) -> DeliveryStatus:
    asked = [parse_time(request.get("requested")) for request in content.get("requests") or []]
    return DeliveryStatus(
        target=str(content.get("target", name)),
        state=str(content.get("state", "unknown")),
        tries=int(content.get("tries", 0)),
        objects=len(content.get("roles") or []),
        objects_taken=len(content.get("taken") or {}),
        next_try=parse_time(content.get("next_try")),
        last_error=content.get("last_error"),
        updated=parse_time(content.get("updated")),
        objects_committed=len(content.get("committed") or []),
        objects_seen=len(content.get("seen") or []),
        commitment_requested=asked[-1] if asked else None,
        plainer=tuple(_plainer(content.get("taken") or {}, written)),
    )


def _plainer(taken: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[str]:
    for role, word in taken.items():
        went_as, made_as = word.get("sop_class_uid"), (written.get(role) or {}).get("sop_class_uid")
        if went_as and made_as and went_as != made_as:
            yield f"{role} as {UID(went_as).name}"


def read_targets(spool: Spool) -> tuple[TargetStatus, ...]:
    """Return the targets whose circuit is not closed."""
    names = sorted(path.stem for path in spool.targets.glob("*.json") if not path.name.startswith("."))
    circuits = ((name, read_circuit(spool, name)) for name in names)
    return tuple(
        TargetStatus(name, one.state, one.since, one.next_probe, one.last_error)
        for name, one in circuits
        if not one.is_closed
    )
