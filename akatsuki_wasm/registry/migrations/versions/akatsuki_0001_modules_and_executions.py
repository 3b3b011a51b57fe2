"""Modules and executions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "akatsuki_0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
UTC = sa.DateTime(timezone=True)
NOW = sa.text("CURRENT_TIMESTAMP")
NO_OBJECT = sa.text("'{}'")
NO_ARRAY = sa.text("'[]'")


def upgrade() -> None:
    """Makes `wasm_modules` and `wasm_executions`."""
    op.create_table(
        "wasm_modules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("owner_type", sa.String(16), nullable=False, server_default="user"),
        sa.Column("module_name", sa.String(63), nullable=False),
        sa.Column("version", sa.String(64), nullable=False, server_default="1.0.0"),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("wasm_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("exported_functions", JSON, nullable=False, server_default=NO_ARRAY),
        sa.Column("manifest", JSON, nullable=False, server_default=NO_OBJECT),
        sa.Column("provenance", JSON, nullable=False, server_default=NO_OBJECT),
        sa.Column("memory_pages", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("max_memory_pages", sa.Integer(), nullable=False, server_default="16384"),
        sa.Column("timeout_ms", sa.Integer(), nullable=False, server_default="5000"),
        sa.Column("max_execution_time_ms", sa.Integer(), nullable=False, server_default="30000"),
        sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("allowed_users", JSON, nullable=False, server_default=NO_ARRAY),
        sa.Column("status", sa.String(16), nullable=False, server_default="uploading"),
        sa.Column("metadata", JSON, nullable=False, server_default=NO_OBJECT),
        sa.Column("created_at", UTC, nullable=False, server_default=NOW),
        sa.Column("updated_at", UTC, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_wasm_modules"),
        sa.UniqueConstraint("owner_id", "module_name", "version", name="uq_wasm_modules_owner_id_module_name_version"),
        sa.CheckConstraint("owner_type IN ('system', 'admin', 'user')", name=op.f("ck_wasm_modules_owner_type")),
        sa.CheckConstraint(
            "status IN ('uploading', 'active', 'disabled', 'error')", name=op.f("ck_wasm_modules_status")
        ),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_wasm_modules_digest")),
        sa.CheckConstraint("wasm_size_bytes > 0", name=op.f("ck_wasm_modules_wasm_size_bytes")),
        sa.CheckConstraint(
            "memory_pages >= 0 AND memory_pages <= max_memory_pages", name=op.f("ck_wasm_modules_memory_pages")
        ),
        sa.CheckConstraint("max_memory_pages <= 65536", name=op.f("ck_wasm_modules_max_memory_pages")),
        sa.CheckConstraint(
            "timeout_ms >= 100 AND timeout_ms <= max_execution_time_ms", name=op.f("ck_wasm_modules_timeout_ms")
        ),
        sa.CheckConstraint("max_execution_time_ms <= 30000", name=op.f("ck_wasm_modules_max_execution_time_ms")),
    )
    op.create_index("ix_wasm_modules_owner_type", "wasm_modules", ["owner_type"])
    op.create_index("ix_wasm_modules_owner_type_status", "wasm_modules", ["owner_type", "status"])
    op.create_index("ix_wasm_modules_module_name", "wasm_modules", ["module_name"])
    op.create_index("ix_wasm_modules_digest", "wasm_modules", ["digest"])
    op.create_table(
        "wasm_executions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("module_id", sa.Uuid(), nullable=True),
        sa.Column("executor_id", sa.Uuid(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("input_summary", JSON, nullable=True),
        sa.Column("output_summary", JSON, nullable=True),
        sa.Column("execution_time_ms", sa.Float(53), nullable=False, server_default="0"),
        sa.Column("memory_used_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("cache_hit", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("executed_at", UTC, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_wasm_executions"),
        sa.ForeignKeyConstraint(
            ["module_id"], ["wasm_modules.id"], name="fk_wasm_executions_module_id_wasm_modules", ondelete="SET NULL"
        ),
        sa.CheckConstraint("status IN ('success', 'error', 'timeout')", name=op.f("ck_wasm_executions_status")),
    )
    op.create_index("ix_wasm_executions_module_id_executed_at", "wasm_executions", ["module_id", "executed_at"])
    op.create_index("ix_wasm_executions_executor_id_executed_at", "wasm_executions", ["executor_id", "executed_at"])
    op.create_index("ix_wasm_executions_executed_at", "wasm_executions", ["executed_at"])


def downgrade() -> None:
    """Drops both tables with all that is in them."""
    op.drop_table("wasm_executions")
    op.drop_table("wasm_modules")
