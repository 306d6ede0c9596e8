"""Deliveries, and what each target did with each object."""

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

TIME = DateTime(timezone=True)
VALUES = JSON().with_variant(JSONB(), "postgresql")
STATES = "'queued', 'retry', 'sent', 'commitment_requested', 'committed', 'delivered', 'refused'"


def upgrade() -> None:
    """Create the outbox."""
    op.create_table(
        "deliveries",
        Column("job_id", String(32), nullable=False),
        Column("target", String(64), nullable=False),
        Column("state", String(32), nullable=False),
        Column("roles", VALUES, nullable=False),
        Column("queued", TIME),
        Column("updated", TIME),
        Column("next_try", TIME),
        Column("wait_seconds", Float),
        Column("tries", Integer, nullable=False),
        Column("looks", Integer, nullable=False),
        Column("requests", VALUES, nullable=False),
        Column("last_error", Text),
        PrimaryKeyConstraint("job_id", "target", name="pk_deliveries"),
        CheckConstraint(f"state IN ({STATES})", name="ck_deliveries_deliverystate"),
    )
    op.create_table(
        "delivery_objects",
        Column("job_id", String(32), nullable=False),
        Column("target", String(64), nullable=False),
        Column("role", String(32), nullable=False),
        Column("answer", String(32), nullable=False),
        Column("study_uid", String(64), nullable=False),
        Column("series_uid", String(64), nullable=False),
        Column("sop_class_uid", String(64), nullable=False),
        Column("sop_instance_uid", String(64), nullable=False),
        Column("status", Text, nullable=False),
        Column("committed", Boolean, nullable=False),
        Column("seen", Boolean, nullable=False),
        PrimaryKeyConstraint("job_id", "target", "role", name="pk_delivery_objects"),
        ForeignKeyConstraint(
            ["job_id", "target"],
            ["deliveries.job_id", "deliveries.target"],
            name="fk_delivery_objects_deliveries",
            ondelete="CASCADE",
        ),
        CheckConstraint("answer IN ('taken', 'refused')", name="ck_delivery_objects_objectanswer"),
    )
