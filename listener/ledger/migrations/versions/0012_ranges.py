"""Ranges of values, and that a job replaces one that exists: the database refuses a state that cannot be."""

from alembic import op
from sqlalchemy import text

from listener.ledger.table_changes import add_constraints

revision = "0012"
down_revision = "0011"

CHECKS = {
    "jobs": {
        "version": "version >= 1",
        "lease": "lease >= 0",
        "score": "score >= 0 AND score <= 1",
        "outcome": "outcome IN ('scored', 'not_scored', 'unchanged')",
    },
    "deliveries": {name: f"{name} >= 0" for name in ("tries", "looks", "lease")},
    "studies": {"series": "series >= 1", "instances": "instances >= 0"},
    "target_circuits": {"failures": "failures >= 0", "openings": "openings >= 0"},
}
REPLACES = (
    "CONSTRAINT fk_jobs_jobs FOREIGN KEY (replaces) REFERENCES jobs (job_id)"
    " ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED"
)
GONE = """
UPDATE jobs SET replaces = NULL
WHERE replaces IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs AS earlier WHERE earlier.job_id = jobs.replaces)
"""


def upgrade() -> None:
    """Let go of jobs that retention has removed, and add the constraints."""
    connection = op.get_bind()
    connection.execute(text(GONE))
    for table, checks in CHECKS.items():
        add_constraints(connection, table, checks, [REPLACES] if table == "jobs" else [])
