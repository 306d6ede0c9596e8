"""One delivery attempt to a target for one job: the steps that are due, each recorded before the next one begins."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from listener.ledger.deliveries import DeliveryState
from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.spool import Spool
from workers.delivery.circuit_breaker import CircuitBreaker
from workers.delivery.commitment import Commitment, CommitmentOutcome
from workers.delivery.outbox import OutboxEntry
from workers.delivery.record import DeliveryRecord, StoreResponse
from workers.errors import TransientFailure
from workers.fallbacks.alternatives import DamagedResult, alternatives
from workers.results.result_roles import ResultRole
from workers.retry_waits import wait_seconds
from workers.settings import WorkerSettings
from workers.targets.store_status import StoreResult
from workers.targets.target import Target
from workers.targets.transport import InvalidResponse, RequestNotSent, SentObject, TargetRefused, Transport

QUERIES_BEFORE_SENDING_AGAIN = 3
"""A target may list objects only some time after it took them; unlisted ones are sent again after this many queries."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class DeliveryOutcome:
    """The outcome of one attempt."""

    state: DeliveryState
    wait_seconds: float | None
    """Until the next step, where there is one."""
    sent: tuple[SentObject, ...]
    error: str | None
    commitment: Mapping[CommitmentOutcome, int] = field(default_factory=dict)
    """The outcome of storage commitment in this attempt."""


