"""What processes of the service share: answers of requests that may be repeated, designs and their events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "akatsuki_0004"
down_revision = "akatsuki_0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
NOW = sa.text("CURRENT_TIMESTAMP")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", JSON, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("owner_id", "key", name="pk_idempotency_keys"),
        sa.Index("ix_idempotency_keys_created_at", "created_at"),
    )
    op.create_table(
        "designs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("request", JSON, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("status", sa.String(16), nullable=False, server_default="queued"),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("error", JSON, nullable=True),
        sa.Column("module_id", sa.Uuid(), nullable=True),
        sa.Column("generation_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        # While a process works on it, the time it was last seen alive.
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_designs"),
        sa.ForeignKeyConstraint(
            ["module_id"], ["wasm_modules.id"], name="fk_designs_module_id_wasm_modules", ondelete="SET NULL"
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'success', 'error', 'cancelled')", name=op.f("ck_designs_status")
        ),
        sa.Index("ix_designs_owner_id_created_at", "owner_id", "created_at"),
        sa.Index("ix_designs_module_id", "module_id"),
        sa.Index("ix_designs_status_updated_at", "status", "updated_at"),
    )
    op.create_table(
        "design_events",
        sa.Column("design_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("data", JSON, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("design_id", "number", name="pk_design_events"),
        sa.ForeignKeyConstraint(
            ["design_id"], ["designs.id"], name="fk_design_events_design_id_designs", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drops the tables with what is in them."""
    for table in ("design_events", "designs", "idempotency_keys"):
        op.drop_table(table)
