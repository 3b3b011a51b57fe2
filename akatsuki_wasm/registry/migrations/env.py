"""Alembic's entry: runs migrations on the connection that `schema.upgrade` hands over, or writes them as SQL."""

from __future__ import annotations

from alembic import context

from akatsuki_wasm.registry.models import Base
from akatsuki_wasm.registry.schema import VERSION_TABLE

attributes = context.config.attributes
connection = attributes.get("connection")
context.configure(
    connection=connection,
    dialect_name=attributes.get("dialect_name"),
    dialect_opts={"paramstyle": "named"},  # in written SQL a "%" is one
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite's DDL is transactional when nobody commits behind its back; `database` makes sure of that.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
