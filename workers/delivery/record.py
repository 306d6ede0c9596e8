"""The outbox record of one job for one target: what it gets, what it took, what it vouched for, what comes next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from listener.spool.timestamps import format_time, parse_time
from workers.results.instance_reference import InstanceReference
from workers.results.result_classes import ResultRole
from workers.targets.target import Proof

MAX_REQUESTS = 48
"""Commitment requests that are remembered: a target that was silent for two days is not waited for any more."""


class State(StrEnum):
    """How far a delivery is. The order is the order in which it passes through."""

    QUEUED = "queued"
    """Nobody has tried yet."""
    RETRY = "retry"
    """Something is to be sent (again), not before its time."""
    SENT = "sent"
    """Everything was taken; what else counts as proof is to be asked for."""
    COMMITMENT_REQUESTED = "commitment_requested"
    """The target was asked to take responsibility, and has not reported yet."""
    COMMITTED = "committed"
    """It took responsibility for everything; whether it lists it is to be asked."""
    DELIVERED = "delivered"
    """Done: the proof that the target's settings ask for is there."""
    REFUSED = "refused"
    """Over: someone has to look."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing comes after it."""
        return self in (State.DELIVERED, State.REFUSED)


@dataclass(frozen=True)
class StoreResponse:
    """What a target said to one object."""

    instance: InstanceReference
    status: str

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "StoreResponse":
        """Read what `to_json` returns; older records know the SOP Instance UID only."""
        names = ("study_uid", "series_uid", "sop_class_uid", "sop_instance_uid")
        return cls(InstanceReference(*(str(content.get(name, "")) for name in names)), str(content.get("status", "")))

    def to_json(self) -> dict[str, str]:
        """Return it as it stands in the record."""
        one = self.instance
        return {
            "study_uid": one.study_uid,
            "series_uid": one.series_uid,
            "sop_class_uid": one.sop_class_uid,
            "sop_instance_uid": one.sop_instance_uid,
            "status": self.status,
        }

    @property
    def can_be_verified(self) -> bool:
        """Whether enough is known of the object to ask the target for it."""
        return bool(self.instance.sop_class_uid)


