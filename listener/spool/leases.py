"""The lease of a running job: a sign of life of its worker, by which other machines tell that it is gone.

On the worker's own machine its lock tells that at once (`listener.spool.locks`); a lock need not be seen on another
one. Times are those of the database, so that no clocks of two machines are compared.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from listener.ledger.database import LedgerUnavailable
from listener.spool.job_rows import change, job_of, jobs
from listener.spool.jobs import Job, JobState

if TYPE_CHECKING:
    from listener.spool.spool import Spool

log = structlog.get_logger()

SIGNS_PER_LEASE = 4


def this_host() -> str:
    """Return the name under which a worker of this machine holds its leases."""
    return socket.gethostname()[:64]


def abandoned_jobs(spool: "Spool") -> list[str]:
    """Return the ids of the running jobs, not on hold, that no worker of another machine has a lease of."""
    with spool.ledger.reading() as connection:
        query = select(jobs.c.job_id).where(jobs.c.state == JobState.RUNNING, jobs.c.hold.is_(None))
        return list(connection.execute(query.where(_is_free(connection, spool.lease_seconds))).scalars())


def claim(spool: "Spool", job: Job) -> Job | None:
    """Make a ready or running job this machine's; None where it is held or has changed, or another one has a lease."""
    with spool.ledger.writing() as connection:
        lease: dict[str, Any] = {"worker_host": this_host(), "worker_seen": _now(connection)}
        free = _is_free(connection, spool.lease_seconds) if job.state is JobState.RUNNING else None
        row = change(connection, job.id, [job.state], to=JobState.RUNNING, unless_held=True, only_if=free, **lease)
    return None if row is None else job_of(row, spool.results)


@contextmanager
def signs_of_life(spool: "Spool", job: Job) -> Iterator[None]:
    """Renew the lease of a job during the block. An embedded ledger has no other machines, and needs none."""
    if spool.ledger_url is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(spool, job.id, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(spool: "Spool", job_id: str, ended: threading.Event) -> None:
    while not ended.wait(spool.lease_seconds / SIGNS_PER_LEASE):
        mine = (jobs.c.job_id == job_id) & (jobs.c.state == JobState.RUNNING) & (jobs.c.worker_host == this_host())
        try:
            with spool.ledger.writing() as connection:
                connection.execute(update(jobs).where(mine).values(worker_seen=_now(connection)))
        except (LedgerUnavailable, MemoryError) as error:
            log.warning("lease_not_renewed", job=job_id, error=type(error).__name__)


def _is_free(connection: Connection, lease_seconds: float) -> ColumnElement[bool]:
    silent_since = _now(connection) - timedelta(seconds=lease_seconds)
    own = or_(jobs.c.worker_host.is_(None), jobs.c.worker_host == this_host())
    return or_(own, jobs.c.worker_seen < silent_since)


def _now(connection: Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now
