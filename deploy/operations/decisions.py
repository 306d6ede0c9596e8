"""Decisions about a job: hold, release and drop. Each is one change in the ledger."""

from contextlib import ExitStack
from datetime import UTC, datetime

from deploy.errors import CommandError
from deploy.operations.retry import Retried, held_lock
from listener.broker.messages import delivery_announcement, score_announcement
from listener.spool import job_rows
from listener.spool.job_notes import Drop, Hold
from listener.spool.jobs import IN_WORK, Job, JobState
from listener.spool.locks import LOCK_NAME
from listener.spool.spool import Spool
from workers.delivery.outbox import read_deliveries


def hold(spool: Spool, job: Job, who: str, why: str) -> str:
    """Hold a job until it is released; return a sentence that says what this means now.

    A worker finishes its current step: a job that is being scored is held before its results are sent.

    Raises
    ------
    CommandError
        If the job is finished, so that nothing can be held.
    """
    with spool.ledger.writing() as connection:
        held = job_rows.change(connection, job.id, IN_WORK, hold=Hold(who, datetime.now(UTC), why))
    if held is None:
        found = spool.find_job(job.id)
        state = found.state.value if found else "gone"
        raise CommandError(f"{job.id} is {state}: there is nothing to hold", "radtme status shows what is going on")
    return f"{job.id} is held where it is ({held['state'].value}); radtme release {job.id} lets it go on"


def release(spool: Spool, job: Job) -> Retried:
    """Release a held job.

    Raises
    ------
    CommandError
        If the job is not on hold.
    """
    found = spool.find_job(job.id)
    if found is None or not found.is_held:
        raise CommandError(f"{job.id} is not held", "radtme status says what it waits for")
    with spool.ledger.writing() as connection:
        released = job_rows.change(connection, job.id, IN_WORK, hold=None)
    state = released["state"] if released else found.state
    announcements = {
        JobState.READY: (score_announcement(job.id),),
        JobState.DELIVERING: tuple(delivery_announcement(job.id, target) for target in _targets(spool, job)),
    }.get(state, ())
    return Retried(f"{job.id} is released and goes on where it is ({state.value})", announcements)


def _targets(spool: Spool, job: Job) -> list[str]:
    return [record.target for record in read_deliveries(spool.ledger, job.id)]


def drop(spool: Spool, job: Job, who: str, why: str) -> str:
    """Give a job up: nothing more is scored or sent. What its targets have taken stays with them.

    Every lock under which someone could move the job on is held meanwhile.

    Raises
    ------
    CommandError
        If it is finished already, or a process works on it right now.
    """
    if job.state in (JobState.DONE, JobState.DROPPED):
        raise CommandError(f"{job.id} is {job.state.value}: there is nothing to drop", "radtme status shows what is")
    with ExitStack() as locks:
        for name in (LOCK_NAME, *(f"deliver-{target}.lock" for target in _targets(spool, job))):
            locks.enter_context(held_lock(job.folder, name, job.id))
        moved = spool.move(job, JobState.DROPPED, dropped=Drop(who, datetime.now(UTC), why, job.state), hold=None)
    if moved is None:
        raise CommandError(f"{job.id} was changed by someone else in the meantime", "radtme status shows its state")
    return f"{job.id} is dropped: nothing more is scored or sent; radtme retry {job.id} takes it up again"
