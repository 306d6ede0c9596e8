"""A job's steps in the spool, from the worker's side: claim, count, write, move on.

Each step is one rename or one whole file, so that a worker can be killed between any two of them and the next one goes
on from what lies there.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from listener.spool import Job, JobState, Spool, exclusive, fsync_folder, make_folder, write_bytes, write_json
from workers.errors import FailureReason
from workers.outbox import queued


def now() -> str:
    """Return the time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def claimed(spool: Spool, job_id: str) -> Iterator[Job | None]:
    """Hold the job for the block; None where it is not to be scored: unknown, further on, or in another's hands."""
    job = spool.find_job(job_id)
    if job is not None and job.state is JobState.READY:
        job = spool.move(job, JobState.RUNNING)
    if job is None or job.state is not JobState.RUNNING:
        yield None
        return
    with exclusive(job.folder) as mine:
        yield job if mine and job.folder.is_dir() else None


def begin_attempt(job: Job) -> int:
    """Write down that an attempt begins, before anything that might kill the worker; return how many it makes."""
    earlier = job.read_optional("attempts.json") or {"began": []}
    began = [*earlier["began"], now()]
    write_json(job.folder / "attempts.json", {"began": began})
    return len(began)


def give_back(spool: Spool, job: Job, why: str) -> None:
    """Undo a claim after something outside failed: the attempt does not count, and the job will be announced again."""
    began = (job.read_optional("attempts.json") or {"began": []})["began"]
    # A full disk may refuse even this: then the attempt counts, and the job is found without its lock.
    with contextlib.suppress(OSError):
        write_json(job.folder / "attempts.json", {"began": began[:-1], "given_back": {"at": now(), "why": why}})
    spool.move(job, JobState.READY)


def write_objects(job: Job, objects: Mapping[str, bytes]) -> None:
    """Write the result objects, all or none; what an earlier attempt left is replaced by the same bytes."""
    staging = job.folder / "objects.part"
    shutil.rmtree(staging, ignore_errors=True)
    make_folder(staging)
    for role, content in objects.items():
        write_bytes(staging / f"{role}.dcm", content)
    final = job.folder / "objects"
    shutil.rmtree(final, ignore_errors=True)
    os.rename(staging, final)
    fsync_folder(job.folder)


def queue_delivery(job: Job, targets: Mapping[str, tuple[str, ...]]) -> None:
    """Write an outbox entry for each target; ``targets`` gives the roles that each one gets.

    An entry of an earlier attempt is kept once something was sent: it says what the target has taken.
    """
    outbox = job.folder / "delivery"
    make_folder(outbox)
    for name, roles in targets.items():
        earlier = job.read_optional(f"delivery/{name}.json")
        if earlier is None or not earlier["tries"]:
            write_json(outbox / f"{name}.json", queued(name, roles, datetime.now(UTC)).to_json())


def fail(spool: Spool, job: Job, reason: FailureReason, message: str) -> None:
    """End a job as failed, with why and with what a person can do."""
    attempts = len((job.read_optional("attempts.json") or {"began": []})["began"])
    write_json(
        job.folder / "failure.json",
        {"reason": reason.value, "message": message, "at": now(), "attempts": attempts},
    )
    spool.move(job, JobState.FAILED)


def outbox_files(job: Job) -> list[Path]:
    """Return the delivery records of a job, by target name."""
    outbox = job.folder / "delivery"
    return sorted(outbox.glob("*.json")) if outbox.is_dir() else []
