"""Delivers results to their targets, as far as is possible now."""

from listener.ledger.deliveries import DeliveryState
from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.spool import Spool
from workers.delivery.attempt import Clock, DeliveryAttempt, DeliveryOutcome, utc_now
from workers.delivery.circuit_breaker import CircuitBreaker
from workers.delivery.closing import close_if_settled, closing
from workers.delivery.outbox import held_outbox
from workers.retry_waits import wait_seconds
from workers.settings import WorkerSettings
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
    with held_outbox(spool, job_id, target.name, closing(spool, settings)) as found:
        if found is None or found.job.is_held:
            return None
        audited = AuditedTransport(transport or transport_of(target), settings.audit)
        attempt = DeliveryAttempt(spool, found, target, settings, clock, audited, breaker)
        if attempt.entry.state.is_settled:
            close_if_settled(spool, job_id, settings)
            return None
        applied = attempt.apply_reports()
        ran = attempt.may_start() and attempt.go()
        if attempt.entry.state.is_settled:
            reach(FaultPoint.JOB_MOVED)
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
    with held_outbox(spool, job_id, target_name, closing(spool, settings)) as found:
        if found is None or found.entry.state.is_settled:
            return None
        wait = wait_seconds(max(1, found.entry.tries), settings)
        state = DeliveryState.RETRY if found.entry.unsent else found.entry.state
        found.write(found.entry.waiting(state, wait, why, clock()))
        return DeliveryOutcome(state, wait, (), why)
