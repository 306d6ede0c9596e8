"""Which machine works on a running job, and when it last gave a sign of life."""

from alembic import op
from sqlalchemy import Column, DateTime, String

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", Column("worker_host", String(64)))
    op.add_column("jobs", Column("worker_seen", DateTime(timezone=True)))
