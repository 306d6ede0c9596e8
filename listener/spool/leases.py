"""Leases of running jobs and of deliveries: signs of life, by which other machines tell that a worker is gone.

On the worker's own machine its lock tells that at once (`listener.spool.locks`); a lock need not be seen on another
one. Times are those of the database, so that no clocks of two machines are compared. Each claim has a number: a worker
that was taken for dead, and lives on, holds an earlier one, and every transaction that stores something asks for it.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Table, Update, func, or_, select, update

from listener.ledger.database import LedgerUnavailable
from listener.ledger.deliveries import deliveries
from listener.runtime.logger import Logger
from listener.spool.job_rows import change, job_of, jobs
from listener.spool.jobs import Job, JobState

if TYPE_CHECKING:
    from listener.spool.spool import Spool

log = Logger(__name__)

SIGNS_PER_LEASE = 4


class LeaseLost(Exception):
    """Another machine has taken over what this worker works on: whatever this one has still to store is not stored."""


def this_host() -> str:
    """Return the name under which a worker of this machine holds its leases."""
    return socket.gethostname()[:64]


def abandoned_jobs(spool: "Spool") -> list[str]:
    """Return the ids of the running jobs, not on hold, that no worker of another machine has a lease of."""
    with spool.ledger.reading() as connection:
        query = select(jobs.c.job_id).where(jobs.c.state == JobState.RUNNING, jobs.c.hold.is_(None))
        return list(connection.execute(query.where(_is_free(connection, jobs, spool.lease_seconds))).scalars())


def claim(spool: "Spool", job: Job) -> Job | None:
    """Make a ready or running job this machine's; None where it is held or has changed, or another one has a lease."""
    with spool.ledger.writing() as connection:
        free = _is_free(connection, jobs, spool.lease_seconds) if job.state is JobState.RUNNING else None
        lease = _claimed(connection, jobs)
        row = change(connection, job.id, [job.state], to=JobState.RUNNING, unless_held=True, only_if=free, **lease)
    return None if row is None else job_of(row, spool.results)


@contextmanager
def while_held(spool: "Spool", job: Job) -> Iterator[None]:
    """Let no other machine take over a running job during the block, which puts a result in its place.

    A transaction: the block must be short. An embedded ledger has no other machines.

    Raises
    ------
    LeaseLost
        If another one has taken it over already, or a person has removed it.
    """
    if spool.ledger_url is None:
        yield
        return
    with spool.ledger.writing() as connection:
        require(connection, jobs, _running(job))
        yield


@contextmanager
def signs_of_life(spool: "Spool", job: Job) -> Iterator[None]:
    """Renew the lease of a job during the block. An embedded ledger has no other machines, and needs none."""
    with _renewed(spool, job.id, update(jobs).where(_running(job))):
        yield


@contextmanager
def delivery_lease(spool: "Spool", job_id: str, target: str) -> Iterator[ColumnElement[bool] | None]:
    """Hold a delivery during the block; yields what tells its row while that is so, None where another machine has it.

    An embedded ledger has no other machines, and its deliveries are told by their keys alone.
    """
    key = (deliveries.c.job_id == job_id) & (deliveries.c.target == target)
    if spool.ledger_url is None:
        yield key
        return
    with spool.ledger.writing() as connection:
        free = _is_free(connection, deliveries, spool.lease_seconds)
        taken = update(deliveries).where(key, free).values(_claimed(connection, deliveries))
        lease = connection.execute(taken.returning(deliveries.c.lease)).scalar()
    if lease is None:
        yield None
        return
    mine = key & (deliveries.c.lease == lease)
    try:
        with _renewed(spool, job_id, update(deliveries).where(mine)):
            yield mine
    finally:
        _let_go(spool, job_id, mine)


def require(connection: Connection, table: Table, mine: ColumnElement[bool]) -> None:
    """Lock the row that a lease is held of, for the rest of the transaction.

    Raises
    ------
    LeaseLost
        If it is held no more.
    """
    if connection.execute(select(table.c.lease).where(mine).with_for_update()).one_or_none() is None:
        raise LeaseLost


def _running(job: Job) -> ColumnElement[bool]:
    return (jobs.c.job_id == job.id) & (jobs.c.state == JobState.RUNNING) & (jobs.c.lease == job.lease)


def _let_go(spool: "Spool", job_id: str, mine: ColumnElement[bool]) -> None:
    """End a lease, so that another machine need not wait until it is over."""
    try:
        with spool.ledger.writing() as connection:
            connection.execute(update(deliveries).where(mine).values(worker_host=None))
    except LedgerUnavailable as error:
        log.warning("lease_not_ended", job=job_id, error=error.strerror)


@contextmanager
def _renewed(spool: "Spool", job_id: str, mine: Update) -> Iterator[None]:
    if spool.ledger_url is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(spool, job_id, mine, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(spool: "Spool", job_id: str, mine: Update, ended: threading.Event) -> None:
    while not ended.wait(spool.lease_seconds / SIGNS_PER_LEASE):
        try:
            with spool.ledger.writing() as connection:
                connection.execute(mine.values(worker_seen=_now(connection)))
        except (LedgerUnavailable, MemoryError) as error:
            log.warning("lease_not_renewed", job=job_id, error=type(error).__name__)


def _claimed(connection: Connection, table: Table) -> dict[str, Any]:
    return {"worker_host": this_host(), "worker_seen": _now(connection), "lease": table.c.lease + 1}


def _is_free(connection: Connection, table: Table, lease_seconds: float) -> ColumnElement[bool]:
    silent_since = _now(connection) - timedelta(seconds=lease_seconds)
    own = or_(table.c.worker_host.is_(None), table.c.worker_host == this_host())
    return or_(own, table.c.worker_seen < silent_since)


def _now(connection: Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now
