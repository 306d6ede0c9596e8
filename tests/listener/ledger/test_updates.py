"""An update of the program while the ledger is in use: what meets a schema of another version than its own."""

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager

import pytest
from alembic import op
from sqlalchemy import create_engine, text

from listener.ledger.database import Ledger, LedgerUnavailable, open_at
from listener.ledger.migration import ADVISORY_LOCK, HEAD, revision_of
from listener.ledger.target_circuits import Circuit, change_circuit, read_circuit
from support.circuits import one_failure_more
from support.mounts import close_ledgers
from support.processes import wait_until

EARLIER = "0013"
SET_REVISION = "UPDATE alembic_version SET version_num = '{}'"


def count_a_failure(url):
    """Count one in this process."""
    change_circuit(Ledger(url), "pacs", one_failure_more)


@contextmanager
def another_program(ledger):
    """Yield a connection of another program than this one; what it wrote is committed at the end."""
    engine = create_engine(ledger.url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_process_that_runs_during_an_update_neither_reads_nor_writes(ledger):
    """It would do so by the rules of its own version. After a rollback it goes on by itself."""
    change_circuit(ledger, "pacs", one_failure_more)
    with another_program(ledger) as other:
        other.execute(text(SET_REVISION.format("9999")))
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="a newer radtme wrote the ledger"):
            change_circuit(ledger, "pacs", one_failure_more)
        with pytest.raises(LedgerUnavailable, match="a newer radtme wrote the ledger"):
            read_circuit(ledger, "pacs")
    with another_program(ledger) as other:
        other.execute(text(SET_REVISION.format(HEAD)))
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 2


def of_another_process(ledger):
    """Return the same ledger, opened anew."""
    return Ledger(ledger.url + ("?application_name=new" if "postgresql" in ledger.url else "?timeout=7"))


def test_what_was_opened_before_an_update_is_opened_anew(ledger):
    """One transaction is refused, with nothing written; the next one finds the schema as it is now."""
    open_at(ledger, EARLIER)
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(of_another_process(ledger), "pacs").failures == 1
    with pytest.raises(LedgerUnavailable, match=f"of revision {HEAD} by now: the next access opens it again"):
        change_circuit(ledger, "pacs", one_failure_more)
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 2


def test_a_migration_waits_for_the_transactions_of_the_earlier_version(postgres):
    """So that none of them ends under the rules of another schema than it began with; SQLite has one writer anyway."""
    ledger = Ledger(postgres.new_database())
    open_at(ledger, EARLIER)
    new = of_another_process(ledger)
    migration = threading.Thread(target=read_circuit, args=(new, "pacs"))
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database WHERE NOT granted AND datname = :name"
    )
    with another_program(ledger) as observer:
        name = {"name": ledger.url.rpartition("/")[2]}
        with ledger.writing() as connection:
            migration.start()
            wait_until(lambda: observer.scalar(waiting, name), 9, "the migration waits")
            assert revision_of(connection) == EARLIER
    migration.join()
    with new.reading() as connection:
        assert revision_of(connection) == HEAD


def test_a_start_waits_for_a_long_migration_on_another_host(postgres, monkeypatch):
    """Longer than a transaction waits for a lock."""
    ledger = Ledger(postgres.new_database())
    open_at(ledger, EARLIER)
    monkeypatch.setattr("listener.ledger.database.LOCK_TIMEOUT_SECONDS", 1)
    with another_program(ledger) as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        done = threading.Timer(3, other.commit)
        done.start()
        assert read_circuit(of_another_process(ledger), "pacs") == Circuit()
        done.join()


def test_hosts_that_start_at_once_after_an_update(ledger):
    """One of them migrates the ledger in use, the others find it up to date."""
    open_at(ledger, EARLIER)
    change_circuit(ledger, "pacs", one_failure_more)
    close_ledgers()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_a_failure, args=(ledger.url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    assert read_circuit(ledger, "pacs").failures == 4


def die_while_migrating(url):
    """Migrate, and be killed at the end of the last revision."""
    original = op.create_index

    def create_index(name, *rest):
        if name == "ix_reader_assessments_at":
            os.kill(os.getpid(), signal.SIGKILL)
        original(name, *rest)

    op.create_index = create_index
    count_a_failure(url)


def test_a_migration_that_was_killed_leaves_the_ledger_to_the_earlier_version(ledger):
    """All of it is one transaction: the earlier version goes on, or the next start of the new one migrates."""
    open_at(ledger, EARLIER)
    change_circuit(ledger, "pacs", one_failure_more)
    close_ledgers()
    process = multiprocessing.get_context("fork").Process(target=die_while_migrating, args=(ledger.url,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    open_at(ledger, EARLIER)
    with ledger.reading() as connection:
        assert revision_of(connection) == EARLIER
    change_circuit(ledger, "pacs", one_failure_more)
    close_ledgers()
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 3
