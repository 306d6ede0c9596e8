"""The Celery tasks: claim, call, write, ring. What a message carries is an id; everything else lies in the spool."""

import logging
import time
from dataclasses import dataclass, replace

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery

from listener.audit.trail import NotAudited
from listener.broker.announce_once import ring_delivery, ring_scoring
from listener.broker.messages import DELIVER_TASK, SCORE_TASK
from listener.runtime.fault_points import FaultPoint, reach
from listener.runtime.safe_errors import places
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool, fail
from listener.spool.timestamps import now
from model_store.signatures.registry import Registry
from model_store.signatures.shadow import Shadow
from workers.delivery import deliver as delivery
from workers.delivery.record import State
from workers.delivery.visit import Delivery
from workers.errors import FailureReason
from workers.jobs import attempts as ledger
from workers.jobs import score_job as scoring
from workers.metrics.counters import WorkerMetrics, seconds_since_last_object
from workers.notifications.event import note_outcome
from workers.resources import is_of_the_machine, is_out_of_memory, memory_limited
from workers.settings import DELIVERY_GRACE_SECONDS, Outcome, WorkerSettings
from workers.targets.current_targets import CurrentTargets
from workers.targets.self_test_targets import targets_of_job
from workers.targets.store_status import Answer
from workers.targets.target import Target


def is_passing(error: Exception) -> bool:
    """Tell whether the job can be done later as it is: the machine, or its audit trail, refused something."""
    return isinstance(error, NotAudited) or is_of_the_machine(error)


log = structlog.get_logger()


@dataclass(frozen=True)
class Bench:
    """What a task works with."""

    settings: WorkerSettings
    spool: Spool
    registry: Registry
    metrics: WorkerMetrics
    shadow: Shadow | None = None
    targets: CurrentTargets | None = None
    """None: those of the settings, for good."""

    def renewed(self) -> "Bench":
        """Return the same bench with the targets as they are now: for one task."""
        if self.targets is None:
            return self
        return replace(self, settings=replace(self.settings, targets=self.targets.get()))


def register(app: Celery, bench: Bench) -> None:
    """Give the app its two tasks."""

    @app.task(name=SCORE_TASK, shared=False)  # type: ignore[untyped-decorator]
    def score(job_id: str) -> None:
        score_job(app, bench.renewed(), job_id)

    @app.task(name=DELIVER_TASK, shared=False)  # type: ignore[untyped-decorator]
    def deliver(job_id: str, target: str) -> None:
        deliver_job(bench.renewed(), job_id, target)

    limit_deliveries(app, bench.settings)


def limit_deliveries(app: Celery, settings: WorkerSettings) -> None:
    """Give a delivery the time that its targets need at the most. A running consumer has to be told to look again."""
    limit = settings.delivery_limit_seconds
    task = app.tasks[DELIVER_TASK]
    task.soft_time_limit, task.time_limit = limit, limit + DELIVERY_GRACE_SECONDS


def score_job(app: Celery, bench: Bench, job_id: str) -> None:
    """Score a job, unless it is done, in another worker's hands, or has killed its worker too often."""
    with structlog.contextvars.bound_contextvars(job=job_id):
        try:
            with ledger.claimed(bench.spool, job_id) as job:
                done = _attempted(bench, job)
        except OSError as error:
            if not is_passing(error):
                raise
            log.warning("job_not_claimed", error=error.strerror)
            return
    if done is not None:
        _tell(app, bench, done)


def _attempted(bench: Bench, job: Job | None) -> scoring.Scored | None:
    """Begin an attempt at a claimed job; a machine that fails meanwhile costs the job nothing but time."""
    if job is None:
        log.info("nothing_to_score")
        return None
    earlier = scoring.earlier_version_in_work(bench.spool, job)
    if earlier is not None:
        log.info("waits_for_earlier_version", earlier=earlier)
        bench.spool.move(job, JobState.READY)
        return None
    attempt = 0
    try:
        reach(FaultPoint.SCORE_CLAIMED)
        attempt = ledger.begin_attempt(job)
        reach(FaultPoint.SCORE_COUNTED)
        if attempt > bench.settings.max_attempts:
            _fail(bench, job, FailureReason.WORKER_KILLED, _killed_message(bench.settings, job.id))
            return None
        return _scored(bench, job)
    except OSError as error:
        if not is_passing(error):
            raise
        why = error.strerror or type(error).__name__
        log.warning("job_given_back", error=why)
        ledger.give_back(bench.spool, job, why, counted=attempt > 0)
        return None


def _scored(bench: Bench, job: Job) -> scoring.Scored | None:
    """Run the job. The border of the process: whatever comes becomes a result, another try, or a failure record."""
    begin = time.perf_counter()
    try:
        try:
            with memory_limited(bench.settings.max_job_memory_bytes):
                return scoring.run(bench.spool, job, bench.registry, bench.settings, shadow=bench.shadow)
        except SoftTimeLimitExceeded:
            ended_by = scoring.took_too_long(bench.settings)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            ended_by = scoring.took_too_much(bench.settings)
        # Only now: while its exception is handled, what the case had allocated is still there.
        ended = scoring.run(bench.spool, job, bench.registry, bench.settings, ended_by=ended_by)
        return replace(ended, seconds=time.perf_counter() - begin)
    except Exception as error:
        if is_passing(error):
            raise
        # The text of an exception may quote an element of the dataset; its type and place cannot.
        log.error("job_broke", error=type(error).__name__, at=places(error))
        message = f"{type(error).__name__} at {places(error)[-1]}; please report this, then run: radtme retry {job.id}"
        _fail(bench, job, FailureReason.INTERNAL_ERROR, message)
    return None


