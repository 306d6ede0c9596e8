"""What readers said of delivered results."""

from alembic import op
from sqlalchemy import JSON, CheckConstraint, Column, DateTime, PrimaryKeyConstraint, String
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "reader_assessments",
        Column("job_id", String(32), nullable=False),
        Column("sop_instance_uid", String(64), nullable=False),
        Column("assessment", String(32), nullable=False),
        Column("code", String(64), nullable=False),
        Column("roles", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        Column("reader", String(16), nullable=False),
        Column("calling_ae_title", String(16), nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("job_id", "sop_instance_uid", name="pk_reader_assessments"),
        CheckConstraint("assessment IN ('accepted', 'modified', 'rejected')", name="ck_reader_assessments_assessment"),
    )
