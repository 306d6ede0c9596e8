"""The workers' metrics. Each help text is a question of the person on call."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from listener.ledger.deliveries import DeliveryState
from listener.spool.job_record import JobRecord
from listener.spool.spool import Spool
from listener.tls.certificate_metrics import CertificateCollector
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry
from workers.delivery.commitment import CommitmentOutcome
from workers.errors import FailureReason, Reason
from workers.features.engine.choice import EngineCheck
from workers.metrics.assessments import AssessmentCollector
from workers.metrics.deliveries import DeliveryCollector
from workers.metrics.processes import PoolCollector
from workers.metrics.recent_cases import DriftCollector, RecentCases
from workers.notifications.event import notifications_folder
from workers.notifications.notifier import WebhookOutcome, pending
from workers.scoring.case_result import Phenotype, ResultOutcome
from workers.scoring.shadow_record import ShadowOutcome
from workers.settings import WorkerSettings
from workers.stages import Stage
from workers.targets.store_status import StoreResult
from workers.targets.target import Target

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
TURNAROUND = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def share_between_processes(folder: Path) -> None:
    """Keep all values in files below ``folder``, so that the pool's processes add up; call before `WorkerMetrics`.

    prometheus_client decides this when it is imported, from the environment. Which module imports it first must not
    decide whether an operator sees numbers, so the choice is made again here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.db"):
        stale.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def forget_process(pid: int) -> None:
    """Drop the gauges of a pool process that ended."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class WorkerMetrics:
    """The workers' counters, made once per process tree."""

    cases: Counter
    not_scored: Counter
    shadow_cases: Counter
    engine_checks: Counter
    scores: Histogram
    verdicts: Counter
    correction_dice: Histogram
    stage_seconds: Histogram
    case_seconds: Histogram
    turnaround_seconds: Histogram
    deliveries: Counter
    withheld: Counter
    sent_nowhere: Counter
    objects_sent: Counter
    commitments: Counter
    failures: Counter
    webhook: Counter


def worker_metrics() -> WorkerMetrics:
    """Declare the counters; they live in no registry, the multiprocess collector finds their files."""
    return WorkerMetrics(
        cases=Counter("radtme_cases", "How did cases end?", ["outcome"], registry=None),
        not_scored=Counter("radtme_cases_not_scored", "Why were cases not scored?", ["reason"], registry=None),
        shadow_cases=Counter(
            "radtme_shadow_cases",
            "Does the shadow signature agree with the active one, and can it be used?",
            ["outcome"],
            registry=None,
        ),
        engine_checks=Counter(
            "radtme_engine_checks",
            "Do radtme's feature engine and pyradiomics give the same values where both measure a case?",
            ["outcome"],
            registry=None,
        ),
        scores=Histogram(
            "radtme_score",
            "How are the scores distributed, from 0 (cold) to 1 (hot)?",
            buckets=SCORES,
            registry=None,
        ),
        verdicts=Counter(
            "radtme_verdicts",
            "How many scored cases are hot, how many cold, and of how many is that uncertain?",
            ["phenotype"],
            registry=None,
        ),
        correction_dice=Histogram(
            "radtme_outline_correction_dice",
            "How well do corrected outlines agree with the ones that they replace (Dice), by signature?",
            ["signature"],
            buckets=SCORES,
            registry=None,
        ),
        stage_seconds=Histogram(
            "radtme_stage_seconds",
            "How long does each processing stage take?",
            ["stage"],
            buckets=SECONDS,
            registry=None,
        ),
        case_seconds=Histogram(
            "radtme_case_seconds",
            "How long does a case take, from the start in a worker to the written results?",
            buckets=SECONDS,
            registry=None,
        ),
        turnaround_seconds=Histogram(
            "radtme_turnaround_seconds",
            "How long does it take from the last received object of a case to the delivery of its results, by target?",
            ["target"],
            buckets=TURNAROUND,
            registry=None,
        ),
        deliveries=Counter(
            "radtme_deliveries",
            "How did attempts to deliver a case end, by target?",
            ["target", "outcome"],
            registry=None,
        ),
        withheld=Counter(
            "radtme_results_withheld",
            "How many cases did the filter of each target hold back?",
            ["target"],
            registry=None,
        ),
        sent_nowhere=Counter(
            "radtme_results_sent_nowhere",
            "How many cases have results that no target gets?",
            registry=None,
        ),
        objects_sent=Counter(
            "radtme_objects_sent",
            "How many objects did each target accept or refuse?",
            ["target", "answer"],
            registry=None,
        ),
        commitments=Counter(
            "radtme_commitments",
            "How many commitment requests were sent or unanswered, and how many objects committed or failed?",
            ["target", "outcome"],
            registry=None,
        ),
        failures=Counter(
            "radtme_jobs_failed", "How many jobs failed and need attention, by reason?", ["reason"], registry=None
        ),
        webhook=Counter(
            "radtme_webhook_requests",
            "How did requests to the webhook end?",
            ["outcome"],
            registry=None,
        ),
    )