class DeliveryAttempt:
    """One delivery attempt to a target for one job. Each step is recorded before the next one begins."""

    def __init__(
        self,
        spool: Spool,
        file: OutboxEntry,
        target: Target,
        settings: WorkerSettings,
        clock: Clock,
        transport: Transport,
        breaker: CircuitBreaker,
    ) -> None:
        self._file = file
        self._target = target
        self._settings = settings
        self._clock = clock
        self._transport = transport
        self._breaker = breaker
        self._commitment = Commitment(spool, file.job.id, target, settings.ae_title, clock)
        self._sent: list[SentObject] = []

    @property
    def entry(self) -> DeliveryRecord:
        """The current record, as it is on disk."""
        return self._file.entry

    def outcome(self) -> DeliveryOutcome:
        """Return the outcome of the attempt."""
        entry = self.entry
        return DeliveryOutcome(
            entry.state, entry.wait_seconds, tuple(self._sent), entry.last_error, dict(+self._commitment.outcomes)
        )

    def apply_reports(self) -> bool:
        """Apply the commitment reports that have arrived; return whether there were any. Needs no connection."""
        reports = self._commitment.reports(self.entry)
        if not reports:
            return False
        entry, lost = self._commitment.apply(self.entry, reports)
        if lost and entry.unsent:
            wait = wait_seconds(max(1, entry.tries), self._settings)
            entry = entry.waiting(DeliveryState.RETRY, wait, f"not committed: {'; '.join(lost)}", self._clock())
        elif not entry.unsent and (entry.refused or not entry.uncommitted()):
            entry = self._staged(entry)
        self._file.write(entry)
        self._commitment.drop(entry, reports)
        return True

    def may_start(self) -> bool:
        """Return whether the next step is due and its target counts as reachable."""
        entry = self.entry
        circuit = self._breaker.circuit
        if entry.state.is_settled or (circuit.is_closed and not self._is_due()):
            return False
        waits_for_report = entry.state is DeliveryState.COMMITMENT_REQUESTED and not self._is_due()
        return not waits_for_report and self._breaker.allow(self._probe) and self._is_due()

    def go(self) -> bool:
        """Perform the steps one after the other until the delivery is settled or has to wait."""
        if self.entry.state is DeliveryState.COMMITMENT_REQUESTED:
            self._commitment.unanswered()
        self._file.write(self._staged(self.entry).tried())
        while self.entry.next_try is None and not self.entry.state.is_settled:
            try:
                self._step()
            except (InvalidResponse, RequestNotSent) as failure:
                self._wait(str(failure))
            except TransientFailure as failure:
                self._breaker.record_failure(str(failure))
                self._wait(str(failure))
            except TargetRefused as refusal:
                self._breaker.record_success()
                self._file.write(self.entry.as_refused(str(refusal), self._clock()))
            except DamagedResult as damage:
                self._file.write(self.entry.as_refused(str(damage), self._clock()))
        return True

    def _is_due(self) -> bool:
        return self.entry.is_due(self._file.job.id, self._breaker.circuit, self._clock())

    def _probe(self) -> None:
        self._transport.probe(self._target, self._settings.ae_title)

    def _staged(self, entry: DeliveryRecord) -> DeliveryRecord:
        """Return the record with its stage; objects that an old record cannot prove are sent again."""
        proof = self._target.proof
        if proof.needs_commitment or proof.needs_query:
            unknown = [word.instance.sop_instance_uid for word in entry.taken.values() if not word.can_be_verified]
            entry = entry.without(unknown) if unknown else entry
        staged = entry.staged(proof, self._clock())
        if staged.state is DeliveryState.REFUSED:
            words = ((role, word.instance.sop_instance_uid, word.status) for role, word in entry.refused.items())
            return staged.as_refused(_status_texts(words), self._clock())
        return staged

    def _step(self) -> None:
        if self.entry.unsent:
            self._send()
        elif self._target.proof.needs_commitment and self.entry.uncommitted():
            self._request_commitment()
        else:
            self._query()

    def _wait(self, why: str) -> None:
        entry = self.entry
        self._file.write(entry.waiting(entry.state, wait_seconds(entry.tries, self._settings), why, self._clock()))

    # Steps -----------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send the objects that the target has not taken yet, over one association, referenced objects first."""
        roles = self.entry.unsent
        folder, fallback = self._file.job.folder / "objects", self._target.fallback
        objects = {role: alternatives(folder / f"{role}.dcm", fallback) for role in roles}
        before = len(self._sent)
        for one in self._transport.send(self._target, self._settings.ae_title, objects):
            reach(FaultPoint.DELIVERY_SENT)
            self._note(one)
            reach(FaultPoint.DELIVERY_NOTED)
        reach(FaultPoint.DELIVERY_TRIED)
        words = self._sent[before:]
        if any(one.was_answered for one in words):
            self._breaker.record_success()
        else:
            self._breaker.record_failure(
                words[-1].status if words else "the association ended before anything was sent"
            )
        if self.entry.unsent:
            bad = ((one.role, one.sop_instance_uid, one.status) for one in words if one.answer is not StoreResult.TAKEN)
            self._wait(_status_texts(bad) or "the association ended before everything was sent")
        else:
            self._file.write(self._staged(self.entry))

    def _note(self, one: SentObject) -> None:
        """Record an answer at once, so that an accepted object is never sent again, however the attempt ends."""
        self._sent.append(one)
        word = StoreResponse.on(one.instance, one.status)
        if one.answer is StoreResult.TAKEN:
            self._file.write(self.entry.with_taken(one.role, word))
        elif one.answer is StoreResult.REFUSED:
            self._file.write(self.entry.with_refused(one.role, word))

    def _request_commitment(self) -> None:
        """Request storage commitment from the target; its report may come now, later, or never."""
        request = self._commitment.note(self.entry.uncommitted())
        earlier = self.entry.requests
        self._file.write(self.entry.with_request(request))
        self._commitment.forget(one for one in earlier if one not in self.entry.requests)
        self._commitment.ask(request, self.entry.uncommitted())
        self._breaker.record_success()
        wait = self._target.commitment_timeout_seconds
        self._file.write(self.entry.waiting(DeliveryState.COMMITMENT_REQUESTED, wait, None, self._clock()))
        self.apply_reports()

    def _query(self) -> None:
        """Query the target for the objects that it took."""
        entry = self.entry
        asked = entry.unseen()
        listed = self._transport.seen(self._target, self._settings.ae_title, asked)
        self._breaker.record_success()
        missing = [one.sop_instance_uid for one in asked if one.sop_instance_uid not in listed]
        entry = replace(entry.with_seen(listed), looks=entry.looks + 1 if missing else 0)
        if missing and entry.looks >= QUERIES_BEFORE_SENDING_AGAIN:
            entry = entry.without(missing)
        self._file.write(self._staged(entry))
        if missing:
            self._wait(f"the target does not list {len(missing)} of {len(asked)} objects")


def _status_texts(words: Iterable[tuple[ResultRole, str, str]]) -> str:
    """Return a description of the failures: role, UID and status of each object."""
    return "; ".join(f"{role} {uid}: {status}" for role, uid, status in words)
