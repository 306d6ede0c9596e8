"""What each state of a job, a delivery and a circuit has and cannot have; names in quarantine of any length."""

import json

from alembic import op
from sqlalchemy import Connection, Text, text

from listener.ledger.table_changes import add_constraints, redefine

revision = "0013"
down_revision = "0012"

WITH_RESULT = "('delivering', 'done', 'failed', 'dropped')"
CHECKS = {
    "jobs": {
        "hold_only": "hold IS NULL OR state IN ('waiting', 'ready', 'running', 'delivering')",
        "failure_only": "failure IS NULL OR state IN ('failed', 'dropped')",
        "dropped_only": "dropped IS NULL OR state IN ('dropped')",
        "outcome_only": f"outcome IS NULL OR state IN {WITH_RESULT}",
        "reason_only": f"reason IS NULL OR state IN {WITH_RESULT}",
        "score_only": f"score IS NULL OR state IN {WITH_RESULT}",
        "readied_always": "readied IS NOT NULL OR state NOT IN ('ready', 'running', 'delivering', 'done')",
        "outcome_always": "outcome IS NOT NULL OR state NOT IN ('delivering', 'done')",
        "failure_always": "failure IS NOT NULL OR state NOT IN ('failed')",
        "dropped_always": "dropped IS NOT NULL OR state NOT IN ('dropped')",
        "reason_always": "reason IS NOT NULL OR outcome IS NULL OR outcome <> 'not_scored'",
        "score_always": "score IS NOT NULL OR outcome IS NULL OR outcome <> 'scored'",
        "score_outcome": "score IS NULL OR (outcome IS NOT NULL AND outcome IN ('scored', 'unchanged'))",
    },
    "deliveries": {"settled": "next_try IS NULL OR state NOT IN ('delivered', 'refused')"},
    "target_circuits": {"next_probe": "(next_probe IS NULL) = (state = 'closed')"},
}
FORMER_OUTCOMES = "('scored', 'not_scored', 'unchanged')"
OUTCOMES = "('scored', 'not_scored', 'unchanged', 'lost')"
ANY_TEXT = {"name": 96, "reason": 64, "status": 64}
"""Columns of the quarantine, and how long they were."""
MENDED = """
UPDATE jobs SET hold = NULL WHERE hold IS NOT NULL AND state IN ('done', 'failed', 'dropped');
UPDATE jobs SET failure = NULL WHERE failure IS NOT NULL AND state NOT IN ('failed', 'dropped');
UPDATE jobs SET dropped = NULL WHERE dropped IS NOT NULL AND state <> 'dropped';
UPDATE jobs SET outcome = NULL, reason = NULL, score = NULL
WHERE state IN ('waiting', 'ready', 'running') AND NOT (outcome IS NULL AND reason IS NULL AND score IS NULL);
UPDATE jobs SET readied = changed WHERE readied IS NULL AND state IN ('ready', 'running', 'delivering', 'done');
UPDATE jobs SET reason = 'unknown' WHERE reason IS NULL AND outcome = 'not_scored';
UPDATE jobs SET outcome = 'lost' WHERE outcome IS NULL AND state IN ('delivering', 'done');
UPDATE deliveries SET next_try = NULL, wait_seconds = NULL
WHERE next_try IS NOT NULL AND state IN ('delivered', 'refused');
UPDATE target_circuits SET next_probe = NULL, wait_seconds = NULL WHERE next_probe IS NOT NULL AND state = 'closed';
UPDATE target_circuits SET next_probe = CURRENT_TIMESTAMP WHERE next_probe IS NULL AND state <> 'closed'
"""
"""What a job kept when it left a state, and what an import found no record of."""
LOST = "not known: its record was lost before the ledger came"
NOTES_LOST = {
    "failure": ("failed", {"reason": "internal_error", "message": LOST, "attempts": 0}),
    "dropped": ("dropped", {"by": "unknown", "why": LOST, "state": "waiting"}),
}


def upgrade() -> None:
    """Mend what earlier versions left in a state that should not have it, and add the constraints."""
    connection = op.get_bind()
    _let_outcomes_be_lost(connection)
    _mend(connection)
    for table, checks in CHECKS.items():
        add_constraints(connection, table, checks)
    if connection.dialect.name == "postgresql":
        for name in ANY_TEXT:
            op.alter_column("quarantine", name, type_=Text())
    else:
        redefine(connection, "quarantine", _with_any_text)


def _let_outcomes_be_lost(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        check = f"CONSTRAINT ck_jobs_outcome CHECK (outcome IN {OUTCOMES})"
        connection.execute(text(f"ALTER TABLE jobs DROP CONSTRAINT ck_jobs_outcome, ADD {check}"))
    else:
        redefine(connection, "jobs", lambda former: former.replace(FORMER_OUTCOMES, OUTCOMES))


def _with_any_text(former: str) -> str:
    for name, length in ANY_TEXT.items():
        former = former.replace(f"{name} VARCHAR({length})", f"{name} TEXT")
    return former


def _mend(connection: Connection) -> None:
    """Remove what a job kept when it left a state, and say of what an import found no record that it is not known."""
    as_values = "CAST({} AS JSONB)" if connection.dialect.name == "postgresql" else "{}"
    for change in MENDED.split(";"):
        connection.execute(text(change))
    for column, (state, note) in NOTES_LOST.items():
        values = as_values.format(f"'{json.dumps(note)[:-1]}, \"at\": \"' || changed || '\"}}'")
        change = f"UPDATE jobs SET {column} = {values} WHERE state = '{state}' AND {column} IS NULL"  # noqa: S608 - of this file
        connection.exec_driver_sql(change)
