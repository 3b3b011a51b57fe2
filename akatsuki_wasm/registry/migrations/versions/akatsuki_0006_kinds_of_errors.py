"""Executions say of which kind their error was, and figures of a module come from an index alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "akatsuki_0006"
down_revision = "akatsuki_0005"
branch_labels = None
depends_on = None

FIGURES = "ix_wasm_executions_figures"


def upgrade() -> None:
    """Adds the column and the index."""
    op.add_column("wasm_executions", sa.Column("error_code", sa.String(64), nullable=True))
    op.create_index(
        FIGURES,
        "wasm_executions",
        ["module_id", "status", "executed_at", "executor_id", "error_code", "execution_time_ms"],
    )


def downgrade() -> None:
    """Drops both."""
    op.drop_index(FIGURES, "wasm_executions")
    op.drop_column("wasm_executions", "error_code")
