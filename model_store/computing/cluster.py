"""The Dask cluster of a study: processes of this machine, or the workers of a scheduler that runs elsewhere."""

import logging
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Self

from model_store.computing.attendance import Attendance, Say, gone, installed_version, say_nothing
from model_store.errors import ComputingError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 0,
    # On a busy machine, a process that replaces another needs longer than the 15 s after which it is given up.
    "distributed.deploy.lost-worker-timeout": "1 day",
    # Code in C may keep a process from answering for as long as a task may take.
    "distributed.scheduler.worker-ttl": "1 hour",
    # A worker that was paused, because it holds much memory, would never go on: it has nothing to write to disk.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
    # What Dask's dashboard shows, and nobody looks at: the scheduler and each process measured themselves 52 times a
    # second, which took 5 % of a core.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "1 minute",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.preload": ["model_store.computing.process_start"],
    # A fold's table of 5,000 cases has 37 MB, and takes a moment to send and minutes to train on.
    "distributed.admin.large-graph-warning-threshold": "1 GiB",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.nanny.pre-spawn-environ.ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": 1,
    # Dask has the C library give memory back at once: every array is then mapped and zeroed anew, page by page.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}
"""Of the processes of this machine. The caller decides whether a task whose process died is tried again."""
CONNECT_SECONDS = 20
LOOK_SECONDS = 1.0
AHEAD = 2
"""Tasks that are handed out for each process, so that none waits for its next one."""


class _WorkersGone(Exception):
    """The workers that a task was sent to are not there any more."""


