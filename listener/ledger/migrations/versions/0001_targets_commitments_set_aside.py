"""Target circuits, storage commitment, refused contexts, outlines without a case, self-tests.

A revision says what the schema was, not what it is: it never changes with the tables in the code.
"""

from alembic import op
from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

TIME = DateTime(timezone=True)
VALUES = JSON().with_variant(JSONB(), "postgresql")
UID = String(64)


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "target_circuits",
        Column("target", String(64), nullable=False),
        Column("state", String(32), nullable=False),
        Column("failures", Integer, nullable=False),
        Column("openings", Integer, nullable=False),
        Column("next_probe", TIME),
        Column("wait_seconds", Float),
        Column("since", TIME),
        Column("last_error", Text),
        PrimaryKeyConstraint("target", name="pk_target_circuits"),
        CheckConstraint("state IN ('closed', 'open', 'half_open')", name="ck_target_circuits_circuitstate"),
    )
    op.create_table(
        "commitment_requests",
        Column("transaction_uid", UID, nullable=False),
        Column("job_id", String(32), nullable=False),
        Column("target", String(64), nullable=False),
        Column("requested", TIME, nullable=False),
        PrimaryKeyConstraint("transaction_uid", name="pk_commitment_requests"),
    )
    request = ForeignKey(
        "commitment_requests.transaction_uid", name="fk_commitment_reports_commitment_requests", ondelete="CASCADE"
    )
    op.create_table(
        "commitment_reports",
        Column("transaction_uid", UID, request, nullable=False),
        Column("committed", VALUES, nullable=False),
        Column("failed", VALUES, nullable=False),
        Column("calling_ae_title", String(16), nullable=False),
        Column("received", TIME, nullable=False),
        PrimaryKeyConstraint("transaction_uid", name="pk_commitment_reports"),
    )
    op.create_table(
        "refused_contexts",
        Column("calling_ae_title", String(16), nullable=False),
        Column("sop_class_uid", UID, nullable=False),
        Column("transfer_syntax_uids", Text, nullable=False),
        Column("last_refused", TIME, nullable=False),
        PrimaryKeyConstraint("calling_ae_title", "sop_class_uid", "transfer_syntax_uids", name="pk_refused_contexts"),
    )
    op.create_table(
        "set_aside_outlines",
        Column("study_uid", UID, nullable=False),
        Column("series_uid", UID, nullable=False),
        Column("sop_instance_uid", UID, nullable=False),
        Column("reason", String(32), nullable=False),
        Column("message", Text, nullable=False),
        Column("calling_ae_title", String(16)),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("study_uid", "series_uid", "sop_instance_uid", name="pk_set_aside_outlines"),
        CheckConstraint(
            "reason IN ('own_result', 'other_images', 'other_body_part')", name="ck_set_aside_outlines_setaside"
        ),
    )
    op.create_table(
        "self_tests",
        Column("study_uid", UID, nullable=False),
        Column("seg_sop_instance_uid", UID, nullable=False),
        Column("targets", VALUES, nullable=False),
        Column("sink", VALUES),
        Column("announced", TIME, nullable=False),
        PrimaryKeyConstraint("study_uid", name="pk_self_tests"),
    )
