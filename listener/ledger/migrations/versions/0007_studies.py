"""Studies: when something of each last came, and whether an outline did. The next start of a listener fills it."""

from alembic import op
from sqlalchemy import Boolean, Column, DateTime, Integer, PrimaryKeyConstraint, String

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table, and what the status asks of outlines without a case."""
    op.create_table(
        "studies",
        Column("study_uid", String(64), nullable=False),
        Column("series", Integer, nullable=False),
        Column("instances", Integer, nullable=False),
        Column("last_arrival", DateTime(timezone=True), nullable=False),
        Column("outlined", Boolean, nullable=False),
        PrimaryKeyConstraint("study_uid", name="pk_studies"),
    )
    op.create_index("ix_studies_last_arrival", "studies", ["last_arrival"])
    op.create_index("ix_studies_outlined_last_arrival", "studies", ["outlined", "last_arrival"])
    op.create_index("ix_set_aside_outlines_reason_at", "set_aside_outlines", ["reason", "at"])
