"""The one-machine stack: Redis, sink, listener and workers as processes under one supervisor."""

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.configuration.environment import ENVIRONMENT_PREFIX, environment_variable
from deploy.configuration.load import DEBUG_VARIABLE, PART_VARIABLE, load_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.stack.ports import delivery_metrics_port, free_port, port_overrides
from deploy.stack.readiness import failing_checks, http_ready, port_ready
from deploy.stack.redis_server import RedisServer, redis_program
from deploy.stack.running_stack import RunningStack, only_stack, publish
from deploy.stack.supervisor import Program, StartFailed, Supervisor
from listener.broker.messages import Queue

REDIS, SINK, LISTENER, WORKERS, DELIVERY = "redis", "sink", "listener", "workers", "delivery"
STATUS_PAGE = "status page"
DRAIN_ORDER = (LISTENER, WORKERS, DELIVERY, STATUS_PAGE, SINK, REDIS)
"""The order in which parts stop: first the listener, then running jobs, then the parts that others depend on."""
RELOAD_ORDER = (LISTENER, DELIVERY, WORKERS, STATUS_PAGE)
"""The order in which parts reload a new target: first the part that accepts its commitment reports."""
LISTENER_DRAIN_SECONDS = 40.0
QUICK_DRAIN_SECONDS = 5.0
MARGIN_SECONDS = 10.0
LOG_TAIL_LINES = 5
MIN_DELIVERY_PROCESSES = 2
"""Delivery processes: one target that does not answer must not delay the others, or the scoring."""


class LocalStack:
    """A running stack. Each port 0 of its configuration is replaced by the port that was taken."""

    def __init__(
        self,
        configuration: Configuration,
        redis: RedisServer | None,
        supervisor: Supervisor,
        log_folder: Path | None,
        delivery_metrics_port: int | None = None,
    ) -> None:
        self.configuration = configuration
        self.delivery_metrics_port = delivery_metrics_port
        """None where the workers that score deliver too."""
        self.redis = redis
        self.supervisor = supervisor
        self._log_folder = log_folder

    def wait_ready(
        self,
        timeout_seconds: float,
        interrupted: Callable[[], bool] = lambda: False,
        names: Collection[str] | None = None,
    ) -> None:
        """Wait until every part (or those named) is ready, or until ``interrupted`` says stop.

        Raises
        ------
        CommandError
            If a part ends at its start.
        NotReady
            If one takes longer than ``timeout_seconds``.
        """
        try:
            self.supervisor.wait_ready(timeout_seconds, interrupted, names)
        except StartFailed as error:
            raise CommandError(str(error), self._end_of_log(error.program)) from error

    def not_ready(self) -> str:
        """Return which checks of the listener and the workers fail, as text."""
        listener, workers = self.configuration.listener, self.configuration.workers
        reasons = {
            LISTENER: failing_checks(listener.metrics_host, listener.metrics_port),
            WORKERS: failing_checks(workers.metrics_host, workers.metrics_port),
        }
        if self.delivery_metrics_port is not None:
            reasons[DELIVERY] = failing_checks(workers.metrics_host, self.delivery_metrics_port)
        return "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)

    def reload(self) -> None:
        """Make the listener and the workers reload their peers and targets."""
        running = self.supervisor.pids()
        for name in RELOAD_ORDER:
            if name in running:
                with suppress(ProcessLookupError):
                    os.kill(running[name], signal.SIGHUP)

    def drain(self, on_part: Callable[[str], None] = lambda name: None) -> None:
        """Stop the parts in order, each after it has finished its work."""
        for name in DRAIN_ORDER:
            if name in self.supervisor.pids():
                on_part(name)
            self.supervisor.drain(name)

    def _end_of_log(self, program: Program) -> str:
        if program.log_file is None:
            return "its output is above"
        lines = program.log_file.read_text(errors="replace").strip().splitlines()
        return "\n       ".join(lines[-LOG_TAIL_LINES:]) or f"{program.log_file} is empty"


