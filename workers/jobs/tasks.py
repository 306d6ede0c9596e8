"""The Celery tasks: claim, call, write, announce. Messages carry ids only; all data is in the spool."""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery

from listener.audit.trail import NotAudited
from listener.broker.announce_once import announce_delivery, announce_job
from listener.broker.messages import DELIVER_TASK, SCORE_TASK
from listener.ledger.database import LedgerUnavailable
from listener.ledger.deliveries import DeliveryState
from listener.runtime.fault_points import FaultPoint, reach
from listener.runtime.logger import Logger
from listener.runtime.safe_errors import stack_locations
from listener.spool.job_queries import ready_successors
from listener.spool.jobs import Job, JobState
from listener.spool.leases import LeaseLost
from listener.spool.spool import Spool, fail_within
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry
from model_store.signatures.shadow import Shadow
from workers.delivery import deliver as delivery
from workers.delivery.attempt import DeliveryOutcome
from workers.delivery.closing import close_if_settled
from workers.errors import FailureReason, is_of_the_machine
from workers.jobs import attempts as attempts
from workers.jobs import score_job as scoring
from workers.limits import is_out_of_memory, memory_limited
from workers.metrics.counters import WorkerMetrics, seconds_since_last_object
from workers.notifications.event import note_outcome
from workers.scoring.case_result import ResultOutcome
from workers.settings import DELIVERY_GRACE_SECONDS, CaseOutcome, WorkerSettings
from workers.targets.current_targets import CurrentTargets
from workers.targets.self_test_targets import targets_of_job
from workers.targets.store_status import StoreResult
from workers.targets.target import Target


def is_transient(error: Exception) -> bool:
    """Return whether the job can be retried unchanged: the machine or the audit trail refused an operation."""
    return isinstance(error, NotAudited) or is_of_the_machine(error)


log = Logger(__name__)


@dataclass(frozen=True)
class TaskContext:
    """Shared by all tasks: settings, spool, signatures, metrics and targets."""

    settings: WorkerSettings
    spool: Spool
    registry: Registry
    metrics: WorkerMetrics
    shadow: Shadow | None = None
    targets: CurrentTargets | None = None
    """The targets as of the last reload; None where they never change."""

    def with_current_targets(self) -> "TaskContext":
        """Return this context with the current targets, for one task."""
        if self.targets is None:
            return self
        return replace(self, settings=replace(self.settings, targets=self.targets.get()))


def register(app: Celery, context: TaskContext) -> None:
    """Register the two tasks with the app."""

    @app.task(name=SCORE_TASK, shared=False)  # type: ignore[untyped-decorator]
    def score(job_id: str) -> None:
        score_job(app, context.with_current_targets(), job_id)

    @app.task(name=DELIVER_TASK, shared=False)  # type: ignore[untyped-decorator]
    def deliver(job_id: str, target: str) -> None:
        deliver_job(context.with_current_targets(), job_id, target)

    limit_deliveries(app, context.settings)


def limit_deliveries(app: Celery, settings: WorkerSettings) -> None:
    """Set the time limits of a delivery to the longest of its targets. A running consumer must reload them itself."""
    limit = settings.delivery_limit_seconds
    task = app.tasks[DELIVER_TASK]
    task.soft_time_limit, task.time_limit = limit, limit + DELIVERY_GRACE_SECONDS


def score_job(app: Celery, context: TaskContext, job_id: str) -> None:
    """Score a job, unless it is done, claimed by another worker, or has killed its worker too often."""
    with structlog.contextvars.bound_contextvars(job=job_id):
        try:
            with attempts.claimed(context.spool, job_id) as job:
                done = _attempted(context, job)
        except OSError as error:
            if not is_transient(error):
                raise
            log.warning("job_claim_failed", error=error.strerror)
            return
    if done is not None:
        _record_case(app, context, done)


