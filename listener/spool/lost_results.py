"""Results that a power cut, or a backup without them, took from a job that is being delivered: it is scored again."""

import contextlib
import os
from collections.abc import Iterator

from listener.runtime.logger import Logger
from listener.spool.atomic_files import read_json
from listener.spool.job_notes import RESULT_NAME
from listener.spool.jobs import Job, JobState
from listener.spool.locks import exclusive
from listener.spool.spool import Spool

log = Logger(__name__)


def jobs_without_result(spool: Spool) -> Iterator[Job]:
    """Yield the jobs whose result should be there and cannot be read."""
    for job in spool.jobs(JobState.DELIVERING):
        if _is_lost(job):
            yield job


def score_again(spool: Spool) -> list[Job]:
    """Let the worker that comes next make these results again, as far as nobody works on the job; return the jobs.

    Each by itself: one that cannot be moved is logged and holds up nothing else.
    """
    moved = []
    for job in list(jobs_without_result(spool)):
        try:
            with _held(job) as is_mine:
                if is_mine and _made_ready(spool, job):
                    moved.append(job)
        except OSError as error:
            log.error("spool_not_repaired", defect="result_unreadable", job=job.id, error=error.strerror)
    return moved


def _is_lost(job: Job) -> bool:
    try:
        read_json(job.folder / RESULT_NAME)
    except (FileNotFoundError, ValueError):
        return True
    return False


def _made_ready(spool: Spool, job: Job) -> bool:
    if not _is_lost(job):  # a worker has made it again since it was read
        return False
    path = job.folder / RESULT_NAME
    if path.is_file():
        os.rename(path, path.with_name(f"{path.name}.damaged"))
    if spool.move(job, JobState.READY) is None:  # another process has moved it, or a person has dropped it
        return False
    log.warning("spool_repaired", defect="result_unreadable", job=job.id, name=path.name)
    return True


@contextlib.contextmanager
def _held(job: Job) -> Iterator[bool]:
    """Hold every lock of a job's folder; yields False where someone works on it."""
    with contextlib.ExitStack() as stack:
        names = {"lock", *(path.name for path in job.folder.glob("deliver-*.lock"))}
        # A list: each lock is taken, also after one that is not free.
        yield all([stack.enter_context(exclusive(job.folder, name)) for name in sorted(names)])  # noqa: C419