class ActiveSignature(Collector):
    """Which signature is active, read from the registry's pointer at each scrape."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Yield 1 under the active signature's labels, and whether it can be used."""
        info = GaugeMetricFamily(
            "radtme_active_signature",
            "Which signature is active? The value is always 1.",
            labels=["id", "version", "digest"],
        )
        usable = GaugeMetricFamily(
            "radtme_signature_usable",
            "Is the active signature verified, and does the canary case give its expected values? 1: yes, 0: no.",
        )
        try:
            signature = self._registry.active()
        except SignatureError:
            usable.add_metric([], 0)
        else:
            info.add_metric([signature.id, signature.version, signature.digest[:12]], 1)
            usable.add_metric([], 1)
        return (info, usable)


def start_at_zero(metrics: WorkerMetrics, targets: Iterable[str]) -> None:
    """Create every counter whose labels are a closed set at zero: Prometheus cannot see an increase from nothing.

    Call it in the main process, which lives as long as its metrics do.
    """
    closed_sets: tuple[tuple[Counter | Histogram, type[StrEnum]], ...] = (
        (metrics.cases, ResultOutcome),
        (metrics.not_scored, Reason),
        (metrics.shadow_cases, ShadowOutcome),
        (metrics.engine_checks, EngineCheck),
        (metrics.failures, FailureReason),
        (metrics.webhook, WebhookOutcome),
        (metrics.verdicts, Phenotype),
        (metrics.stage_seconds, Stage),
    )
    for metric, labels in closed_sets:
        for label in labels:
            metric.labels(label.value)
    for target in targets:
        _start_target_at_zero(metrics, target)


def _start_target_at_zero(metrics: WorkerMetrics, target: str) -> None:
    metrics.turnaround_seconds.labels(target)
    metrics.withheld.labels(target)
    for answer in StoreResult:
        metrics.objects_sent.labels(target, answer.value)
    for state in DeliveryState:
        metrics.deliveries.labels(target, state.value)
    for event in CommitmentOutcome:
        metrics.commitments.labels(target, event.value)


class TargetCertificates(Collector):
    """The certificates that we show to targets; their roles are ``target_`` and the target's name."""

    def __init__(self, targets: Callable[[], Iterable[Target]]) -> None:
        self._targets = targets

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of the certificates in use now."""
        shown = {f"target_{target.name}": target.tls.certificate for target in self._targets() if target.tls}
        return CertificateCollector(shown).collect()


def scrape_registry(
    folder: Path, registry: Registry, settings: WorkerSettings, targets: Callable[[], tuple[Target, ...]] | None = None
) -> CollectorRegistry:
    """Return the content of ``/metrics``: sums over all processes, the signature, its drift, and pending deliveries."""
    spool = Spool(settings.spool, settings.ledger_url)
    current = targets or (lambda: settings.targets)
    deliveries = DeliveryCollector(spool, lambda: [target.name for target in current()])

    def ledger_answers() -> bool:  # as found by the deliveries, which are collected first
        return deliveries.ledger_answered

    collectors = CollectorRegistry()
    MultiProcessCollector(collectors, str(folder))  # type: ignore[no-untyped-call]
    collectors.register(ActiveSignature(registry))
    collectors.register(PoolCollector(os.getpid()))
    collectors.register(TargetCertificates(current))
    collectors.register(deliveries)
    collectors.register(WebhookCollector(spool))
    collectors.register(AssessmentCollector(spool, ledger_answers))
    collectors.register(DriftCollector(RecentCases(spool, ledger_answers), partial(_active_digest, registry)))
    return collectors


class WebhookCollector(Collector):
    """The notifications that wait to be sent."""

    def __init__(self, spool: Spool) -> None:
        self._folder = notifications_folder(spool)

    def collect(self) -> Iterable[Metric]:
        """Yield the number of waiting notifications."""
        help_text = "How many notifications wait for delivery to the webhook?"
        return (GaugeMetricFamily("radtme_webhook_waiting", help_text, value=len(pending(self._folder))),)


def _active_digest(registry: Registry) -> str | None:
    try:
        return registry.active().digest
    except SignatureError:
        return None


def seconds_since_last_object(spool: Spool, job: JobRecord) -> float | None:
    """Return the seconds since the last of a job's objects arrived; None where none is left."""
    arrivals = [path.stat().st_mtime for path in _paths(spool, job) if path.exists()]
    return max(0.0, time.time() - max(arrivals)) if arrivals else None


def _paths(spool: Spool, job: JobRecord) -> Iterator[Path]:
    yield spool.instance_path(job.study_uid, job.seg.series_uid, job.seg.sop_instance_uid)
    for series, instances in (job.instances or {}).items():
        for instance in instances:
            yield spool.instance_path(job.study_uid, series, instance)
