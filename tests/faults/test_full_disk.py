"""Errors of the operating system during a job: the job waits, longer each time, and ends with the same results."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from listener.spool import retry_later as waits
from listener.spool.jobs import JobState
from listener.spool.locks import LOCK_NAME
from listener.spool.retry_later import set_retry_time, waits_for_retry
from model_store.signatures.registry import Registry
from support.disturbed import Study, put_spool
from support.doomed import Site
from workers.jobs import tasks
from workers.metrics import counters as metrics
from workers.settings import WorkerSettings


class Silent:
    """Accepts messages and does not send them."""

    def send_task(self, *_: object, **__: object) -> None:
        """Take a message."""


@contextmanager
def failing_from(nth: int, number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let the ``nth`` step that needs space, and all after it, fail; yields the steps that were asked for."""
    asked: list[str] = []
    real_open, real_mkdir, real_fsync = open, os.mkdir, os.fsync

    def step(name: str) -> None:
        asked.append(name)
        if len(asked) >= nth:
            raise OSError(number, os.strerror(number))

    def opened(path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if "w" in mode and str(path).endswith(".tmp"):
            step("open")
        return real_open(path, mode, *rest, **more)

    def made(path: Any, *rest: Any, **more: Any) -> None:
        step("mkdir")
        real_mkdir(path, *rest, **more)

    def synced(descriptor: int) -> None:
        if os.path.isfile(f"/proc/self/fd/{descriptor}"):
            step("fsync")
        real_fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", opened)
        patch.setattr("os.mkdir", made)
        patch.setattr("os.fsync", synced)
        yield asked


def rarely(number: int) -> ParameterSet:
    """Return an error as a parameter that only `make faults` tries."""
    return pytest.param(number, marks=pytest.mark.long)


def bench_of(site: Site) -> tasks.TaskContext:
    """Return what a task works with."""
    settings = WorkerSettings(site.spool.root, site.model_store, site.targets)
    registry = Registry(site.model_store)
    registry.active()  # before anything fails
    return tasks.TaskContext(settings, site.spool, registry, metrics.worker_metrics())


def run(context: tasks.TaskContext) -> JobState:
    """Score the only job once; return where it lies then."""
    [job] = context.spool.jobs()
    app: Any = Silent()
    tasks.score_job(app, context, job.id)
    [job] = context.spool.jobs()
    return job.state


def end_the_wait(context: tasks.TaskContext) -> None:
    """Let the only job be due."""
    [job] = context.spool.jobs()
    given_back = (job.folder / LOCK_NAME).stat().st_atime
    os.utime(job.folder / LOCK_NAME, (given_back, given_back + 1e-5))


@pytest.mark.long
def test_no_space_at_any_write_of_a_job(site: Site, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write meets the full disk: ready again, not failed, nothing half written, no attempt used up."""
    put_spool(site, study.ready)
    context = bench_of(site)
    nth, state = 0, JobState.READY
    while state is not JobState.DELIVERING:
        nth += 1
        assert nth < 60
        with failing_from(nth, errno.ENOSPC, monkeypatch) as asked:
            state = run(context)
        if len(asked) >= nth:
            assert state is JobState.READY, f"at step {nth} ({asked[-1]})"
            [job] = context.spool.jobs()
            assert waits_for_retry(job.folder, datetime.now(UTC))
            assert run(context) is JobState.READY, "it was tried although its wait had not ended"
            assert not list(job.folder.glob("*.part"))
            assert job.failure is None
            objects = job.folder / "objects"
            assert not objects.exists() or len(list(objects.iterdir())) == len(study.results)
            end_the_wait(context)
    files = len(study.results) + 1  # and result.json
    assert asked == ["mkdir", *["open", "fsync"] * files], "all writes of a job, of which each one has failed"


@pytest.mark.parametrize("number", [errno.EROFS, *map(rarely, (errno.EACCES, errno.EDQUOT, errno.EMFILE))])
def test_other_troubles_of_the_machine(number: int, site: Site, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only disk, a permission that was lost, a quota, too many open files."""
    put_spool(site, study.ready)
    context = bench_of(site)
    with failing_from(3, number, monkeypatch):
        assert run(context) is JobState.READY
    end_the_wait(context)
    assert run(context) is JobState.DELIVERING


def test_the_waits_grow_up_to_a_limit(site: Site, study: Study) -> None:
    """From seconds to minutes; a clock that was turned back does not hold a job for longer."""
    put_spool(site, study.ready)
    [job] = site.spool.jobs()
    (job.folder / LOCK_NAME).touch()
    clock = datetime(2030, 1, 1, tzinfo=UTC)
    seen = []
    for _ in range(12):
        wait = set_retry_time(job.folder, clock)
        assert waits_for_retry(job.folder, clock)
        assert waits_for_retry(job.folder, clock + timedelta(seconds=wait - 1))
        assert not waits_for_retry(job.folder, clock + timedelta(seconds=wait + 1))
        assert not waits_for_retry(job.folder, clock - timedelta(hours=1))
        seen.append(wait)
    assert seen[0] <= waits.MIN_WAIT_SECONDS
    assert seen[2] > 1.5 * seen[0]
    assert waits.MAX_WAIT_SECONDS * (1 - waits.JITTER) <= seen[-1] <= waits.MAX_WAIT_SECONDS
