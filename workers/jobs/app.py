"""The Celery application and the worker process."""

import gc
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from celery import Celery, signals
from celery.apps import worker as celery_worker
from celery.apps.worker import Worker
from redis import Redis
from redis.exceptions import RedisError

from listener.audit.events import application_activity, software_changed
from listener.audit.trail import AuditLog, NotAudited
from listener.broker.messages import Queue
from listener.runtime.health import HealthServer
from listener.runtime.heartbeat import Heartbeat, Part
from listener.runtime.loading import without_collections
from listener.runtime.logger import Logger
from listener.spool.spool import Spool
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry, shipped_bundle
from model_store.signatures.shadow import Shadow
from workers.jobs import preloading, tasks
from workers.jobs.idle_search import IdleSearch
from workers.jobs.lost_acknowledgement import reconnect_after_lost_acknowledgements
from workers.jobs.target_reload import FORK_LOCK, TargetReload, start_reloading
from workers.metrics import counters as metrics
from workers.notifications.notifier import Notifier
from workers.scoring.checked_registry import CheckedRegistry
from workers.settings import WorkerSettings
from workers.targets.current_targets import CurrentTargets
from workers.targets.target import Target

CASES_PER_PROCESS = 500
"""A pool process is replaced after this many tasks, to limit slow memory leaks in libraries."""

PROCESS_START_SECONDS = 60.0
"""How long the warm-up of a pool process may take before the process is replaced."""

log = Logger(__name__)


def create_app(settings: WorkerSettings) -> Celery:
    """Return a Celery app that acknowledges late, prefetches one message, and accepts JSON only."""
    app = Celery("radtme", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=Queue.COMPUTE.value,
        task_soft_time_limit=settings.soft_time_limit_seconds,
        task_time_limit=settings.hard_time_limit_seconds,
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.concurrency,
        # A process reports that it is up after its warm-up, which loads the signature and measures the feature canary.
        worker_proc_alive_timeout=PROCESS_START_SECONDS,
        worker_max_tasks_per_child=CASES_PER_PROCESS,
        # Otherwise any client that can write to Redis could stop or reconfigure the workers.
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # what Redis answers while it takes no messages
        worker_consumer="workers.jobs.waiting_consumer:WaitingConsumer",
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout_seconds,
            "socket_connect_timeout": 5,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "retry_on_timeout": True,
        },
    )
    reconnect_after_lost_acknowledgements(app)
    return app


class _Worker(Worker):  # type: ignore[misc]
    """Keeps the SIGHUP handler of the calling program; Celery's own handler restarts the program."""

    def install_platform_tweaks(self, worker: Worker) -> None:
        """Install Celery's signal handlers, except for SIGHUP. None of them prints into our log."""
        celery_worker.safe_say = lambda *_: None
        ours = signal.getsignal(signal.SIGHUP)
        super().install_platform_tweaks(worker)
        signal.signal(signal.SIGHUP, ours)