def _attempted(context: TaskContext, job: Job | None) -> scoring.Scored | None:
    """Begin an attempt at a claimed job; a failure of the machine delays the job, and is not counted."""
    if job is None:
        log.info("job_not_ready")
        return None
    earlier = scoring.earlier_version_in_work(context.spool, job)
    if earlier is not None:
        log.info("job_waits_for_earlier_version", earlier=earlier)
        context.spool.move(job, JobState.READY)
        return None
    begun: Job | None = None
    try:
        reach(FaultPoint.SCORE_CLAIMED)
        begun = attempts.begin_attempt(context.spool, job)
        reach(FaultPoint.SCORE_COUNTED)
        if begun is None:
            return None
        if len(begun.attempts.began) > context.settings.max_attempts:
            _fail(context, begun, FailureReason.WORKER_KILLED, _killed_message(context.settings, job.id))
            return None
        return _scored(context, begun)
    except LeaseLost:
        log.warning("job_taken_over")
        return None
    except OSError as error:
        if not is_transient(error):
            raise
        why = error.strerror or type(error).__name__
        log.warning("job_requeued", error=why)
        attempts.give_back(context.spool, begun or job, why, counted=begun is not None)
        return None


def _scored(context: TaskContext, job: Job) -> scoring.Scored | None:
    """Run the job. This is a process border: any exception becomes a result, a retry, or a failure record."""
    begin = time.perf_counter()
    try:
        try:
            # A newly activated signature is loaded here, outside the memory limit of the case.
            with suppress(SignatureError):  # scoring reports the error
                context.registry.active()
            with memory_limited(context.settings.max_job_memory_bytes):
                return scoring.run(context.spool, job, context.registry, context.settings, shadow=context.shadow)
        except SoftTimeLimitExceeded:
            ended_by = scoring.took_too_long(context.settings)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            ended_by = scoring.took_too_much(context.settings)
        # Outside the handler: while the exception is handled, the memory of the case is still allocated.
        ended = scoring.run(context.spool, job, context.registry, context.settings, ended_by=ended_by)
        return replace(ended, seconds=time.perf_counter() - begin)
    except Exception as error:
        if isinstance(error, LeaseLost) or is_transient(error):
            raise
        # The text of an exception may quote an element of the data set; its type and location cannot.
        at = stack_locations(error)
        log.error("job_internal_error", error=type(error).__name__, at=at)
        message = f"{type(error).__name__} at {at[-1]}; please report this, then run: radtme retry {job.id}"
        _fail(context, job, FailureReason.INTERNAL_ERROR, message)
    return None


def _killed_message(settings: WorkerSettings, job_id: str) -> str:
    return (
        f"{settings.max_attempts} workers died while they processed this job, or were killed after "
        f"{settings.hard_time_limit_seconds:g} s of it; look at its objects, then run: radtme retry {job_id}"
    )


def _fail(context: TaskContext, job: Job, reason: FailureReason, message: str) -> None:
    with context.spool.ledger.writing() as connection:
        if fail_within(context.spool, connection, job, reason, message) is None:
            raise LeaseLost
        note_outcome(context.spool, job, CaseOutcome.FAILED, datetime.now(UTC), context.settings, reason)
    context.metrics.failures.labels(reason.value).inc()
    log.error("job_failed", reason=reason.value, message=message)


def _record_case(app: Celery, context: TaskContext, done: scoring.Scored) -> None:
    metrics = context.metrics
    metrics.cases.labels(done.outcome.value).inc()
    metrics.case_seconds.observe(done.seconds)
    if done.hot_probability is not None and done.phenotype is not None and not done.is_self_test:
        metrics.scores.observe(done.hot_probability)
        metrics.verdicts.labels(done.phenotype.value).inc()
    for stage, seconds in done.stage_seconds.items():
        metrics.stage_seconds.labels(stage.value).observe(seconds)
    if done.shadow is not None:
        metrics.shadow_cases.labels(done.shadow.value).inc()
    if done.engine_check is not None:
        metrics.engine_checks.labels(done.engine_check.value).inc()
    if done.reason is not None:
        metrics.not_scored.labels(done.reason.value).inc()
    reason = done.reason.value if done.reason else None
    log.info(
        "case_finished", job=done.job_id, outcome=done.outcome.value, reason=reason, seconds=round(done.seconds, 3)
    )
    if done.correction is not None and done.correction.dice is not None:
        metrics.correction_dice.labels(done.signature).observe(done.correction.dice)
    _note_routing(metrics, done)
    for target in done.targets:
        announce_delivery(app, done.job_id, target)
    with suppress(LedgerUnavailable):  # the sweep announces them
        for later in (*done.further, *ready_successors(context.spool.ledger, done.job_id)):
            announce_job(app, later)


