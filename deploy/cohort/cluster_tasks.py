"""Tasks on a cluster, one at a time in each process: one that goes wrong is reported, and the others continue."""

import faulthandler
import math
import os
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import uuid4

from listener.runtime.safe_errors import stack_locations
from model_store.computing.attendance import gone
from model_store.computing.cluster import Cluster

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")
WORKER_KILLED = "worker_killed"
KILLED = "its process was ended each time it was tried, by a crash or because memory ran out"
LIMIT_SECONDS = 1800.0
"""Time limit of one task from its begin, however long others kept it waiting; after it, its process is ended."""
GRACE_SECONDS = 5.0
"""How much later the process ends itself: by then nobody waits for it, and the task is not given to another."""
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Ended(Generic[Task]):
    """The outcome of a task."""

    task: Task
    value: Any = None
    """What the function returned."""
    failure: str = ""
    """``worker_killed``, ``time_limit`` or ``internal_error``; empty where there is a value."""
    detail: str = ""


def run_tasks(
    cluster: Cluster, function: Callable[[Task], Any], tasks: Sequence[Task], limit_seconds: float = LIMIT_SECONDS
) -> Iterator[Ended[Task]]:
    """Call a function of a module for each task in the processes of a cluster; yield as they finish.

    A task whose process was killed is tried again at the end, alone: then memory is its own, and so is the blame.

    Raises
    ------
    ComputingError
        The scheduler is gone, or has no workers.
    """
    killed = []
    for ended in _run(cluster, function, tasks, limit_seconds):
        if ended.failure == WORKER_KILLED:
            killed.append(ended.task)
        else:
            yield ended
    for task in killed:
        yield from _run(cluster, function, [task], limit_seconds)


def _run(
    cluster: Cluster, function: Callable[[Task], Any], tasks: Sequence[Task], limit_seconds: float
) -> Iterator[Ended[Task]]:
    if not tasks:
        return
    running = _Running(cluster, cluster.client(len(tasks)), function, limit_seconds)
    waiting = deque(tasks)
    try:
        while waiting or running.tasks:
            running.give(waiting)
            yield from running.ended()
    finally:
        running.forget()


@dataclass(frozen=True)
class _Given(Generic[Task]):
    task: Task
    worker: str


class _Running(Generic[Task]):
    """Tasks that a process has: each has one at most, so that it alone is to blame for the end of its process."""

    def __init__(
        self, cluster: Cluster, client: "Client", function: Callable[[Task], Any], limit_seconds: float
    ) -> None:
        self.tasks: dict[Future[Any], _Given[Task]] = {}
        self._cluster, self._client, self._leaving = cluster, client, cluster.leaving
        self._function, self._limit_seconds = function, limit_seconds
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._workers: tuple[str, ...] = ()
        self._look_due = 0.0
        """When to ask next which workers there are, on the monotonic clock."""
        self._topic = f"radtme-{uuid4().hex}"
        self._begun: dict[Any, float] = {}
        """By the key of the task, on the monotonic clock."""
        client.subscribe_topic(self._topic, self._note_begin)

    def _note_begin(self, event: tuple[float, str]) -> None:
        self._begun[event[1]] = time.monotonic()

    def give(self, waiting: deque[Task]) -> None:
        if not self._workers or time.monotonic() >= self._look_due:
            self._workers = self._cluster.workers(len(waiting) + len(self.tasks))
            self._look_due = time.monotonic() + LOOK_SECONDS
        self._leaving &= set(self._workers)
        free = set(self._workers) - self._leaving - {given.worker for given in self.tasks.values()}
        for worker in free:
            if waiting:
                self._submit(waiting.popleft(), worker)

    def _submit(self, task: Task, worker: str) -> None:
        key, limit = f"{self._topic}-{uuid4().hex}", self._limit_seconds + GRACE_SECONDS
        what = self._function, task, limit, self._topic, key
        future = self._client.submit(_attempt, *what, key=key, pure=False, workers=[worker])
        self.tasks[future] = _Given(task, worker)
        future.add_done_callback(self._done.put)

    def ended(self) -> list[Ended[Task]]:
        """Wait a moment for tasks to end, and return those that did, took too long, or never reached their process."""
        found = []
        try:
            found.append(self._done.get(timeout=LOOK_SECONDS))
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            pass
        ended = [_outcome(future, self.tasks.pop(future).task) for future in found if future in self.tasks]
        for future, given in list(self.tasks.items()):
            if time.monotonic() > self._begun.get(future.key, math.inf) + self._limit_seconds:
                self._leaving.add(given.worker)
                ended.append(self._given_up(future, "time_limit", "the case took too long"))
            elif given.worker not in self._workers and future.status == "pending":
                ended.append(self._given_up(future, WORKER_KILLED, KILLED))
        if any(one.failure for one in ended):
            self._look_due = 0.0  # its process may be gone
        return ended

    def _given_up(self, future: "Future[Any]", failure: str, detail: str) -> Ended[Task]:
        future.cancel()
        return Ended(self.tasks.pop(future).task, failure=failure, detail=detail)

    def forget(self) -> None:
        self._client.unsubscribe_topic(self._topic)
        for future in self.tasks:
            future.release()


def _outcome(future: "Future[Any]", task: Task) -> Ended[Task]:
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        value, failure, detail = future.result()
    except FutureCancelledError as error:
        raise gone() from error
    except KilledWorker:
        return Ended(task, failure=WORKER_KILLED, detail=KILLED)
    except Exception as error:  # noqa: BLE001
        # Of the engine: the task or its result could not be sent.
        return Ended(task, failure="internal_error", detail=type(error).__name__)
    return Ended(task, value, failure, detail)


def _attempt(
    function: Callable[[Any], Any], task: Any, limit_seconds: float, topic: str, key: str
) -> tuple[Any, str, str]:
    """Run in a process of the cluster: the border where any exception becomes a record."""
    with open(os.devnull, "w") as nowhere:
        # It needs no turn of the interpreter: code in C that never comes back is ended, too.
        faulthandler.dump_traceback_later(limit_seconds, exit=True, file=nowhere)
        try:
            _tell_begin(topic, key)
            return function(task), "", ""
        except Exception as error:  # noqa: BLE001
            # The text of an exception may quote an element of a data set; its type and place cannot.
            place = (stack_locations(error) or ["unknown"])[-1]
            return None, "internal_error", f"{type(error).__name__} at {place}"
        finally:
            faulthandler.cancel_dump_traceback_later()


def _tell_begin(topic: str, key: str) -> None:
    """Tell the scheduler, and wait until it knows: code in C may keep this process from sending anything more."""
    from distributed import get_worker
    from distributed.utils import sync

    worker = get_worker()
    sync(worker.loop, worker.scheduler.log_event, topic=topic, msg=key)
