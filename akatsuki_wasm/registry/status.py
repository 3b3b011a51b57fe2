"""What a registry is and holds: revision, counts, sizes and places, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from akatsuki_wasm.registry import schema
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.blobs import BlobStore
from akatsuki_wasm.registry.database import Database, parse_url, shown
from akatsuki_wasm.registry.models import Generation, WasmExecution, WasmModule


@dataclass(frozen=True)
class RegistryStatus:
    """The state of a registry.

    Attributes:
        database_url: Without its password.
        blob_url: Without credentials.
        revision: Of the schema, or None for an empty database.
        head: The revision that this program wants.
        pending: Migrations that are missing, oldest first.
        modules: Distinct names with their owners.
        versions: Rows of modules.
        executions: Rows of the history.
        generations: Rows of generations. None as the others where the login on a server may not act for users.
        database_bytes: Size of SQLite's file with its log, or None elsewhere.
        blobs: Stored blobs.
        blob_bytes: Their bytes.
        role: The role of the login on a server; None for SQLite.
        bypass: Why row-level security cannot hold that role, in words; None where it holds it, and for SQLite.
    """

    database_url: str
    blob_url: str
    revision: str | None
    head: str
    pending: tuple[str, ...]
    modules: int | None = 0
    versions: int | None = 0
    executions: int | None = 0
    generations: int | None = 0
    database_bytes: int | None = None
    blobs: int = 0
    blob_bytes: int = 0
    role: str | None = None
    bypass: str | None = None


def status_of(database: Database, blobs: BlobStore) -> RegistryStatus:
    """The state of an open registry.

    Raises:
        StorageError: The database is newer than this program, or something cannot be read.
    """
    revision = database.revision()
    pending = schema.pending(revision, database.place)
    login = None if database.is_sqlite else database.login()
    counts: dict[str, int | None] = dict.fromkeys(("modules", "versions", "executions", "generations"), 0)
    if login is not None and not pending and not login.may_act:
        counts = dict.fromkeys(counts)
    elif not pending:
        names = select(WasmModule.owner_id, WasmModule.module_name).distinct().subquery()
        with database.read(UPKEEP) as session:
            counts = {
                "modules": session.scalar(select(func.count()).select_from(names)) or 0,
                "versions": session.scalar(select(func.count()).select_from(WasmModule)) or 0,
                "executions": session.scalar(select(func.count()).select_from(WasmExecution)) or 0,
                "generations": session.scalar(select(func.count()).select_from(Generation)) or 0,
            }
    sizes = [each.size for each in blobs.list()]
    return RegistryStatus(
        database_url=shown(database.url),
        blob_url=blobs.url,
        revision=revision,
        head=schema.REVISIONS[-1],
        pending=pending,
        database_bytes=_file_bytes(database),
        blobs=len(sizes),
        blob_bytes=sum(sizes),
        role=None if login is None else login.role,
        bypass=None if login is None else login.bypass,
        **counts,
    )


def registry_status(database_url: str, blob_url: str) -> RegistryStatus:
    """The state of a registry that is not open: nothing is made or migrated.

    Args:
        database_url: As for `Registry.open`.
        blob_url: As for `Registry.open`.
    """
    database = Database(parse_url(database_url))
    try:
        return status_of(database, BlobStore(blob_url))
    finally:
        database.close()


def _file_bytes(database: Database) -> int | None:
    if database.file is None:
        return None
    files = (database.file, database.file.with_name(f"{database.file.name}-wal"))
    return sum(each.stat().st_size for each in files if each.exists())
