"""What the database itself refuses, whichever program writes it."""

import contextlib

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from listener.ledger.quarantine import QuarantineReason, note_quarantined
from listener.ledger.target_circuits import Circuit, read_circuit
from listener.ledger.totals import Counted, total
from support.ledger_rows import FOUR_ROWS, run_all

NOT_POSSIBLE = [
    "UPDATE jobs SET score = 1.5",
    "UPDATE jobs SET version = 0",
    "UPDATE jobs SET lease = -1",
    "UPDATE jobs SET outcome = 'perhaps'",
    "UPDATE jobs SET replaces = '0000000000000000-v1'",
    "UPDATE deliveries SET tries = -1",
    "UPDATE deliveries SET job_id = '0000000000000000-v1'",
    "UPDATE studies SET instances = -1",
    "UPDATE studies SET series = 0",
    "UPDATE target_circuits SET failures = -1",
    "UPDATE totals SET number = -1",
    "UPDATE totals SET what = 'cows'",
    "UPDATE quarantine SET bytes = -1",
    "UPDATE jobs SET state = 'failed'",
    "UPDATE jobs SET state = 'dropped'",
    "UPDATE jobs SET outcome = NULL, score = NULL",
    "UPDATE jobs SET readied = NULL",
    "UPDATE jobs SET hold = '{}'",
    "UPDATE jobs SET failure = '{}'",
    "UPDATE jobs SET dropped = '{}'",
    "UPDATE jobs SET state = 'ready'",
    "UPDATE jobs SET score = NULL",
    "UPDATE jobs SET outcome = 'not_scored', score = NULL",
    "UPDATE jobs SET outcome = 'lost'",
    "UPDATE deliveries SET state = 'delivered', next_try = '2026-01-01'",
    "UPDATE target_circuits SET next_probe = NULL",
    "UPDATE target_circuits SET state = 'closed'",
]


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


def test_what_cannot_be_cannot_be_stored(ledger):
    """Ranges, references and what goes with which state hold for whatever program writes."""
    run_all(ledger, FOUR_ROWS)
    note_quarantined(ledger, "1.2.0a", 4, QuarantineReason(reason="cannot_understand"))
    stored = []
    for statement in NOT_POSSIBLE:
        with contextlib.suppress(IntegrityError):
            run_all(ledger, statement)
            stored.append(statement)
    assert stored == []


def test_a_job_whose_predecessor_is_removed_stays(ledger):
    """It replaces nothing then, and its delivery stays too."""
    run_all(ledger, FOUR_ROWS)
    run_all(ledger, "DELETE FROM jobs WHERE job_id = 'a'")
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT job_id, replaces FROM jobs")).all() == [("b", None)]
        assert connection.execute(text("SELECT job_id FROM deliveries")).scalars().all() == ["b"]
        assert [total(connection, what) for what in Counted] == [1, 1, 7, 1, 0, 0, 0]
