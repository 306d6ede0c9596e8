"""Errors of a database, and what the ledger makes of them: they pass, and nothing is half written."""

import multiprocessing
import os
import shutil
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import op
from psycopg import sql
from sqlalchemy import select

from listener.ledger import database
from listener.ledger.database import Ledger, LedgerUnavailable
from listener.ledger.migration import HEAD, revision_of
from listener.ledger.target_circuits import Circuit, change_circuit, read_circuit
from listener.spool import leases
from listener.spool.job_rows import jobs
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.circuits import one_failure_more
from support.mounts import close_ledgers, fill, tmpfs_for_all
from support.postgresql import UNPRIVILEGED, PostgresServer
from support.processes import wait_until
from support.records import job_record


def die_while_migrating(url: str) -> None:
    """Migrate, and be killed in the middle of a revision."""
    original = op.create_index

    def create_index(name: str, *rest: object) -> None:
        if name == "ix_jobs_study_uid":
            os.kill(os.getpid(), signal.SIGKILL)
        original(name, *rest)  # type: ignore[arg-type]

    op.create_index = create_index
    read_circuit(Ledger(url), "pacs")


def test_a_migration_that_was_killed_is_done_by_the_next_start(ledger: Ledger) -> None:
    """All of it is one transaction: nothing of the first one is left to stumble over."""
    process = multiprocessing.get_context("fork").Process(target=die_while_migrating, args=(ledger.url,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 1
    with ledger.reading() as connection:
        assert revision_of(connection) == HEAD


def test_all_connections_in_use(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that gets no connection in time raises an error, and gets one once it is free again."""
    monkeypatch.setattr(database, "POOL_SIZE", 1)
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 1)
    ledger = Ledger(postgres.new_database())
    read_circuit(ledger, "pacs")
    taken, enough = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with ledger.reading():
            taken.release()
            enough.wait()

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for one in holders:
        one.start()
        assert taken.acquire(timeout=60)
    try:
        with pytest.raises(LedgerUnavailable, match="all connections are in use"):
            read_circuit(ledger, "pacs")
    finally:
        enough.set()
        for one in holders:
            one.join()
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 1


def test_a_server_that_takes_no_more_connections(postgres: PostgresServer) -> None:
    """Others use all that it has; when some are free, the ledger is back."""
    url = postgres.new_database()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
        admin.execute("GRANT CREATE ON SCHEMA public TO few")
        admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO few").format(sql.Identifier(url.rpartition("/")[2])))
        ledger = Ledger(url.replace("radtme@", "few@"))
        others = psycopg.connect(url.replace("+psycopg", "").replace("radtme@", "few@"))
        with others, pytest.raises(LedgerUnavailable, match="does not answer"):
            read_circuit(ledger, "pacs")
        in_use = "SELECT 1 FROM pg_stat_activity WHERE usename = 'few'"
        wait_until(lambda: not admin.execute(in_use).fetchall(), 60, "a free connection")
        assert read_circuit(ledger, "pacs") == Circuit()


def test_a_database_that_became_read_only(postgres: PostgresServer) -> None:
    """A standby that took over, say: it is read, writing waits, and goes on when it can be written."""
    url = postgres.new_database()
    change_circuit(Ledger(url), "pacs", one_failure_more)
    name = sql.Identifier(url.rpartition("/")[2])
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        for mode, expected in (("on", 1), ("off", 2)):
            admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(name, mode))
            ledger = Ledger(f"{url}?application_name=mode-{mode}")  # connections that are new
            if mode == "on":
                with pytest.raises(LedgerUnavailable):
                    change_circuit(ledger, "pacs", one_failure_more)
            else:
                change_circuit(ledger, "pacs", one_failure_more)
            assert read_circuit(ledger, "pacs").failures == expected


def write_until_refused(ledger: Ledger) -> int:
    """Write until the disk is full; return how many transactions were committed."""
    for number in range(10_000):
        try:
            change_circuit(ledger, f"target-{number}", one_failure_more)
        except LedgerUnavailable:
            return number
    pytest.fail("the disk was not full")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_full_disk_below_the_database(kind: str, postgres: PostgresServer) -> None:
    """Each transaction is committed or refused; when there is room, writing goes on."""
    with tmpfs_for_all("size=32m") as disk:
        if kind == "sqlite":
            ledger = Ledger.in_folder(disk)
        else:
            place = disk / "tablespace"
            place.mkdir()
            shutil.chown(place, UNPRIVILEGED)
            ledger = Ledger(postgres.new_database(place))
        read_circuit(ledger, "pacs")
        ballast = fill(disk)
        committed = write_until_refused(ledger)
        ballast.unlink()
        change_circuit(ledger, "pacs", one_failure_more)
        written = [read_circuit(ledger, f"target-{number}").failures for number in range(committed + 1)]
        assert written == [1] * committed + [0]
        close_ledgers()
        if kind == "postgresql":
            postgres.drop_database(ledger.url)


def test_hosts_whose_clocks_differ_agree_on_a_lease(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's clock counts: a host that is a day ahead neither takes a case too soon nor keeps it for longer."""
    spool = Spool(tmp_path / "spool", postgres.new_database(), lease_seconds=600.0)
    spool.prepare()
    ready = spool.create_job(job_record(job_id_for("1.2", 1)), JobState.READY)
    assert ready is not None

    class Ahead(datetime):
        """The clock of a host that is a day ahead."""

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            """Return its time."""
            return datetime.now(UTC) + timedelta(days=1)

    monkeypatch.setattr(leases, "this_host", lambda: "one")
    running = leases.claim(spool, ready)
    assert running is not None
    monkeypatch.setattr(leases, "datetime", Ahead)
    monkeypatch.setattr(leases, "this_host", lambda: "ahead")
    assert leases.abandoned_jobs(spool) == []
    assert leases.claim(spool, running) is None
    over = Spool(spool.root, spool.ledger_url, lease_seconds=-1.0)  # as if the lease had ended
    taken = leases.claim(over, running)
    assert taken is not None
    monkeypatch.setattr(leases, "datetime", datetime)
    monkeypatch.setattr(leases, "this_host", lambda: "one")
    assert leases.abandoned_jobs(spool) == [], "a claim by the host that is ahead holds no shorter"
    with spool.ledger.reading() as connection:
        seen = connection.execute(select(jobs.c.worker_seen)).scalar_one()
    assert seen < datetime.now(UTC) + timedelta(hours=1)
