"""Alembic migrations of the registry's schema, the same ones for SQLite and PostgreSQL."""
