"""The ledger on both databases: transactions, errors, processes, migrations."""

import contextlib
import errno
import importlib
import multiprocessing
import pkgutil
import re
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, func, inspect, select, text
from sqlalchemy.exc import IntegrityError

import listener.ledger
from listener.ledger import database
from listener.ledger.database import SQLITE_NAME, Ledger, LedgerUnavailable, open_at
from listener.ledger.migration import HEAD, revision_of
from listener.ledger.quarantine import QuarantineReason, note_quarantined
from listener.ledger.schema import METADATA, row_of
from listener.ledger.target_circuits import Circuit, CircuitState, change_circuit, read_circuit, target_circuits
from listener.ledger.totals import Counted, total
from listener.spool.job_notes import Drop, Failure
from listener.spool.job_rows import jobs
from listener.spool.record_file import record_of
from support.circuits import one_failure_more
from support.ledger_rows import FOUR_ROWS, run_all
from support.mounts import close_ledgers
from support.processes import free_port, wait_until

for module in pkgutil.iter_modules(listener.ledger.__path__, "listener.ledger."):
    importlib.import_module(module.name)  # each defines its tables
importlib.import_module("listener.spool.study_rows")

ROWS_OF_A_JOB = """
INSERT INTO jobs
(job_id, version, study_uid, seg_series_uid, seg_sop_instance_uid, created, readied, state, changed, details,
outcome, score)
VALUES ('JOB', 1, '1.2', '1.3', '1.4', '2026-01-01', '2026-01-01', 'delivering', '2026-01-01', '{}', 'scored', 0.5);
INSERT INTO deliveries (job_id, target, state, roles, tries, looks, requests)
VALUES ('JOB', 'pacs', 'sent', '[]', 1, 0, '[]');
INSERT INTO delivery_objects
(job_id, target, role, answer, study_uid, series_uid, sop_class_uid, sop_instance_uid, status, committed, seen)
VALUES ('JOB', 'pacs', 'key_image', 'taken', '1.2', '1.3', '1.4', '1.5', '', false, false);
INSERT INTO commitment_requests (transaction_uid, job_id, target, requested)
VALUES ('JOB', 'JOB', 'pacs', '2026-01-01');
INSERT INTO commitment_reports (transaction_uid, committed, failed, calling_ae_title, received)
VALUES ('JOB', '[]', '{}', 'PACS', '2026-01-01');
INSERT INTO reader_assessments (job_id, sop_instance_uid, assessment, code, roles, reader, calling_ae_title, at)
VALUES ('JOB', '1.9', 'accepted', 'R', '[]', 'aa', 'PACS', '2026-01-01')
"""
BELONG_TO_JOBS = ("deliveries", "delivery_objects", "commitment_requests", "commitment_reports", "reader_assessments")
MOMENT = datetime(2026, 3, 1, 12, 30, 15, 678901, UTC)


def count_failures(url, number):
    """Count failures in this process."""
    for _ in range(number):
        change_circuit(Ledger(url), "pacs", one_failure_more)


def test_the_migrations_make_the_tables_that_the_code_uses(ledger):
    """Also the ranges and closed sets: they are constraints of the database."""
    with ledger.reading() as connection:
        assert revision_of(connection) == HEAD
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        checks = {table: inspect(connection).get_check_constraints(table) for table in METADATA.tables}
    found = {
        (check["name"], frozenset(re.findall(r"'(\w+)'", check["sqltext"])))
        for table in checks
        for check in checks[table]
    }
    expected = {
        (one.name, frozenset(re.findall(r"'(\w+)'", str(one.sqltext.compile(compile_kwargs={"literal_binds": True})))))
        for table in METADATA.tables.values()
        for one in table.constraints.union(*(column.constraints for column in table.columns))
        if isinstance(one, CheckConstraint)
    }
    assert found == expected
    assert ("ck_quarantine_bytes", frozenset()) in found
    assert "open" in dict(found)["ck_target_circuits_circuitstate"]


SET_ASIDE = """
INSERT INTO set_aside_outlines (study_uid, series_uid, sop_instance_uid, reason, message, at)
VALUES ('1.2', '1.8', '1.8.1', 'own_result', '', '2026-01-01')
"""


def test_rows_of_an_earlier_version_stay_when_the_constraints_come(ledger):
    """Also their deliveries; a job that replaces one that is gone replaces none then, and all are counted."""
    open_at(ledger, "0009")
    run_all(ledger, FOUR_ROWS)
    run_all(ledger, FOUR_ROWS.split("INSERT INTO deliveries")[0].replace("'b'", "'c'").replace("'a'", "'gone'"))
    run_all(ledger, "DELETE FROM jobs WHERE job_id = 'gone'")
    run_all(ledger, SET_ASIDE)
    close_ledgers()
    with ledger.writing() as connection:
        assert revision_of(connection) == HEAD
        found = connection.execute(text("SELECT job_id, replaces FROM jobs ORDER BY job_id")).all()
        assert found == [("a", None), ("b", "a"), ("c", None)]
        assert connection.execute(text("SELECT job_id FROM deliveries")).scalars().all() == ["b"]
        assert [total(connection, what) for what in Counted] == [3, 1, 7, 1, 1, 0, 0]
        if connection.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert not connection.execute(text("PRAGMA foreign_key_check")).all()


