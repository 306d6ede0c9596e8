"""Deliveries and assessments belong to jobs, commitment requests to deliveries: none outlives what it belongs to."""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"

PARENTS = {
    "deliveries": ("job_id", "jobs", "job_id"),
    "commitment_requests": ("job_id, target", "deliveries", "job_id, target"),
    "reader_assessments": ("job_id", "jobs", "job_id"),
}
"""Columns of each table, and the table and columns that they refer to; a table stands before those that need it."""
CHILDREN = {"deliveries": "delivery_objects", "commitment_requests": "commitment_reports"}
"""What goes with the rows of a table; SQLite removes it when it drops the table."""


def upgrade() -> None:
    """Remove what belongs to nothing, and let nothing like it be stored again."""
    for table, (columns, parent, keys) in PARENTS.items():
        same = " AND ".join(f"parent.{column} = {table}.{column}" for column in keys.split(", "))
        op.execute(text(f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {parent} AS parent WHERE {same})"))  # noqa: S608 - names of this file
        key = f"CONSTRAINT fk_{table}_{parent} FOREIGN KEY ({columns}) REFERENCES {parent} ({keys}) ON DELETE CASCADE"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(text(f"ALTER TABLE {table} ADD {key}"))
        else:
            _rebuild(table, key)
    op.create_index("ix_commitment_requests_job_id_target", "commitment_requests", ["job_id", "target"])


def _rebuild(table: str, constraint: str) -> None:
    """Make a table of SQLite anew, which cannot add a constraint, with its rows and those that go with them."""
    kept = [name for name in (table, CHILDREN.get(table)) if name]
    for name in kept:
        op.execute(text(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}"))  # noqa: S608
    definition = op.get_bind().execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table})
    former = str(definition.scalar_one()).rstrip().removesuffix(")")
    op.execute(text(f"DROP TABLE {table}"))
    op.execute(text(f"{former}, {constraint})"))
    for name in kept:
        op.execute(text(f"INSERT INTO {name} SELECT * FROM kept_{name}"))  # noqa: S608
        op.execute(text(f"DROP TABLE kept_{name}"))
