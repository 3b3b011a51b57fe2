"""PostgreSQL decides itself who sees and changes what: roles, claims, policies. SQLite has nothing like it."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "akatsuki_0005"
down_revision = "akatsuki_0004"
branch_labels = None
depends_on = None

TABLES = ("wasm_modules", "wasm_executions", "generations", "idempotency_keys", "designs", "design_events")


def upgrade() -> None:
    """Makes what is missing of the roles and of the schema `auth`, and turns row-level security on."""
    if op.get_context().dialect.name == "postgresql":
        for statement in Path(__file__).with_suffix(".sql").read_text("utf-8").split(";\n\n"):
            op.execute(statement.removesuffix(";\n"))


def downgrade() -> None:
    """Turns row-level security off. Roles and the schema `auth` stay: others may use them."""
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute("drop trigger if exists akatsuki_guard_module on wasm_modules")
    op.execute("drop function if exists akatsuki_guard_module()")
    for table in TABLES:
        for command in ("select", "insert", "update", "delete"):
            op.execute(f"drop policy if exists akatsuki_{command} on {table}")
        op.execute(f"alter table {table} no force row level security")
        op.execute(f"alter table {table} disable row level security")
        op.execute(f"revoke all on {table} from authenticated")
