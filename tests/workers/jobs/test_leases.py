"""Leases of running jobs, on PostgreSQL: machines that share a database, and need not see each other's locks."""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from listener.spool import leases
from listener.spool.job_rows import jobs
from listener.spool.jobs import JobState, job_id_for
from listener.spool.leases import abandoned_jobs
from listener.spool.spool import Spool
from support.postgresql import PostgresServer
from support.processes import wait_until
from support.records import job_record
from workers.jobs.attempts import claimed

JOB_ID = job_id_for("1.2.3", 1)
LEASE_SECONDS = 8.0


@pytest.fixture
def spool(tmp_path: Path, postgres: PostgresServer) -> Spool:
    """Return a spool with a ready job, whose ledger is on a server."""
    spool = Spool(tmp_path / "spool", postgres.new_database(), LEASE_SECONDS)
    spool.prepare()
    assert spool.create_job(job_record(JOB_ID), JobState.READY)
    return spool


@pytest.fixture
def on_machine(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Return a function that lets this process be another machine, which does not see the locks of the others."""

    def become(name: str) -> None:
        monkeypatch.setattr(leases, "this_host", lambda: name)
        with contextlib.suppress(FileNotFoundError):
            os.rename(spool.job_folder(JOB_ID) / "lock", spool.job_folder(JOB_ID) / f"lock-{time.monotonic_ns()}")

    return become


def seen(spool: Spool) -> datetime:
    """Return when the job's worker gave its last sign of life."""
    with spool.ledger.reading() as connection:
        found: datetime = connection.execute(select(jobs.c.worker_seen)).scalar_one()
    return found


def test_a_living_worker_keeps_its_job(spool, on_machine):
    """Its signs of life go on for as long as it works, and no other machine gets the job."""
    on_machine("one")
    with claimed(spool, JOB_ID) as job:
        assert job is not None
        first = seen(spool)
        wait_until(lambda: seen(spool) > first, 60, "a sign of life")
        second = seen(spool)
        wait_until(lambda: seen(spool) > second, 60, "another one")
        spool.change(job, worker_host="two")  # as the other machine sees it
        assert abandoned_jobs(spool) == []


def test_a_job_of_a_machine_that_is_gone_is_taken_over(spool, on_machine):
    """Not before its lease is over; then by one, and the first machine gets it no more."""
    on_machine("one")
    with claimed(spool, JOB_ID) as job:
        assert job is not None
    on_machine("two")
    with claimed(spool, JOB_ID) as job:
        assert job is None, "its lease is not over"
    wait_until(lambda: abandoned_jobs(spool) == [JOB_ID], 60, "the end of the lease")
    with claimed(spool, JOB_ID) as job:
        assert job is not None
        on_machine("one")
        with claimed(spool, JOB_ID) as again:
            assert again is None


def test_a_worker_that_died_on_this_machine_is_noticed_at_once(spool, on_machine):
    """The lock tells that the worker is gone: no other waits for the end of its lease."""
    on_machine("one")
    with claimed(spool, JOB_ID):
        pass
    assert abandoned_jobs(spool) == [JOB_ID]
    with claimed(spool, JOB_ID) as job:
        assert job is not None