KEPT_TOO_MUCH = """
UPDATE jobs SET state = 'ready', readied = NULL, failure = '{}', dropped = '{}' WHERE job_id = 'a';
UPDATE jobs SET state = 'done', hold = '{}', outcome = NULL, score = NULL WHERE job_id = 'b';
UPDATE jobs SET state = 'failed', outcome = 'not_scored', score = NULL WHERE job_id = 'c';
UPDATE jobs SET state = 'dropped', outcome = NULL, score = NULL WHERE job_id = 'd';
UPDATE deliveries SET state = 'refused', next_try = '2026-01-01';
UPDATE target_circuits SET next_probe = NULL
"""


def test_what_an_earlier_version_let_jobs_keep_is_removed(ledger, tmp_path):
    """And of what an import found no record, it is said that it is not known: the program reads every row."""
    open_at(ledger, "0012")
    first = FOUR_ROWS.split(";", maxsplit=1)[0]
    run_all(ledger, ";".join([FOUR_ROWS, first.replace("'a'", "'c'"), first.replace("'a'", "'d'"), KEPT_TOO_MUCH]))
    close_ledgers()
    with ledger.writing() as connection:
        query = text("SELECT state, outcome, reason, score, hold FROM jobs ORDER BY job_id")
        assert connection.execute(query).all() == [
            ("ready", None, None, None, None),
            ("done", "lost", None, None, None),
            ("failed", "not_scored", "unknown", None, None),
            ("dropped", None, None, None, None),
        ]
        query = select(jobs.c.readied, jobs.c.failure, jobs.c.dropped).order_by(jobs.c.job_id)
        readied, _, failed, dropped = connection.execute(query).all()
        assert readied == (datetime(2026, 1, 1, tzinfo=UTC), None, None)
        assert record_of(Failure, failed.failure, "").at == datetime(2026, 1, 1, tzinfo=UTC)
        assert record_of(Drop, dropped.dropped, "").by == "unknown"
        assert connection.execute(text("SELECT next_try FROM deliveries")).all() == [(None,)]
    assert read_circuit(ledger, "pacs").next_probe is not None
    note_quarantined(ledger, "x" * 200, 4, QuarantineReason(reason="y" * 200))


@pytest.mark.parametrize("revision", ["0011", "0012"])
def test_a_row_that_no_migration_can_mend_is_named(ledger, revision):
    """In the same words on both databases; nothing is changed, and the earlier version goes on."""
    open_at(ledger, revision)
    run_all(ledger, FOUR_ROWS.replace("0.5", "0.5" if revision == "0012" else "1.5"))
    run_all(ledger, "UPDATE jobs SET outcome = NULL WHERE job_id = 'b'; UPDATE jobs SET state = 'failed'")
    close_ledgers()
    words = r"the ledger has an impossible score\w* in jobs \(job_id [ab]\): restore it from a backup"
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match=words):
            read_circuit(ledger, "pacs")
    open_at(ledger, revision)
    with ledger.reading() as connection:
        assert revision_of(connection) == revision


def test_what_another_process_inserts_during_the_migration_is_counted(postgres):
    """One of the earlier version, on another machine, that has not committed when the counting starts."""
    ledger = Ledger(postgres.new_database())
    open_at(ledger, "0010")
    close_ledgers()
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with create_engine(ledger.url).connect() as other, create_engine(ledger.url).connect() as observer:
        other.exec_driver_sql(FOUR_ROWS.split(";", maxsplit=1)[0])
        migration = threading.Thread(target=read_circuit, args=(ledger, "pacs"))
        migration.start()
        wait_until(lambda: observer.scalar(waiting), 5, "the migration waits for the table")
        other.commit()
        migration.join()
    with ledger.reading() as connection:
        assert total(connection, Counted.JOBS) == 1


def test_a_start_waits_while_another_process_migrates(tmp_path, monkeypatch):
    """Longer than for a transaction; once it is done, a start needs no lock that writers hold."""
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 0.1)
    ledger = Ledger.in_folder(tmp_path)
    other = sqlite3.connect(tmp_path / SQLITE_NAME, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.4, lambda: other.execute("COMMIT"))
    done.start()
    assert read_circuit(ledger, "pacs") == Circuit()
    done.join()
    close_ledgers()
    other.execute("BEGIN IMMEDIATE")
    assert read_circuit(ledger, "pacs") == Circuit()
    other.close()


def test_times_come_back_as_they_were(ledger):
    """To the microsecond, in UTC, wherever they were taken."""
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    circuit = Circuit(CircuitState.OPEN, 3, 1, elsewhere, 30.0, MOMENT, "no answer")
    change_circuit(ledger, "pacs", lambda _: circuit)
    found = read_circuit(ledger, "pacs")
    assert found == circuit
    assert found.next_probe is not None
    assert found.next_probe.utcoffset() == timedelta(0)


