"""Generations: every prompt and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "akatsuki_0002"
down_revision = "akatsuki_0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Makes `generations`."""
    op.create_table(
        "generations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("generator", sa.String(63), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("source_name", sa.String(63), nullable=True),
        sa.Column("attempts", JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("usage", JSON, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(53), nullable=False, server_default="0"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("CURRENT_TIMESTAMP")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sa.CheckConstraint("status IN ('success', 'error')", name=op.f("ck_generations_status")),
    )
    op.create_index("ix_generations_owner_id_created_at", "generations", ["owner_id", "created_at"])


def downgrade() -> None:
    """Drops the table with all that is in it."""
    op.drop_table("generations")
