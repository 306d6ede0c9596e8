"""The steps of a job in the spool, as a worker takes them: claim, count the attempt, write, give back.

Each step is one rename or one whole file, so that a worker can be killed between any two steps and the next worker
continues from the files that are there.
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
    """Hold the job during the block; None if it is unknown, no longer ready, deferred, held or claimed elsewhere."""
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
    """Record the start of an attempt, before anything that might kill the worker; return the number of attempts.

    Removes unfinished files of a killed attempt: only the holder of the job's lock writes in its folder.
    """
    for unfinished in job.folder.rglob(".*.tmp"):
        unfinished.unlink(missing_ok=True)
    earlier = job.attempts()
    before = earlier.began
    if before and earlier.given_back is None and was_deferred_since(job.folder, before[-1], datetime.now(UTC)):
        before = before[:-1]  # it was given back, but a full disk prevented the record
    attempts = Attempts((*before, datetime.now(UTC)))
    write_record(job.folder / ATTEMPTS_NAME, attempts)
    return len(attempts.began)


def give_back(spool: Spool, job: Job, why: str, counted: bool = True) -> None:
    """Return a claimed job after an external failure; it is announced again after a delay that grows each time.

    ``counted``: the attempt was recorded; it is removed from the count. Steps that fail with an OSError are skipped:
    the job is then recovered because it has no lock.
    """
    shutil.rmtree(job.folder / "objects.part", ignore_errors=True)  # free the space for other jobs
    with contextlib.suppress(OSError):
        set_retry_time(job.folder, datetime.now(UTC))
    began = job.attempts().began
    remaining = began[:-1] if counted else began
    with contextlib.suppress(OSError):
        write_record(job.folder / ATTEMPTS_NAME, Attempts(remaining, GivenBack(datetime.now(UTC), why)))
    with contextlib.suppress(OSError):
        spool.move(job, JobState.READY)


def write_objects(job: Job, objects: Mapping[str, bytes]) -> None:
    """Write all result objects or none; those of an earlier attempt are replaced by the same bytes."""
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