def run_worker(
    settings: WorkerSettings, queues: Sequence[str] = tuple(Queue), renewal: TargetReload | None = None
) -> int:
    """Run the worker until it is stopped, and return the exit code; SIGTERM and SIGINT let running jobs finish.

    ``renewal`` provides new targets at run time: tasks that begin after a reload use them.
    """
    spool = Spool(settings.spool, settings.ledger_url, settings.lease_seconds)
    spool.prepare()
    with tempfile.TemporaryDirectory(prefix="radtme-metrics-") as folder:
        registry = CheckedRegistry(settings.model_store, Path(folder), settings.engine)
        _ensure_signature(registry, AuditLog(settings.audit))
        metrics.share_between_processes(Path(folder))
        app = create_app(settings)
        at_work = threading.Event()
        targets = CurrentTargets(Path(folder) / "targets.json", settings.targets)
        context = tasks.TaskContext(settings, spool, registry, metrics.worker_metrics(), Shadow(registry), targets)
        metrics.start_at_zero(context.metrics, (target.name for target in settings.targets))
        tasks.register(app, context)
        server = HealthServer(
            settings.metrics_host,
            settings.metrics_port,
            metrics.scrape_registry(Path(folder), registry, settings, targets.get),
            liveness=lambda: {"worker": True},
            readiness=lambda: {**readiness(settings, spool, registry), "worker": at_work.is_set()},
        )
        _on_signals(registry, server, at_work, scores=Queue.COMPUTE in queues)
        worker = _Worker(
            app=app,
            hostname=f"radtme-{os.getpid()}@%h",
            queues=list(queues),
            concurrency=settings.concurrency,
            # Processes, not threads: a case that exhausts memory or crashes a decoder ends only its own process.
            pool="prefork",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        if renewal is not None:
            start_reloading(renewal, partial(_take_over, app, worker, context, targets))
        notifier = _notifier(spool, settings, context.metrics) if Queue.DELIVERY in queues else None
        search = IdleSearch(spool, settings.redis_url, queues)
        heartbeat = Heartbeat(spool.parts, [Part(queue) for queue in queues])
        # Started before the worker connects, so that health requests are answered while Redis is down.
        server.start()
        log.info("health_server_started", metrics_port=server.port)
        try:
            with _audited(settings):
                for thread in (notifier, search, heartbeat):
                    if thread is not None:
                        thread.start()
                # What is loaded stays: a collection in a pool process would write to it, and so copy it.
                gc.freeze()
                worker.start()
        finally:
            heartbeat.stop()
            search.stop()
            server.stop()
            if notifier is not None:
                notifier.stop()
        log.info("worker_stopped")
        return int(worker.exitcode or 0)


def _notifier(spool: Spool, settings: WorkerSettings, counters: metrics.WorkerMetrics) -> Notifier | None:
    if settings.webhook is None:
        return None
    return Notifier(spool, settings, lambda telling: counters.webhook.labels(telling.value).inc())


def _take_over(
    app: Celery, worker: _Worker, context: tasks.TaskContext, current: CurrentTargets, targets: tuple[Target, ...]
) -> None:
    metrics.start_at_zero(context.metrics, (target.name for target in targets))
    tasks.limit_deliveries(app, replace(context.settings, targets=targets))
    if worker.consumer is not None:  # it caches the limits
        worker.consumer.update_strategies()
    current.put(targets)
    log.info("targets_replaced", targets=[target.name for target in targets])


@contextmanager
def _audited(settings: WorkerSettings) -> Iterator[None]:
    """Audit the start of the workers, and their orderly shutdown."""
    audit = AuditLog(settings.audit)
    audit.write(application_activity("workers", [settings.ae_title], started=True))
    yield
    with suppress(NotAudited):  # the trail then shows a start without an end
        audit.write(application_activity("workers", [settings.ae_title], started=False))


def _ensure_signature(registry: Registry, audit: AuditLog) -> None:
    try:
        if registry.awaits_shipped():
            before = registry.current()
            changes = [
                f"activate {shipped_bundle().name}, which comes with the program",
                f"active before: {before.name if before else 'none'}",
            ]
            audit.write(software_changed("workers", f"radtme:signature:{shipped_bundle().name}", changes))
        registry.ensure_shipped()
    except SignatureError as error:  # intake and delivery continue; each case reports why it is not scored
        log.error("signature_unusable", error=str(error))


def readiness(settings: WorkerSettings, spool: Spool, registry: Registry) -> dict[str, bool]:
    """Return the worker's dependencies, each with whether it is available."""
    checks = {"spool": os.access(spool.root, os.W_OK), "redis": True, "signature": True}
    try:
        Redis.from_url(settings.redis_url, socket_connect_timeout=1, socket_timeout=1).ping()
    except RedisError:
        checks["redis"] = False
    try:
        with FORK_LOCK:  # to load a signature imports modules: see `preloading`
            registry.active()
    except SignatureError:
        checks["signature"] = False
    return checks


def _on_signals(registry: CheckedRegistry, server: HealthServer, at_work: threading.Event, *, scores: bool) -> None:
    if scores:
        with without_collections():
            preloading.load_libraries()

    # weak=False keeps the closures alive: by default Celery holds only weak references to receivers.
    def warm_up(**_: object) -> None:
        server.stop_serving()
        if scores:
            preloading.warm_up(registry)

    def ready(**_: object) -> None:
        at_work.set()
        log.info("worker_ready")

    # A receiver of its own keeps Celery from setting the root logger's level and handlers.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    signals.worker_process_init.connect(warm_up, weak=False)
    signals.worker_process_shutdown.connect(lambda pid, **_: metrics.forget_process(pid), weak=False)
    signals.worker_ready.connect(ready, weak=False)
