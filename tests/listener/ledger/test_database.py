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
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError

import listener.ledger
from listener.ledger.database import SQLITE_NAME, Ledger, LedgerUnavailable, open_at
from listener.ledger.migration import HEAD, revision_of
from listener.ledger.schema import METADATA, row_of
from listener.ledger.target_circuits import Circuit, CircuitState, change_circuit, read_circuit, target_circuits
from support.processes import free_port, wait_until

for module in pkgutil.iter_modules(listener.ledger.__path__, "listener.ledger."):
    importlib.import_module(module.name)  # each defines its tables
importlib.import_module("listener.spool.study_rows")

ROWS_OF_A_JOB = """
INSERT INTO jobs (job_id, version, study_uid, seg_series_uid, seg_sop_instance_uid, created, state, changed, details)
VALUES ('JOB', 1, '1.2', '1.3', '1.4', '2026-01-01', 'delivering', '2026-01-01', '{}');
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


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    """Return an empty ledger on each of the two databases."""
    if request.param == "sqlite":
        return Ledger.in_folder(tmp_path)
    return Ledger(request.getfixturevalue("postgres").new_database())


def one_failure_more(circuit):
    """Return a circuit with one failure more."""
    return Circuit(failures=circuit.failures + 1)


def count_failures(url, number):
    """Count failures in this process."""
    for _ in range(number):
        change_circuit(Ledger(url), "pacs", one_failure_more)


def test_the_migrations_make_the_tables_that_the_code_uses(ledger):
    """Also the closed sets: they are constraints of the database."""
    with ledger.reading() as connection:
        assert revision_of(connection) == HEAD
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        checks = {table: inspect(connection).get_check_constraints(table) for table in METADATA.tables}
    found = {
        (table, frozenset(re.findall(r"'(\w+)'", check["sqltext"]))) for table in checks for check in checks[table]
    }
    columns = [column for table in METADATA.tables.values() for column in table.columns]
    assert found == {
        (column.table.name, frozenset(column.type.enums)) for column in columns if hasattr(column.type, "enums")
    }
    assert found


def test_what_is_no_member_of_a_closed_set_cannot_be_stored(ledger):
    """The database itself refuses it, whichever program writes it."""
    insert = text("INSERT INTO target_circuits (target, state, failures, openings) VALUES ('pacs', 'ajar', 0, 0)")
    with pytest.raises(IntegrityError), ledger.writing() as connection:
        connection.execute(insert)
    assert read_circuit(ledger, "pacs") == Circuit()


def test_a_report_needs_its_request(ledger):
    """The foreign keys are on."""
    insert = text(
        "INSERT INTO commitment_reports (transaction_uid, committed, failed, calling_ae_title, received)"
        " VALUES ('1.2', '[]', '{}', 'PACS', '2026-01-01 00:00:00')"
    )
    with pytest.raises(IntegrityError), ledger.writing() as connection:
        connection.execute(insert)


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