@dataclass(frozen=True)
class CommitmentRequest:
    """One request for storage commitment."""

    transaction_uid: str
    requested: datetime | None
    instances: frozenset[str]
    """SOP Instance UIDs whose report is still of use."""

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "CommitmentRequest":
        """Read what `to_json` returns."""
        return cls(
            str(content["transaction_uid"]), parse_time(content.get("requested")), frozenset(content["instances"])
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in the record."""
        return {
            "transaction_uid": self.transaction_uid,
            "requested": format_time(self.requested),
            "instances": sorted(self.instances),
        }


@dataclass(frozen=True)
class DeliveryRecord:
    """The record. A step makes a new one; nothing is written before the step's outcome is known, but each word."""

    target: str
    roles: tuple[ResultRole, ...]
    """What the target gets."""
    queued: datetime | None
    updated: datetime | None
    state: State = State.QUEUED
    next_try: datetime | None = None
    wait_seconds: float | None = None
    """From ``updated`` to ``next_try``."""
    tries: int = 0
    taken: Mapping[ResultRole, StoreResponse] = field(default_factory=dict)
    refused: Mapping[ResultRole, StoreResponse] = field(default_factory=dict)
    """What the target refused for good; not sent again until someone asks for it."""
    committed: frozenset[str] = frozenset()
    """SOP Instance UIDs that the target took responsibility for."""
    seen: frozenset[str] = frozenset()
    """SOP Instance UIDs that the target listed."""
    looks: int = 0
    """Looks in a row that missed something."""
    requests: tuple[CommitmentRequest, ...] = ()
    last_error: str | None = None

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "DeliveryRecord":
        """Read a record, also one of a version that knew less.

        Raises
        ------
        KeyError, ValueError
            If it is none.
        """
        updated = parse_time(content.get("updated"))
        return cls(
            target=str(content["target"]),
            roles=tuple(role for role in ResultRole if role in content["roles"]),
            queued=parse_time(content.get("queued")) or updated,
            updated=updated,
            state=State(content["state"]),
            next_try=parse_time(content.get("next_try")),
            wait_seconds=content.get("wait_seconds"),
            tries=int(content["tries"]),
            taken=_words(content.get("taken")),
            refused=_words(content.get("refused")),
            committed=frozenset(content.get("committed", ())),
            seen=frozenset(content.get("seen", ())),
            looks=int(content.get("looks", 0)),
            requests=tuple(map(CommitmentRequest.of_json, content.get("requests", ()))),
            last_error=content.get("last_error"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "target": self.target,
            "roles": [role.value for role in self.roles],
            "state": self.state.value,
            "queued": format_time(self.queued),
            "updated": format_time(self.updated),
            "next_try": format_time(self.next_try),
            "wait_seconds": self.wait_seconds,
            "tries": self.tries,
            "taken": {role.value: word.to_json() for role, word in self.taken.items()},
            "refused": {role.value: word.to_json() for role, word in self.refused.items()},
            "committed": sorted(self.committed),
            "seen": sorted(self.seen),
            "looks": self.looks,
            "requests": [request.to_json() for request in self.requests],
            "last_error": self.last_error,
        }

    # What it says ----------------------------------------------------------------------------------------------------

    @property
    def unsent(self) -> tuple[ResultRole, ...]:
        """Return what the target has neither taken nor refused, in the order in which it is sent."""
        return tuple(role for role in self.roles if role not in self.taken and role not in self.refused)

    def uncommitted(self) -> tuple[InstanceReference, ...]:
        """Return what the target has taken and not yet vouched for."""
        return self._taken_but(self.committed)

    def unseen(self) -> tuple[InstanceReference, ...]:
        """Return what the target has taken and not yet listed."""
        return self._taken_but(self.seen)

    def _taken_but(self, uids: frozenset[str]) -> tuple[InstanceReference, ...]:
        instances = (self.taken[role].instance for role in self.roles if role in self.taken)
        return tuple(one for one in instances if one.sop_instance_uid not in uids)

    def stage(self, proof: Proof) -> State:
        """Return how far it is by what the target has taken and vouched for, if nothing is outstanding."""
        if self.unsent:
            return State.RETRY
        if self.refused:
            return State.REFUSED
        if proof.needs_commitment and self.uncommitted():
            return State.SENT
        if proof.needs_query and self.unseen():
            return State.COMMITTED if proof.needs_commitment else State.SENT
        return State.DELIVERED

    # What a step makes of it -----------------------------------------------------------------------------------------

    def staged(self, proof: Proof, clock: datetime) -> "DeliveryRecord":
        """Return it at the stage that its words have brought it to, with the next step due now."""
        stage = self.stage(proof)
        return replace(self, state=stage, next_try=None, wait_seconds=None, last_error=None, updated=clock)

    def waiting(self, state: State, seconds: float, why: str | None, clock: datetime) -> "DeliveryRecord":
        """Return it with its next step put off."""
        due = clock + timedelta(seconds=seconds)
        return replace(self, state=state, next_try=due, wait_seconds=seconds, last_error=why, updated=clock)

    def as_refused(self, why: str, clock: datetime) -> "DeliveryRecord":
        """Return it as refused."""
        return replace(self, state=State.REFUSED, next_try=None, wait_seconds=None, last_error=why, updated=clock)

    def tried(self) -> "DeliveryRecord":
        """Return it with one more visit to the target counted."""
        return replace(self, tries=self.tries + 1)

    def with_taken(self, role: ResultRole, word: StoreResponse) -> "DeliveryRecord":
        """Return it with an object that the target took."""
        return replace(self, taken={**self.taken, role: word})

    def with_refused(self, role: ResultRole, word: StoreResponse) -> "DeliveryRecord":
        """Return it with an object that the target refused for good."""
        return replace(self, refused={**self.refused, role: word})

    def with_request(self, request: CommitmentRequest) -> "DeliveryRecord":
        """Return it with one more request that may be reported on."""
        return replace(self, requests=(*self.requests, request)[-MAX_REQUESTS:])

    def with_reported(self, transaction_uid: str, uids: frozenset[str]) -> "DeliveryRecord":
        """Return it with the request of this UID waiting for no further word on ``uids``."""
        requests = (
            replace(one, instances=one.instances - uids) if one.transaction_uid == transaction_uid else one
            for one in self.requests
        )
        return replace(self, requests=tuple(one for one in requests if one.instances))

    def with_committed(self, uids: Iterable[str]) -> "DeliveryRecord":
        """Return it with objects that the target took responsibility for."""
        return replace(self, committed=self.committed | frozenset(uids))

    def with_seen(self, uids: Iterable[str]) -> "DeliveryRecord":
        """Return it with objects that the target listed."""
        return replace(self, seen=self.seen | frozenset(uids), looks=0)

    def without(self, uids: Iterable[str]) -> "DeliveryRecord":
        """Return it without objects that the target has lost: to be sent again; earlier requests are void for them."""
        gone = frozenset(uids)
        requests = (replace(one, instances=one.instances - gone) for one in self.requests)
        return replace(
            self,
            taken={role: word for role, word in self.taken.items() if word.instance.sop_instance_uid not in gone},
            committed=self.committed - gone,
            seen=self.seen - gone,
            looks=0,
            requests=tuple(one for one in requests if one.instances),
        )

    def due_now(self, clock: datetime) -> "DeliveryRecord":
        """Return it with its next step due at once, and what was refused to be tried again."""
        state = State.QUEUED if self.unsent or self.refused else self.state
        state = State.SENT if state is State.REFUSED else state
        return replace(self, state=state, refused={}, next_try=clock, wait_seconds=0.0, updated=clock)


def queued(target: str, roles: Iterable[str], clock: datetime) -> DeliveryRecord:
    """Return the record of results that nobody has tried to send yet."""
    return DeliveryRecord(target, tuple(map(ResultRole, roles)), clock, clock, next_try=clock, wait_seconds=0.0)


def _words(content: Mapping[str, Any] | None) -> dict[ResultRole, StoreResponse]:
    return {ResultRole(role): StoreResponse.of_json(word) for role, word in (content or {}).items()}
