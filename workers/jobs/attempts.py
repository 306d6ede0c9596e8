"""The steps of a job, as a worker takes them: claim, count the attempt, write, give back.

Each step is one transaction or one rename, so that a worker can be killed between any two steps and the next worker
continues from what is there.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.atomic_files import fsync_folder, make_folder, write_bytes
from listener.spool.job_notes import Attempts, GivenBack
from listener.spool.jobs import Job, JobState
from listener.spool.leases import claim, signs_of_life
from listener.spool.locks import exclusive
from listener.spool.retry_later import set_retry_time, waits_for_retry, was_deferred_since
from listener.spool.spool import Spool


@contextlib.contextmanager
def claimed(spool: Spool, job_id: str) -> Iterator[Job | None]:
    """Hold the job during the block; None if it is unknown, no longer ready, deferred, held or claimed elsewhere."""
    job = spool.find_job(job_id)
    if job is None or job.is_held or waits_for_retry(job.folder, datetime.now(UTC)):
        yield None
        return
    job = claim(spool, job) if job.state in (JobState.READY, JobState.RUNNING) else None
    if job is None:
        yield None
        return
    reach(FaultPoint.JOB_MOVED)
    make_folder(job.folder)  # a backup may lack it
    with exclusive(job.folder) as mine:
        running = _still_running(spool, job_id) if mine else None
        if running is None:
            yield None
            return
        with signs_of_life(spool, running):
            yield running


def _still_running(spool: Spool, job_id: str) -> Job | None:
    """Return the job as it is under its lock, unless its former holder ended it meanwhile."""
    job = spool.find_job(job_id)
    return job if job is not None and job.state is JobState.RUNNING else None


def begin_attempt(spool: Spool, job: Job) -> Job | None:
    """Record the start of an attempt, before anything that might kill the worker; None where the job was removed.

    Removes unfinished files of a killed attempt: only the holder of the job's lock writes in its folder.
    """
    for unfinished in job.folder.rglob(".*.tmp"):
        unfinished.unlink(missing_ok=True)
    earlier = job.attempts
    before = earlier.began
    if before and earlier.given_back is None and was_deferred_since(job.folder, before[-1], datetime.now(UTC)):
        before = before[:-1]  # it was given back, but a full disk prevented the record
    return spool.change(job, attempts=Attempts((*before, datetime.now(UTC))))


def give_back(spool: Spool, job: Job, why: str, counted: bool = True) -> None:
    """Return a claimed job after an external failure; it is announced again after a delay that grows each time.

    ``counted``: the attempt was recorded; it is removed from the count. Steps that fail with an OSError are skipped:
    the job is then recovered because it has no lock.
    """
    shutil.rmtree(job.folder / "objects.part", ignore_errors=True)  # free the space for other jobs
    with contextlib.suppress(OSError):
        set_retry_time(job.folder, datetime.now(UTC))
    began = job.attempts.began
    remaining = began[:-1] if counted else began
    with contextlib.suppress(OSError):
        spool.move(job, JobState.READY, attempts=Attempts(remaining, GivenBack(datetime.now(UTC), why)))


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
