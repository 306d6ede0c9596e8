"""The steps of a job, as a worker takes them: claim, count the attempt, write, give back.

Each step is one transaction or one rename, so that a worker can be killed between any two steps and the next worker
continues from what is there.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.atomic_files import fsync_folder, make_folder, write_new
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
    claimable = job is not None and job.state in (JobState.READY, JobState.RUNNING) and not job.is_held
    if job is None or not claimable or waits_for_retry(job.folder, datetime.now(UTC)):
        yield None
        return
    make_folder(job.folder)  # a backup may lack it
    # The lock first: a worker that finds it taken must not make the claim of its holder an earlier one.
    with exclusive(job.folder) as mine:
        running = claim(spool, job) if mine else None
        if running is None:
            yield None
            return
        reach(FaultPoint.JOB_MOVED)
        with signs_of_life(spool, running):
            yield running


def begin_attempt(spool: Spool, job: Job) -> Job | None:
    """Record the start of an attempt, before anything that might kill the worker; None where the job was removed.

    Removes unfinished files of a killed attempt: only the holder of the job writes in its folder.
    """
    for staging in job.folder.glob("objects-*.part"):
        shutil.rmtree(staging, ignore_errors=True)
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
    shutil.rmtree(_staging(job), ignore_errors=True)  # free the space for other jobs
    with contextlib.suppress(OSError):
        set_retry_time(job.folder, datetime.now(UTC))
    began = job.attempts.began
    remaining = began[:-1] if counted else began
    with contextlib.suppress(OSError):
        spool.move(job, JobState.READY, attempts=Attempts(remaining, GivenBack(datetime.now(UTC), why)))


def stage_objects(job: Job, objects: Mapping[str, bytes]) -> None:
    """Write all result objects to where nobody looks for them; `put_in_place` ends that."""
    staging = _staging(job)
    shutil.rmtree(staging, ignore_errors=True)
    make_folder(staging)
    for role, content in objects.items():
        write_new(staging / f"{role}.dcm", content)
    fsync_folder(staging)
    reach(FaultPoint.OBJECTS_WRITTEN)


def put_in_place(job: Job) -> None:
    """Let the staged objects be those of the result; those of an earlier attempt are replaced by the same bytes."""
    final = job.folder / "objects"
    shutil.rmtree(final, ignore_errors=True)
    os.rename(_staging(job), final)
    reach(FaultPoint.OBJECTS_RENAMED)
    fsync_folder(job.folder)


def _staging(job: Job) -> Path:
    """Return the folder of this claim alone: a worker that was taken for dead may write in its own."""
    return job.folder / f"objects-{job.lease}.part"
