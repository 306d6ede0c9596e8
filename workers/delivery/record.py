"""The delivery record of one job for one target: what it gets, has taken and committed to, and the next step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from listener.ledger.deliveries import DeliverySchedule, DeliveryState
from listener.spool.record_file import SortedUids, TimeIfReadable
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.target import Proof

MAX_REQUESTS = 48
"""Commitment requests that are remembered: after two days without a report, a delivery stops waiting for the target."""


@dataclass(frozen=True)
class StoreResponse:
    """A target's answer for one object. Records of spool layout 1 know its SOP Instance UID only."""

    sop_instance_uid: str
    study_uid: str = ""
    series_uid: str = ""
    sop_class_uid: str = ""
    """The SOP class in which the target got it."""
    status: str = ""
    """Of the C-STORE response or of the HTTP answer, in words."""

    @classmethod
    def on(cls, instance: InstanceReference, status: str) -> "StoreResponse":
        """Return a target's answer for an instance."""
        return cls(instance.sop_instance_uid, instance.study_uid, instance.series_uid, instance.sop_class_uid, status)

    @property
    def instance(self) -> InstanceReference:
        """The object."""
        return InstanceReference(self.study_uid, self.series_uid, self.sop_class_uid, self.sop_instance_uid)

    @property
    def can_be_verified(self) -> bool:
        """Whether enough is known of the object to query the target for it."""
        return bool(self.sop_class_uid)


@dataclass(frozen=True)
class CommitmentRequest:
    """One request for storage commitment."""

    transaction_uid: str
    requested: TimeIfReadable
    instances: SortedUids
    """SOP Instance UIDs whose report is still awaited."""


@dataclass(frozen=True, kw_only=True)
class DeliveryRecord(DeliverySchedule):
    """The progress of delivering one job's results to one target.

    Each step makes a new record; it is written with each answer of the target. Times are UTC.
    """

    roles: tuple[ResultRole, ...]
    """What the target gets."""
    tries: int
    """Visits to the target."""
    taken: Mapping[ResultRole, StoreResponse] = field(default_factory=dict)
    """What the target took."""
    refused: Mapping[ResultRole, StoreResponse] = field(default_factory=dict)
    """What the target refused permanently; not sent again until an operator retries it."""
    committed: SortedUids = frozenset()
    """SOP Instance UIDs that the target took responsibility for."""
    seen: SortedUids = frozenset()
    """SOP Instance UIDs that the target listed."""
    looks: int = 0
    """Consecutive queries that missed an object."""
    requests: tuple[CommitmentRequest, ...] = ()
    """Requests for storage commitment that may still be reported on, the oldest first."""
    last_error: str | None = None
    """Why the last step failed."""

    # Queries -----------------------------------------------------------------------------------------------------

    @property
    def unsent(self) -> tuple[ResultRole, ...]:
        """Return what the target has neither taken nor refused, in the order in which it is sent."""
        return tuple(
            role for role in ResultRole if role in self.roles and role not in self.taken and role not in self.refused
        )

    def uncommitted(self) -> tuple[InstanceReference, ...]:
        """Return the objects that the target has taken and not yet committed to."""
        return self._taken_but(self.committed)

    def unseen(self) -> tuple[InstanceReference, ...]:
        """Return what the target has taken and not yet listed."""
        return self._taken_but(self.seen)

    def _taken_but(self, uids: frozenset[str]) -> tuple[InstanceReference, ...]:
        instances = (self.taken[role].instance for role in self.roles if role in self.taken)
        return tuple(one for one in instances if one.sop_instance_uid not in uids)

    def stage(self, proof: Proof) -> DeliveryState:
        """Return the stage that follows from what the target has taken and committed to, if nothing is outstanding."""
        if self.unsent:
            return DeliveryState.RETRY
        if self.refused:
            return DeliveryState.REFUSED
        if proof.needs_commitment and self.uncommitted():
            return DeliveryState.SENT
        if proof.needs_query and self.unseen():
            return DeliveryState.COMMITTED if proof.needs_commitment else DeliveryState.SENT
        return DeliveryState.DELIVERED

    # Changes, each a new record --------------------------------------------------------------------------------------

    def staged(self, proof: Proof, clock: datetime) -> "DeliveryRecord":
        """Return the record at the stage that its answers imply, with the next step due now."""
        stage = self.stage(proof)
        return replace(self, state=stage, next_try=None, wait_seconds=None, last_error=None, updated=clock)

    def waiting(self, state: DeliveryState, seconds: float, why: str | None, clock: datetime) -> "DeliveryRecord":
        """Return the record with its next step postponed."""
        due = clock + timedelta(seconds=seconds)
        return replace(self, state=state, next_try=due, wait_seconds=seconds, last_error=why, updated=clock)

    def as_refused(self, why: str, clock: datetime) -> "DeliveryRecord":
        """Return the record as refused."""
        return replace(
            self, state=DeliveryState.REFUSED, next_try=None, wait_seconds=None, last_error=why, updated=clock
        )

    def tried(self) -> "DeliveryRecord":
        """Return the record with one more attempt counted."""
        return replace(self, tries=self.tries + 1)

    def with_taken(self, role: ResultRole, word: StoreResponse) -> "DeliveryRecord":
        """Return the record with an object that the target took."""
        return replace(self, taken={**self.taken, role: word})

    def with_refused(self, role: ResultRole, word: StoreResponse) -> "DeliveryRecord":
        """Return the record with an object that the target refused permanently."""
        return replace(self, refused={**self.refused, role: word})

    def with_request(self, request: CommitmentRequest) -> "DeliveryRecord":
        """Return the record with one more commitment request."""
        return replace(self, requests=(*self.requests, request)[-MAX_REQUESTS:])

    def with_reported(self, transaction_uid: str, uids: frozenset[str]) -> "DeliveryRecord":
        """Return the record with this request no longer waiting for a report on ``uids``."""
        requests = (
            replace(one, instances=one.instances - uids) if one.transaction_uid == transaction_uid else one
            for one in self.requests
        )
        return replace(self, requests=tuple(one for one in requests if one.instances))

    def with_committed(self, uids: Iterable[str]) -> "DeliveryRecord":
        """Return the record with objects that the target took responsibility for."""
        return replace(self, committed=self.committed | frozenset(uids))

    def with_seen(self, uids: Iterable[str]) -> "DeliveryRecord":
        """Return the record with objects that the target listed."""
        return replace(self, seen=self.seen | frozenset(uids), looks=0)

    def without(self, uids: Iterable[str]) -> "DeliveryRecord":
        """Return the record without objects that the target has lost: they are sent again and requested anew."""
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
        """Return the record with its next step due at once, and refused objects to be tried again."""
        state = DeliveryState.QUEUED if self.unsent or self.refused else self.state
        state = DeliveryState.SENT if state is DeliveryState.REFUSED else state
        return replace(self, state=state, refused={}, next_try=clock, wait_seconds=0.0, updated=clock)


def queued(target: str, roles: Iterable[ResultRole], clock: datetime) -> DeliveryRecord:
    """Return the record of results without any attempt to send them."""
    return DeliveryRecord(
        target=target,
        roles=tuple(roles),
        state=DeliveryState.QUEUED,
        queued=clock,
        updated=clock,
        next_try=clock,
        wait_seconds=0.0,
        tries=0,
    )