@contextmanager
def local_stack(
    configuration: Configuration, log_folder: Path | None = None, *, delivery_apart: bool = True
) -> Iterator[LocalStack]:
    """Run the stack for the block; all of its processes end with the block, also after an exception.

    Parameters
    ----------
    configuration
        A port 0 means any free port.
    log_folder
        Where the output of each part goes; the standard error of this process where there is none.
    delivery_apart
        Deliver in a program of its own, so that a target that does not answer never holds up scoring. Without it, one
        program does both and is ready sooner.

    Raises
    ------
    CommandError
        If another stack runs on this data folder, a port is taken, or there is no Redis to start.
    """
    with only_stack(configuration):
        overrides = dict(port_overrides(configuration))
        redis = None if configuration.redis.is_external else RedisServer(free_port())
        if redis is not None:
            overrides["RADTME_REDIS_URL"] = redis.url
        delivery_port = delivery_metrics_port(configuration) if delivery_apart else None
        settled = load_configuration(configuration.file, {**configuration.environment, **overrides})
        if log_folder is not None:
            log_folder.mkdir(parents=True, exist_ok=True)
        with Supervisor() as supervisor:
            for program in programs(settled, redis, log_folder, delivery_port):
                supervisor.start(program)
            publish(settled, _as_published(settled, redis, delivery_port))
            yield LocalStack(settled, redis, supervisor, log_folder, delivery_port)


def programs(
    configuration: Configuration, redis: RedisServer | None, log_folder: Path | None, delivery_port: int | None
) -> Iterator[Program]:
    """Yield the parts of the stack in the order in which they start."""
    environment = child_environment(configuration, os.environ)

    def log_file(name: str) -> Path | None:
        return log_folder / f"{name}.log" if log_folder else None

    def part(
        name: str, command: Sequence[str], is_ready: Callable[[], bool], drain_seconds: float, **variables: str
    ) -> Program:
        arguments = ["--config", str(configuration.file)] if configuration.file else []
        # -P: a folder of the working directory must never shadow one of our packages.
        return Program(
            name=name,
            command=[sys.executable, "-P", "-m", "deploy", *command, *arguments],
            is_ready=is_ready,
            drain_seconds=drain_seconds,
            environment={**environment, PART_VARIABLE: "1", **variables},
            log_file=log_file(name),
        )

    listener, sink = configuration.listener, configuration.sink
    if redis is not None:
        program = [str(redis_program()), "-"]
        text = redis.configuration()
        # Celery prints a banner at warning level: always to a file.
        greeting = log_file(REDIS) or configuration.run_folder / "redis.log"
        yield Program(REDIS, program, redis.is_ready, QUICK_DRAIN_SECONDS, None, text, greeting)
    if sink.enabled:
        yield part(SINK, ["sink"], port_ready(sink.host, sink.port), QUICK_DRAIN_SECONDS)
    yield from _workers(configuration, part, delivery_port)
    if configuration.status_page.enabled:
        page = configuration.status_page
        yield part(STATUS_PAGE, ["status-page"], port_ready(page.host, page.port), QUICK_DRAIN_SECONDS)
    yield part(LISTENER, ["listen"], http_ready(listener.metrics_host, listener.metrics_port), LISTENER_DRAIN_SECONDS)


def _workers(
    configuration: Configuration, part: Callable[..., Program], delivery_port: int | None
) -> Iterator[Program]:
    workers = configuration.workers
    several = ["--concurrency", str(max(MIN_DELIVERY_PROCESSES, workers.concurrency))]
    scoring, delivering = workers.hard_time_limit_seconds, workers.delivery_limit_seconds
    ready = http_ready(workers.metrics_host, workers.metrics_port)
    if delivery_port is None:
        both = ["work", "--queues", ",".join(Queue), *several]
        yield part(WORKERS, both, ready, max(scoring, delivering) + MARGIN_SECONDS)
        return
    yield part(WORKERS, ["work", "--queues", Queue.COMPUTE], ready, scoring + MARGIN_SECONDS)
    yield part(
        DELIVERY,
        ["work", "--queues", Queue.DELIVERY, *several],
        http_ready(workers.metrics_host, delivery_port),
        delivering + MARGIN_SECONDS,
        **{environment_variable("workers.metrics_port"): str(delivery_port)},
    )


def child_environment(configuration: Configuration, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a part: ours, with those of our variables that the configuration was read with.

    A configuration that was read without the environment, as in the demo, must be read without it in the parts, too.
    """
    others = {name: value for name, value in inherited.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    debug = {name: inherited[name] for name in (DEBUG_VARIABLE,) if name in inherited}
    return {**others, **debug, **configuration.environment}


def _as_published(
    configuration: Configuration, redis: RedisServer | None, delivery_metrics_port: int | None
) -> RunningStack:
    return RunningStack(
        listener_port=configuration.listener.port,
        listener_metrics_port=configuration.listener.metrics_port,
        workers_metrics_port=configuration.workers.metrics_port,
        delivery_metrics_port=delivery_metrics_port,
        redis_url=redis.url if redis else "",
        sink_port=configuration.sink.port if configuration.sink.enabled else None,
    )
