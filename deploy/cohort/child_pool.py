"""Tasks in child processes, one at a time in each: if a child dies, its task is reported and the others continue.

The pools of the standard library break or hang when a child is killed, and do not say which task it worked on.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from listener.runtime.safe_errors import stack_locations

Task = TypeVar("Task")
TASKS_PER_CHILD = 40
"""After this many tasks a child is replaced, so that leaks of libraries never add up."""
LIMIT_SECONDS = 1800.0
"""Time limit of one task; after it, its child is killed."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


@dataclass(frozen=True)
class Ended(Generic[Task]):
    """The outcome of a task."""

    task: Task
    value: Any = None
    """What the function returned."""
    failure: str = ""
    """``worker_killed``, ``time_limit`` or ``internal_error``; empty where there is a value."""
    detail: str = ""


class _Child(Generic[Task]):
    def __init__(self, function: Callable[[Task], Any]) -> None:
        # Not fork: a child would inherit locks that threads of this process hold.
        context = get_context("spawn")
        self.pipe, other_end = context.Pipe()
        process = context.Process(target=_serve, args=(other_end, function), daemon=True)
        with _interrupts_held():  # a child inherits that Ctrl-C is not for it
            process.start()
        self.process = process
        other_end.close()
        self.given = 0
        self.task: Task | None = None
        self.deadline = 0.0

    def give(self, task: Task, limit_seconds: float) -> None:
        self.task, self.deadline = task, time.monotonic() + limit_seconds
        self.given += 1
        self.pipe.send(task)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_tasks(
    function: Callable[[Task], Any],
    tasks: Sequence[Task],
    jobs: int,
    tasks_per_child: int = TASKS_PER_CHILD,
    limit_seconds: float = LIMIT_SECONDS,
) -> Iterator[Ended[Task]]:
    """Call a function of a module for each task in ``processes`` processes (0: one per core); yield as they finish.

    Each process has one thread. Children end with the iterator, and with this process however it ends.
    """
    left = list(reversed(tasks))
    jobs = min(jobs or len(os.sched_getaffinity(0)), len(tasks))
    children: list[_Child[Task]] = []
    try:
        with _single_threaded():
            while left or children:
                while left and len(children) < jobs:
                    children.append(_Child(function))
                    children[-1].give(left.pop(), limit_seconds)
                for child, ended in _finished(children):
                    if ended.failure in ("worker_killed", "time_limit") or child.given >= tasks_per_child or not left:
                        children.remove(child)
                        child.end()
                    else:
                        child.give(left.pop(), limit_seconds)
                    yield ended
    finally:
        for child in children:
            child.end()


def _finished(children: Sequence[_Child[Task]]) -> list[tuple[_Child[Task], Ended[Task]]]:
    """Wait for messages of the children and return them."""
    now = time.monotonic()
    ready = wait([child.pipe for child in children], timeout=max(0.0, min(c.deadline for c in children) - now))
    found = []
    for child in children:
        assert child.task is not None  # noqa: S101
        if child.pipe in ready:
            found.append((child, _error_of(child, child.task)))
        elif time.monotonic() >= child.deadline:
            found.append((child, Ended(child.task, failure="time_limit", detail="the case took too long")))
    return found


def _error_of(child: _Child[Task], task: Task) -> Ended[Task]:
    try:
        value, failure, detail = child.pipe.recv()
    except (EOFError, ConnectionResetError):
        child.process.join()
        code = child.process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return Ended(task, failure="worker_killed", detail=f"the process that measured it ended with {how}")
    return Ended(task, value, failure, detail)


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Run in the child: the border where any exception becomes a record."""
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((function(task), "", ""))
        except Exception as error:  # noqa: BLE001
            # The text of an exception may quote an element of a data set; its type and place cannot.
            pipe.send(
                (None, "internal_error", f"{type(error).__name__} at {(stack_locations(error) or ['unknown'])[-1]}")
            )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Give children one thread each: they inherit the environment when they start."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