def test_an_error_rolls_back_all_of_a_transaction(ledger):
    """One transaction is one step."""
    twice = target_circuits.insert().values([{"target": "pacs", **row_of(Circuit(failures=2))}])
    with contextlib.suppress(IntegrityError), ledger.writing() as connection:
        connection.execute(twice)
        connection.execute(twice)
    assert read_circuit(ledger, "pacs") == Circuit()


def test_simultaneous_changes_are_all_kept(ledger):
    """Threads and processes read and write back the same row."""
    read_circuit(ledger, "pacs")  # the children inherit a connection, and must not use it
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=count_failures, args=(ledger.url, 10)) for _ in range(3)]
    threads = [threading.Thread(target=count_failures, args=(ledger.url, 10)) for _ in range(3)]
    for one in [*processes, *threads]:
        one.start()
    for one in [*processes, *threads]:
        one.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert read_circuit(ledger, "pacs").failures == 60


def test_several_processes_may_migrate_at_once(ledger):
    """One of them migrates, the others find the schema up to date."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_failures, args=(ledger.url, 1)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert read_circuit(ledger, "pacs").failures == 4


def test_a_newer_schema_is_left_alone(ledger):
    """A newer program may have changed what the tables mean."""
    with ledger.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    other = Ledger(ledger.url + "?application_name=other" if "postgresql" in ledger.url else ledger.url + "?timeout=5")
    with pytest.raises(OSError, match="a newer radtme wrote the ledger"):
        read_circuit(other, "pacs")


def test_a_server_that_is_not_there_is_told_without_its_password():
    """And in the time that a connection may take."""
    ledger = Ledger(f"postgresql+psycopg://radtme:secret@127.0.0.1:{free_port()}/radtme")
    with pytest.raises(LedgerUnavailable, match="does not answer") as caught:
        read_circuit(ledger, "pacs")
    assert caught.value.errno == errno.EAGAIN
    assert "secret" not in repr(ledger) + str(caught.value)


def test_a_connection_that_the_server_ended_is_replaced(postgres):
    """A restart of the database costs no error once it is back."""
    ledger = Ledger(postgres.new_database())
    read_circuit(ledger, "pacs")
    postgres.stop()
    with pytest.raises(LedgerUnavailable):
        read_circuit(ledger, "pacs")
    postgres.start()
    wait_until(postgres.answers, 60, "the restarted server")
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 1


def test_a_damaged_file_is_told_with_its_remedy(tmp_path):
    """It is neither overwritten nor taken for an empty one."""
    (tmp_path / SQLITE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerUnavailable, match="is damaged: restore it from the latest backup"):
        read_circuit(Ledger.in_folder(tmp_path), "pacs")
    assert (tmp_path / SQLITE_NAME).read_bytes() == b"no database" * 1000


def test_a_lock_that_is_held_too_long_is_an_error_that_passes(tmp_path, monkeypatch):
    """Another program keeps a transaction open."""
    monkeypatch.setattr("listener.ledger.database.LOCK_TIMEOUT_SECONDS", 0.1)
    ledger = Ledger.in_folder(tmp_path)
    read_circuit(ledger, "pacs")
    other = sqlite3.connect(tmp_path / SQLITE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable) as caught:
        change_circuit(ledger, "pacs", one_failure_more)
    assert caught.value.errno == errno.EAGAIN
    other.execute("ROLLBACK")
    change_circuit(ledger, "pacs", one_failure_more)
    assert read_circuit(ledger, "pacs").failures == 1
    other.close()


def test_sqlite_survives_a_power_cut(tmp_path):
    """Every commit is synced; readers go on beside a writer."""
    with Ledger.in_folder(tmp_path).reading() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]


def test_the_foreign_keys_come_to_a_ledger_that_is_in_use(ledger):
    """Rows without a job are removed; all others are kept, and are removed together with their job."""
    inserts = ROWS_OF_A_JOB.split(";")
    old = Ledger(ledger.url + ("?application_name=old" if "postgresql" in ledger.url else "?timeout=7"))
    open_at(old, "0007")
    with old.writing() as connection:
        for job in ("kept", "orphan"):
            for statement in inserts if job == "kept" else inserts[1:]:
                connection.execute(text(statement.replace("JOB", job)))
    rows = [select(func.count()).select_from(METADATA.tables[table]) for table in ("jobs", *BELONG_TO_JOBS)]
    with ledger.writing() as connection:
        assert revision_of(connection) == HEAD
        assert [connection.execute(count).scalar() for count in rows] == [1] * 6
        connection.execute(text("DELETE FROM jobs"))
        assert [connection.execute(count).scalar() for count in rows] == [0] * 6
    with pytest.raises(IntegrityError), ledger.writing() as connection:
        connection.execute(text(inserts[1]))
