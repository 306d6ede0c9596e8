"""Why objects lie in quarantine: a row each, where a JSON file lay beside the object."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TEXTS = ("sop_class_uid", "sop_instance_uid", "transfer_syntax_uid", "calling_ae_title")


def upgrade() -> None:
    """Create the table. The next start of a listener takes the files over."""
    op.create_table(
        "quarantine",
        sa.Column("name", sa.String(96), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.CheckConstraint("bytes >= 0", name="ck_quarantine_bytes"),
        sa.PrimaryKeyConstraint("name", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_at", "quarantine", ["at"])
