"""Jobs, each a row for its whole life."""

from alembic import op
from sqlalchemy import JSON, CheckConstraint, Column, DateTime, Float, Integer, PrimaryKeyConstraint, String
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

TIME = DateTime(timezone=True)
VALUES = JSON().with_variant(JSONB(), "postgresql")
UID = String(64)
STATES = "'waiting', 'ready', 'running', 'delivering', 'done', 'failed', 'dropped'"


def upgrade() -> None:
    """Create the table of jobs."""
    op.create_table(
        "jobs",
        Column("job_id", String(32), nullable=False),
        Column("version", Integer, nullable=False),
        Column("replaces", String(32)),
        Column("study_uid", UID, nullable=False),
        Column("seg_series_uid", UID, nullable=False),
        Column("seg_sop_instance_uid", UID, nullable=False),
        Column("segment_number", Integer),
        Column("calling_ae_title", String(16)),
        Column("created", TIME, nullable=False),
        Column("readied", TIME),
        Column("state", String(32), nullable=False),
        Column("changed", TIME, nullable=False),
        Column("details", VALUES, nullable=False),
        Column("attempts", VALUES),
        Column("failure", VALUES),
        Column("hold", VALUES),
        Column("dropped", VALUES),
        Column("outcome", String(64)),
        Column("reason", String(64)),
        Column("score", Float),
        PrimaryKeyConstraint("job_id", name="pk_jobs"),
        CheckConstraint(f"state IN ({STATES})", name="ck_jobs_jobstate"),
    )
    for columns in (["replaces"], ["study_uid"], ["created"], ["changed"], ["state", "changed"]):
        op.create_index(f"ix_jobs_{'_'.join(columns)}", "jobs", columns)
