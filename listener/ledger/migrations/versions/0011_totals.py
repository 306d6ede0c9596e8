"""How many jobs, studies and instances there are: counted by the database itself when one is made or removed."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, PrimaryKeyConstraint, String, text

revision = "0011"
down_revision = "0010"

ADDED = {
    ("jobs", "INSERT"): {"jobs": "1"},
    ("jobs", "DELETE"): {"jobs": "-1"},
    ("studies", "INSERT"): {"studies": "1", "instances": "NEW.instances"},
    ("studies", "DELETE"): {"studies": "-1", "instances": "-OLD.instances"},
    ("studies", "UPDATE"): {"instances": "NEW.instances - OLD.instances"},
}
"""What each change of a table adds to which total."""
STEP = "UPDATE totals SET number = number + ({number}) WHERE what = '{what}'; "
FUNCTION = "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {steps} RETURN NULL; END $$"


def upgrade() -> None:
    """Let the database count from now on, and count once what is there."""
    op.create_table(
        "totals",
        Column("what", String(32), nullable=False),
        Column("number", BigInteger, nullable=False),
        CheckConstraint("what IN ('jobs', 'studies', 'instances')", name="ck_totals_counted"),
        CheckConstraint("number >= 0", name="ck_totals_number"),
        PrimaryKeyConstraint("what", name="pk_totals"),
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for (table, change), added in ADDED.items():
        name = f"count_{table}_{change.lower()}"
        steps = "".join(STEP.format(what=what, number=number) for what, number in added.items())
        if is_postgresql:
            op.execute(text(FUNCTION.format(name=name, steps=steps)))
        body = f"EXECUTE FUNCTION {name}()" if is_postgresql else f"BEGIN {steps} END"
        op.execute(text(f"CREATE TRIGGER {name} AFTER {change} ON {table} FOR EACH ROW {body}"))
    # Last: on PostgreSQL a trigger locks its table, so that what other processes insert is counted, or triggers.
    for what, number in (("jobs", "count(*)"), ("studies", "count(*)"), ("instances", "coalesce(sum(instances), 0)")):
        table = "jobs" if what == "jobs" else "studies"
        op.execute(text(f"INSERT INTO totals SELECT '{what}', {number} FROM {table}"))  # noqa: S608 - of this file