class Cluster:
    """Starts with the first task and ends with the block that it is opened in, Ctrl-C included.

    The processes of this machine talk over TLS with keys of their own, and end with this process, however it ends.
    """

    def __init__(self, jobs: int = 0, scheduler: str = "", say: Say = say_nothing) -> None:
        """Take ``jobs`` processes of this machine (0: one for each core), or the workers of a Dask scheduler.

        ``scheduler`` is its address, such as ``tcp://host:8786``; then ``jobs`` has no meaning. ``say`` is told which
        of its workers cannot be used, and that there are none.
        """
        self._say = say
        self._attendance: Attendance | None = None
        self._chosen: dict[Any, set[str]] = {}
        """The workers that a task was sent to, by its key; empty: all."""
        self._scheduler = scheduler
        self._jobs = jobs or len(os.sched_getaffinity(0))
        self._client: Client | None = None
        self._local: LocalCluster | None = None
        self._ending = ExitStack()
        self.leaving: set[str] = set()
        """Addresses of workers whose task took too long: they end themselves, and get no other before."""

    def __enter__(self) -> Self:
        """Return the cluster, which is not started yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the processes of this machine, or leave the scheduler. After Ctrl-C or an error, they finish nothing."""
        if kind is not None:
            self._kill_processes()
        self._ending.close()
        self._client = self._local = self._attendance = None

    def _kill_processes(self) -> None:
        """End the processes of this machine at once: Dask would wait for what they do, for seconds."""
        for nanny in self._local.workers.values() if self._local is not None else ():
            nanny.auto_restart = False
            if nanny.process is not None and nanny.process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(nanny.process.pid, signal.SIGKILL)

    def workers(self, tasks: int) -> tuple[str, ...]:
        """Return the addresses of the workers that can be given work now.

        Raises
        ------
        ComputingError
            The scheduler is gone, or there has been no such worker for long.
        """
        client = self.client(tasks)
        if self._attendance is None:
            self._attendance = Attendance(client, self._scheduler, self._say)
        return self._attendance.fit()

    def client(self, tasks: int) -> "Client":
        """Return the Dask client, with as many processes as there is work for.

        Raises
        ------
        ComputingError
            The scheduler cannot be reached, or its workers cannot do the work.
        """
        if self._client is None:
            import dask
            import distributed  # noqa: F401  its defaults have to be there before they are changed for a time

            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # who waits for a task says what became of it
            folder = self._ending.enter_context(tempfile.TemporaryDirectory(prefix="radtme-"))
            self._ending.enter_context(dask.config.set({**CONFIGURATION, "temporary-directory": folder}))
            self._client = self._connected() if self._scheduler else self._started(folder)
        wanted = min(self._jobs, tasks)
        if self._local is not None and len(self._local.worker_spec) < wanted:
            self._local.scale(wanted)
        return self._client

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        """Do as the built-in `map`: results in order, and an exception of the function as it is.

        Raises
        ------
        ComputingError
            The scheduler is gone, or a task ended its process twice.
        """
        from distributed import KilledWorker

        waiting = deque(zip(*arguments, strict=False))
        sent: deque[tuple[Future[Any], tuple[Any, ...]]] = deque()
        while waiting or sent:
            while waiting and len(sent) < AHEAD * max(1, len(self.workers(len(waiting) + len(sent)))):
                sent.append((self._submit(function, waiting[0]), waiting.popleft()))
            future, task = sent.popleft()
            try:
                result = self._result(future)
            except (KilledWorker, _WorkersGone):
                result = self._second_result(self._submit(function, task))
            yield result

    def _submit(self, function: Callable[..., Any], task: tuple[Any, ...]) -> "Future[Any]":
        """Send a task, and where some workers are not fit, to the others alone."""
        while not (workers := self.workers(1)) and self._scheduler:
            time.sleep(LOOK_SECONDS)
        chosen = list(workers) if self._attendance and self._attendance.objections() else None
        future = self.client(1).submit(function, *task, pure=False, workers=chosen)
        self._chosen[future.key] = set(chosen or ())
        return future

    def _result(self, future: "Future[Any]") -> Any:
        from distributed.client import FutureCancelledError

        chosen = self._chosen.pop(future.key)
        try:
            while not future.done():
                try:
                    return future.result(timeout=LOOK_SECONDS)
                except TimeoutError:
                    workers = self.workers(1)  # says that there are none
                    if chosen and chosen.isdisjoint(workers) and not future.done():
                        raise _WorkersGone from None
            return future.result()
        except FutureCancelledError as error:
            raise gone() from error

    def _second_result(self, future: "Future[Any]") -> Any:
        from distributed import KilledWorker

        try:
            return self._result(future)
        except (KilledWorker, _WorkersGone) as error:
            raise ComputingError(
                "the process of a task was ended each time it was tried, as where memory runs out; take fewer "
                "processes (jobs) or a machine with more memory, and run the same command: what was finished is kept"
            ) from error

    def _started(self, folder: str) -> "Client":
        """Start the scheduler. What a process that is killed has in its temporary folder goes with ``folder``."""
        from distributed import Client, LocalCluster

        from model_store.computing.local_security import LocalSecurity

        resource_tracker.ensure_running()  # the first process of a program starts it, and lets Ctrl-C through then
        with _interrupts_held():  # processes inherit that Ctrl-C is not for them
            self._local = self._ending.enter_context(
                LocalCluster(
                    n_workers=0,
                    threads_per_worker=1,
                    memory_limit=0,
                    security=LocalSecurity.temporary(),  # type: ignore[no-untyped-call]
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                    env={"TMPDIR": folder},
                )
            )
            client: Client = self._ending.enter_context(Client(self._local, set_as_default=False))
        return client

    def _connected(self) -> "Client":
        from distributed import Client

        try:
            client: Client = Client(self._scheduler, set_as_default=False, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            raise ComputingError(
                f"no Dask scheduler answers at {self._scheduler}; start one with dask scheduler, or leave scheduler out"
            ) from error
        self._ending.enter_context(client)
        _require_scheduler(client, self._scheduler)
        self._attendance = Attendance(client, self._scheduler, self._say)
        if not self._attendance.fit() and (objections := self._attendance.objections()):
            raise ComputingError(f"no worker of {self._scheduler} can be used: each {'; or '.join(sorted(objections))}")
        return client


def _require_scheduler(client: "Client", scheduler: str) -> None:
    """Refuse a scheduler that cannot run radtme, or has another version of it."""
    ours = installed_version()
    try:
        theirs = client.run_on_scheduler(installed_version)
    except Exception as error:
        raise ComputingError(
            f"{scheduler} cannot run radtme: {type(error).__name__}; install radtme[study] {ours} there"
        ) from error
    if theirs != ours:
        raise ComputingError(
            f"{scheduler} has radtme {theirs}, this machine has {ours}; install the same version everywhere"
        )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
