"""The schema's revisions: which are known, which are missing, and how they are applied (Alembic, only when needed)."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from akatsuki_wasm.errors import StorageError
from akatsuki_wasm.registry import postgresql

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("akatsuki_0001", "akatsuki_0002", "akatsuki_0003", "akatsuki_0004", "akatsuki_0005", "akatsuki_0006")
"""All migrations, oldest first. Kept here too, so that opening an up-to-date registry need not import Alembic."""

VERSION_TABLE = "akatsuki_schema_version"
"""Our own table, because the database may be shared with others who use Alembic."""

MIGRATIONS = Path(__file__).with_name("migrations")


def stored_revision(connection: Connection) -> str | None:
    """The revision that the database is at, or None without our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    if connection.dialect.name == "postgresql":
        postgresql.may_read(connection, VERSION_TABLE)
    revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    return None if revision is None else str(revision)


def pending(revision: str | None, place: str) -> tuple[str, ...]:
    """The migrations that are missing at `revision`, oldest first.

    Raises:
        StorageError: The revision is unknown here, so a newer program made it.
    """
    if revision is None:
        return REVISIONS
    if revision not in REVISIONS:
        raise StorageError(
            f"the registry's database {place} is of a newer version: its schema is {revision[:64]}, "
            f"this program knows {REVISIONS[-1]} and older",
            hint="Upgrade akatsuki-wasm, or choose another AKATSUKI_DATA_DIR.",
        )
    return REVISIONS[REVISIONS.index(revision) + 1 :]


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Applies migrations up to `revision` in the connection's transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def sql(dialect_name: str, after: str | None) -> str:
    """The SQL of the migrations after a revision, with what keeps count of them, as `upgrade` would send it."""
    from alembic import command

    text = StringIO()
    config = _config(output_buffer=text)
    config.attributes["dialect_name"] = dialect_name
    command.upgrade(config, f"{after}:head" if after else "head", sql=True)
    return text.getvalue()


def _config(**options: Any) -> Config:
    from alembic.config import Config

    config = Config(**options)
    # Alembic interpolates "%" in its options as configparser does.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
