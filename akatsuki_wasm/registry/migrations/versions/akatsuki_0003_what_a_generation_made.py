"""Generations say what they made, what it cost, what they started from and what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from alembic.operations import BatchOperations

revision = "akatsuki_0003"
down_revision = "akatsuki_0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Adds the columns."""
    with _generations() as table:
        for column in _added():
            table.add_column(column)
        table.create_foreign_key(
            "fk_generations_module_id_wasm_modules", "wasm_modules", ["module_id"], ["id"], ondelete="SET NULL"
        )
        table.create_foreign_key(
            "fk_generations_parent_id_generations", "generations", ["parent_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index("ix_generations_module_id", "generations", ["module_id"])


def downgrade() -> None:
    """Drops the columns with what is in them."""
    op.drop_index("ix_generations_module_id", "generations")
    foreign = (
        sa.ForeignKeyConstraint(
            ["module_id"], ["wasm_modules.id"], name="fk_generations_module_id_wasm_modules", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["generations.id"], name="fk_generations_parent_id_generations", ondelete="SET NULL"
        ),
    )
    with _generations(*_added(), *foreign) as table:
        for constraint in foreign:
            table.drop_constraint(str(constraint.name), type_="foreignkey")
        for column in _added():
            table.drop_column(column.name)


def _added() -> list[sa.Column[object]]:
    return [
        sa.Column("module_id", sa.Uuid(), nullable=True),
        sa.Column("module_version", sa.String(64), nullable=True),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("tokens_in", sa.BigInteger(), nullable=True),
        sa.Column("tokens_out", sa.BigInteger(), nullable=True),
        sa.Column("price", sa.Float(53), nullable=True),
        sa.Column("replayed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("request", JSON, nullable=False, server_default=sa.text("'{}'")),
    ]


def _generations(*more: sa.schema.SchemaItem) -> AbstractContextManager[BatchOperations]:
    """Changes the table: SQLite cannot add a constraint, so there it is made again.

    It is said literally and not read from the database, as not every version of Alembic reads checks back from SQLite.
    """
    now = sa.text("CURRENT_TIMESTAMP")
    table = sa.Table(
        "generations",
        sa.MetaData(),
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
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sa.CheckConstraint("status IN ('success', 'error')", name=op.f("ck_generations_status")),
        sa.Index("ix_generations_owner_id_created_at", "owner_id", "created_at"),
        *more,
    )
    return op.batch_alter_table("generations", copy_from=table)
