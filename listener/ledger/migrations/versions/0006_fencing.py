"""Which claim of a job, and of a delivery, is the newest: what an earlier one still writes is refused."""

from alembic import op
from sqlalchemy import Column, DateTime, Integer, String

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns."""
    for table in ("jobs", "deliveries"):
        op.add_column(table, Column("lease", Integer, nullable=False, server_default="0"))
    op.add_column("deliveries", Column("worker_host", String(64)))
    op.add_column("deliveries", Column("worker_seen", DateTime(timezone=True)))
