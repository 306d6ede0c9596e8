"""Delivers results to their targets, and ends a job when all its deliveries are settled."""

from datetime import UTC, datetime

from listener.ledger.deliveries import DeliveryState
from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool, fail
from workers.delivery.attempt import Clock, DeliveryAttempt, DeliveryOutcome, utc_now
from workers.delivery.circuit_breaker import CircuitBreaker
from workers.delivery.outbox import held_outbox, read_deliveries
from workers.errors import FailureReason
from workers.notifications.event import note_outcome
from workers.retry_waits import wait_seconds
from workers.settings import CaseOutcome, WorkerSettings
from workers.targets.audited_transport import AuditedTransport
from workers.targets.dimse import transport_of
from workers.targets.target import Target
from workers.targets.transport import Transport


def deliver(
    spool: Spool,
    job_id: str,
    target: Target,
    settings: WorkerSettings,
    clock: Clock = utc_now,
    transport: Transport | None = None,
) -> DeliveryOutcome | None:
    """Advance the delivery of a job's results to one target as far as possible now.

    None where nothing is due, a person holds the job, another worker is at it, or the target cannot be reached at the
    moment, as others found.
    """
    breaker = CircuitBreaker(spool, target.name, settings, clock)
    with held_outbox(spool, job_id, target.name) as found:
        if found is None or found.job.is_held:
            return None
        audited = AuditedTransport(transport or transport_of(target), settings.audit)
        attempt = DeliveryAttempt(spool, found, target, settings, clock, audited, breaker)
        if attempt.entry.state.is_settled:  # whoever wrote that died before the rest
            attempt.forget_requests()
            close_when_settled(spool, found.job, settings)
            return None
        applied = attempt.apply_reports()
        ran = attempt.may_start() and attempt.go()
        if attempt.entry.state.is_settled:
            reach(FaultPoint.DELIVERY_RECORDED)
            attempt.forget_requests()
            close_when_settled(spool, found.job, settings)
        return attempt.outcome() if applied or ran else None


def retry_later(
    spool: Spool,
    job_id: str,
    target_name: str,
    settings: WorkerSettings,
    why: str,
    clock: Clock = utc_now,
    *,
    too_slow: bool = False,
) -> DeliveryOutcome | None:
    """Record that an attempt was interrupted, so that it is visible and the next one waits.

    ``too_slow``: the target took too long.
    """
    if too_slow:
        CircuitBreaker(spool, target_name, settings, clock).record_failure(why)
    with held_outbox(spool, job_id, target_name) as found:
        if found is None or found.entry.state.is_settled:
            return None
        wait = wait_seconds(max(1, found.entry.tries), settings)
        state = DeliveryState.RETRY if found.entry.unsent else found.entry.state
        found.write(found.entry.waiting(state, wait, why, clock()))
        return DeliveryOutcome(state, wait, (), why)


def close_if_settled(spool: Spool, job_id: str, settings: WorkerSettings) -> None:
    """Move a job whose deliveries are all settled, but whose worker died before it could move it."""
    job = spool.find_job(job_id)
    if job is not None and job.state is JobState.DELIVERING:
        close_when_settled(spool, job, settings)


def close_when_settled(spool: Spool, job: Job, settings: WorkerSettings) -> None:
    """Move a job when all its deliveries are settled: to done, or to failed where a target refused."""
    settled = read_deliveries(spool.ledger, job.id)
    if not settled or not all(entry.state.is_settled for entry in settled):
        return
    refusals = [f"{entry.target}: {entry.last_error}" for entry in settled if entry.state is DeliveryState.REFUSED]
    if refusals:
        remedy = "when the target takes it, run: radtme retry " + job.id
        reason = FailureReason.DELIVERY_REFUSED
        note_outcome(spool, job, CaseOutcome.FAILED, datetime.now(UTC), settings, reason)
        fail(spool, job, reason, "; ".join([*refusals, remedy]))
    else:
        last = max((entry.updated for entry in settled if entry.updated), default=None)
        note_outcome(spool, job, CaseOutcome.DELIVERED, last or datetime.now(UTC), settings)
        spool.move(job, JobState.DONE)
