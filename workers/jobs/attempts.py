"""A job's steps in the spool, from the worker's side: claim, count, write, move on.

Each step is one rename or one whole file, so that a worker can be killed between any two of them and the next one goes
on from what lies there.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.atomic_files import fsync_folder, make_folder, write_bytes
from listener.spool.job_files import ATTEMPTS_NAME, Attempts, GivenBack, is_held
from listener.spool.jobs import Job, JobState
from listener.spool.locks import exclusive
from listener.spool.record_file import write_record
from listener.spool.retry_later import set_retry_time, waits_for_retry, was_deferred_since
from listener.spool.spool import Spool


@contextlib.contextmanager
def claimed(spool: Spool, job_id: str) -> Iterator[Job | None]:
    """Hold the job for the block; None if it must not be scored now: unknown, further on, put off, held, claimed."""
    job = spool.find_job(job_id)
    if job is not None and (waits_for_retry(job.folder, datetime.now(UTC)) or is_held(job.folder)):
        job = None
    if job is not None and job.state is JobState.READY:
        job = spool.move(job, JobState.RUNNING)
    if job is None or job.state is not JobState.RUNNING:
        yield None
        return
    with exclusive(job.folder) as mine:
        yield job if mine and job.folder.is_dir() else None


def begin_attempt(job: Job) -> int:
    """Write down that an attempt begins, before anything that might kill the worker; return how many it makes.

    What an attempt that was killed left half written goes: who holds the job's lock is the only one that writes in it.
    """
    for unfinished in job.folder.rglob(".*.tmp"):
        unfinished.unlink(missing_ok=True)
    earlier = job.attempts()
    before = earlier.began
    if before and earlier.given_back is None and was_deferred_since(job.folder, before[-1], datetime.now(UTC)):
        before = before[:-1]  # it was given back, and a full disk refused to take that down
    attempts = Attempts((*before, datetime.now(UTC)))
    write_record(job.folder / ATTEMPTS_NAME, attempts)
    return len(attempts.began)


def give_back(spool: Spool, job: Job, why: str, counted: bool = True) -> None:
    """Undo a claim after something outside failed: the job is announced again after a while, longer each time.

    ``counted`` tells whether the attempt was written down: it does not count. What the machine refuses of this is left:
    then the job is found without its lock.
    """
    shutil.rmtree(job.folder / "objects.part", ignore_errors=True)  # the others may need the space
    with contextlib.suppress(OSError):
        set_retry_time(job.folder, datetime.now(UTC))
    began = job.attempts().began
    remaining = began[:-1] if counted else began
    with contextlib.suppress(OSError):
        write_record(job.folder / ATTEMPTS_NAME, Attempts(remaining, GivenBack(datetime.now(UTC), why)))
    with contextlib.suppress(OSError):
        spool.move(job, JobState.READY)


def write_objects(job: Job, objects: Mapping[str, bytes]) -> None:
    """Write the result objects, all or none; what an earlier attempt left is replaced by the same bytes."""
    staging = job.folder / "objects.part"
    shutil.rmtree(staging, ignore_errors=True)
    make_folder(staging)
    for role, content in objects.items():
        write_bytes(staging / f"{role}.dcm", content)
    reach(FaultPoint.OBJECTS_WRITTEN)
    final = job.folder / "objects"
    shutil.rmtree(final, ignore_errors=True)
    os.rename(staging, final)
    reach(FaultPoint.OBJECTS_RENAMED)
    fsync_folder(job.folder)
