"""Counts of studies without an outline and of outlines without a case, kept by the database; more indexes."""

from alembic import op
from sqlalchemy import Connection, text

from listener.ledger.table_changes import redefine

revision = "0014"
down_revision = "0013"

FORMER = "('jobs', 'studies', 'instances')"
COUNTED = "('jobs', 'studies', 'instances', 'without_outline', 'own_result', 'other_images', 'other_body_part')"
ADDED = (
    ("count_outlines_insert", "INSERT ON studies", "NOT NEW.outlined", "'without_outline'", "1"),
    ("count_outlines_delete", "DELETE ON studies", "NOT OLD.outlined", "'without_outline'", "-1"),
    (
        "count_outlines_update",
        "UPDATE ON studies",
        "NEW.outlined <> OLD.outlined",
        "'without_outline'",
        "CASE WHEN NEW.outlined THEN -1 ELSE 1 END",
    ),
    ("count_set_aside_insert", "INSERT ON set_aside_outlines", "true", "NEW.reason", "1"),
    ("count_set_aside_delete", "DELETE ON set_aside_outlines", "true", "OLD.reason", "-1"),
)
"""Name, occasion and condition of each trigger, and what it adds to which total. PostgreSQL runs them by name: before
those that count studies, in the order in which `listener.ledger.totals` locks."""
STEP = "UPDATE totals SET number = number + ({number}) WHERE what = {what};"
FUNCTION = "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {step} RETURN NULL; END $$"
REASONS = ("own_result", "other_images", "other_body_part")


def upgrade() -> None:
    """Let the database count from now on, and count once what is there."""
    connection = op.get_bind()
    is_postgresql = connection.dialect.name == "postgresql"
    _let_more_be_counted(connection)
    for name, occasion, condition, what, number in ADDED:
        step = STEP.format(what=what, number=number)
        if is_postgresql:
            op.execute(text(FUNCTION.format(name=name, step=step)))
        body = f"EXECUTE FUNCTION {name}()" if is_postgresql else f"BEGIN {step} END"
        op.execute(text(f"CREATE TRIGGER {name} AFTER {occasion} FOR EACH ROW WHEN ({condition}) {body}"))
    # After the triggers, which lock their tables on PostgreSQL: what other processes insert is counted, or triggers.
    op.execute(text("INSERT INTO totals SELECT 'without_outline', count(*) FROM studies WHERE NOT outlined"))
    for reason in REASONS:
        counted = f"SELECT '{reason}', count(*) FROM set_aside_outlines WHERE reason = '{reason}'"  # noqa: S608 - of this file
        op.execute(text(f"INSERT INTO totals {counted}"))
    op.create_index("ix_jobs_outcome_created", "jobs", ["outcome", "created"])
    op.create_index("ix_deliveries_target_state", "deliveries", ["target", "state"])
    op.create_index("ix_reader_assessments_at", "reader_assessments", ["at"])


def _let_more_be_counted(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        check = f"CONSTRAINT ck_totals_counted CHECK (what IN {COUNTED})"
        connection.execute(text(f"ALTER TABLE totals DROP CONSTRAINT ck_totals_counted, ADD {check}"))
    else:
        redefine(connection, "totals", lambda former: former.replace(FORMER, COUNTED))