def _killed_message(settings: WorkerSettings, job_id: str) -> str:
    return (
        f"{settings.max_attempts} workers died while they worked on this job, or were ended after "
        f"{settings.hard_time_limit_seconds:g} s of it; look at its objects, then run: radtme retry {job_id}"
    )


def _fail(bench: Bench, job: Job, reason: FailureReason, message: str) -> None:
    note_outcome(bench.spool, job, Outcome.FAILED, now(), bench.settings, reason.value)
    fail(bench.spool, job, reason, message)
    bench.metrics.failures.labels(reason.value).inc()
    log.error("job_failed", reason=reason.value, message=message)


def _tell(app: Celery, bench: Bench, done: scoring.Scored) -> None:
    metrics = bench.metrics
    metrics.cases.labels(done.outcome).inc()
    metrics.case_seconds.observe(done.seconds)
    if done.hot_probability is not None and done.phenotype is not None and not done.is_self_test:
        metrics.scores.observe(done.hot_probability)
        metrics.verdicts.labels(done.phenotype).inc()
    for stage, seconds in done.stage_seconds.items():
        metrics.stage_seconds.labels(stage.value).observe(seconds)
    if done.shadow is not None:
        metrics.shadow_cases.labels(done.shadow).inc()
    if done.reason is not None:
        metrics.not_scored.labels(done.reason.value).inc()
    reason = done.reason.value if done.reason else None
    log.info("case_finished", job=done.job_id, outcome=done.outcome, reason=reason, seconds=round(done.seconds, 3))
    for target in done.targets:
        ring_delivery(app, done.job_id, target)
    for later in scoring.later_versions(bench.spool, done.job_id):
        ring_scoring(app, later)


def deliver_job(bench: Bench, job_id: str, target_name: str) -> None:
    """Send a job's results to one target, and write down what it took."""
    with structlog.contextvars.bound_contextvars(job=job_id, target=target_name):
        allowed = targets_of_job(bench.spool, job_id, bench.settings.targets)
        target = next((one for one in allowed if one.name == target_name), None)
        if target is None:
            delivery.close_if_settled(bench.spool, job_id, bench.settings)
            log.error("target_unknown", remedy="add the target to the configuration; its results are kept until then")
            return
        outcome = _delivered(bench, job_id, target)
        if outcome is None:
            return
        bench.metrics.deliveries.labels(target_name, outcome.state.value).inc()
        if outcome.state is State.DELIVERED:
            _note_turnaround(bench, job_id, target_name)
        for one in outcome.sent:
            bench.metrics.objects_sent.labels(target_name, one.answer.value).inc()
        for event, number in outcome.commitment.items():
            bench.metrics.commitments.labels(target_name, event.value).inc(number)
        _tell_of(outcome, sum(one.answer is Answer.TAKEN for one in outcome.sent))
        finished = bench.spool.find_job(job_id)
        if finished is not None and finished.state is JobState.FAILED:
            bench.metrics.failures.labels(FailureReason.DELIVERY_REFUSED.value).inc()


def _note_turnaround(bench: Bench, job_id: str, target_name: str) -> None:
    job = bench.spool.find_job(job_id)
    content = None if job is None else job.read_optional("job.json")
    seconds = None if content is None else seconds_since_last_object(bench.spool, content)
    if seconds is not None:
        bench.metrics.turnaround_seconds.labels(target_name).observe(seconds)


def _tell_of(outcome: Delivery, taken: int) -> None:
    level = logging.ERROR if outcome.state is State.REFUSED else logging.WARNING if outcome.error else logging.INFO
    log.log(level, "delivery_tried", outcome=outcome.state.value, objects=taken, error=outcome.error)


def _delivered(bench: Bench, job_id: str, target: Target) -> Delivery | None:
    """Try once. The border of the process: whatever comes becomes a written record and a next try."""
    try:
        return delivery.deliver(bench.spool, job_id, target, bench.settings)
    except SoftTimeLimitExceeded:
        why = f"the visit took longer than {bench.settings.delivery_limit_seconds:g} s"
        return _put_off(bench, job_id, target, why, too_slow=True)
    except Exception as error:  # noqa: BLE001
        if is_passing(error):
            log.warning("delivery_interrupted", error=getattr(error, "strerror", type(error).__name__))
        else:
            log.error("delivery_broke", error=type(error).__name__, at=places(error))
        why = f"{type(error).__name__} at {places(error)[-1]}"
    return _put_off(bench, job_id, target, why)


def _put_off(bench: Bench, job_id: str, target: Target, why: str, *, too_slow: bool = False) -> Delivery | None:
    """Write down that a visit was cut short; where the disk refuses that too, the sweep rings for it again."""
    try:
        return delivery.put_off(bench.spool, job_id, target.name, bench.settings, why, too_slow=too_slow)
    except OSError as error:
        if not is_passing(error):
            raise
        log.warning("delivery_not_noted", error=error.strerror)
        return None