def _note_routing(metrics: WorkerMetrics, done: scoring.Scored) -> None:
    for target in done.withheld:
        metrics.withheld.labels(target).inc()
    if done.withheld:
        log.info("result_withheld", job=done.job_id, targets=sorted(done.withheld))
    if not done.targets and done.outcome is not ResultOutcome.UNCHANGED:
        metrics.sent_nowhere.inc()
        log.warning("result_sent_nowhere", job=done.job_id, outcome=done.outcome.value)


def deliver_job(context: TaskContext, job_id: str, target_name: str) -> None:
    """Send a job's results to one target, and record the outcome; the sweep announces it again where that fails."""
    with structlog.contextvars.bound_contextvars(job=job_id, target=target_name):
        try:
            _deliver_job(context, job_id, target_name)
        except LedgerUnavailable as error:
            log.warning("delivery_waits_for_ledger", error=error.strerror)


def _deliver_job(context: TaskContext, job_id: str, target_name: str) -> None:
    allowed = targets_of_job(context.spool, job_id, context.settings.targets)
    target = next((one for one in allowed if one.name == target_name), None)
    if target is None:
        close_if_settled(context.spool, job_id, context.settings)
        log.error("target_unknown", remedy="add the target to the configuration; its results are kept until then")
        return
    outcome = _delivered(context, job_id, target)
    if outcome is None:
        return
    context.metrics.deliveries.labels(target_name, outcome.state.value).inc()
    if outcome.state is DeliveryState.DELIVERED:
        _note_turnaround(context, job_id, target_name)
    for one in outcome.sent:
        context.metrics.objects_sent.labels(target_name, one.answer.value).inc()
    for event, number in outcome.commitment.items():
        context.metrics.commitments.labels(target_name, event.value).inc(number)
    _log_delivery(outcome, sum(one.answer is StoreResult.TAKEN for one in outcome.sent))
    finished = context.spool.find_job(job_id)
    if finished is not None and finished.state is JobState.FAILED:
        context.metrics.failures.labels(FailureReason.DELIVERY_REFUSED.value).inc()


def _note_turnaround(context: TaskContext, job_id: str, target_name: str) -> None:
    job = context.spool.find_job(job_id)
    seconds = None if job is None else seconds_since_last_object(context.spool, job.record)
    if seconds is not None:
        context.metrics.turnaround_seconds.labels(target_name).observe(seconds)


def _log_delivery(outcome: DeliveryOutcome, taken: int) -> None:
    level = (
        logging.ERROR if outcome.state is DeliveryState.REFUSED else logging.WARNING if outcome.error else logging.INFO
    )
    log.log(level, "delivery_attempted", outcome=outcome.state.value, objects=taken, error=outcome.error)


def _delivered(context: TaskContext, job_id: str, target: Target) -> DeliveryOutcome | None:
    """Try to deliver once. This is a process border: any exception becomes a record and a retry."""
    try:
        return delivery.deliver(context.spool, job_id, target, context.settings)
    except SoftTimeLimitExceeded:
        why = f"the attempt took longer than {context.settings.delivery_limit_seconds:g} s"
        return _retry_later(context, job_id, target, why, too_slow=True)
    except LeaseLost:
        log.warning("delivery_taken_over")
        return None
    except Exception as error:  # noqa: BLE001
        if is_transient(error):
            log.warning("delivery_interrupted", error=getattr(error, "strerror", type(error).__name__))
        else:
            log.error("delivery_internal_error", error=type(error).__name__, at=stack_locations(error))
        why = f"{type(error).__name__} at {stack_locations(error)[-1]}"
    return _retry_later(context, job_id, target, why)


def _retry_later(
    context: TaskContext, job_id: str, target: Target, why: str, *, too_slow: bool = False
) -> DeliveryOutcome | None:
    """Record that an attempt was interrupted; if the disk refuses that too, the sweep announces the delivery again."""
    try:
        return delivery.retry_later(context.spool, job_id, target.name, context.settings, why, too_slow=too_slow)
    except OSError as error:
        if not is_transient(error):
            raise
        log.warning("delivery_record_not_written", error=error.strerror)
        return None
