"""``akatsuki db``: the registry's database."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.registry.status import RegistryStatus


@click.group(epilog=examples("akatsuki db status", "akatsuki db push"))
def db() -> None:
    """Migrate and inspect the registry's database."""


@db.command(epilog=examples("akatsuki db status", "akatsuki db status --json"))
@json_option
def status(as_json: bool) -> None:
    """Show where the registry is, its schema and what it holds. Nothing is changed."""
    from akatsuki_wasm.registry.status import registry_status

    settings = current().settings()
    found = registry_status(settings.resolved_database_url, settings.resolved_blob_url)
    if as_json:
        emit(status_json(found))
        return
    for name, value in (
        ("database", found.database_url),
        ("blobs", found.blob_url),
        ("schema", f"{found.revision or 'none yet'} ({describe(found)})"),
        ("modules", f"{found.modules} in {found.versions} versions"),
        ("executions", found.executions),
        ("generations", found.generations),
        ("stored", f"{found.blobs} blobs, {found.blob_bytes:,} bytes"),
    ):
        click.echo(f"{name:<12}{value}")


def describe(found: RegistryStatus) -> str:
    """Whether the schema is up to date, in words."""
    if not found.pending:
        return "up to date"
    return f"{len(found.pending)} migrations pending: run akatsuki db push"


def status_json(found: RegistryStatus) -> dict[str, Any]:
    """The status for ``--json``."""
    words = {name: name.split("_") for name in asdict(found)}
    camel = {name: first + "".join(map(str.capitalize, rest)) for name, (first, *rest) in words.items()}
    return {camel[name]: value for name, value in asdict(found).items()}


@db.command(epilog=examples("akatsuki db push", "AKATSUKI_DATABASE_URL=postgresql://… akatsuki db push --json"))
@json_option
def push(as_json: bool) -> None:
    """Apply the migrations that are missing.

    The embedded SQLite registry does this by itself when it is opened; a shared database waits for this command.
    """
    from akatsuki_wasm.registry import schema
    from akatsuki_wasm.registry.database import Database, parse_url

    settings = current().settings()
    database = Database(parse_url(settings.resolved_database_url))
    try:
        if database.is_sqlite:
            applied = schema.pending(database.revision(), database.place)
            database.prepare()  # the folder and the journal mode too
        else:
            applied = database.migrate()
    finally:
        database.close()
    if as_json:
        emit({"applied": list(applied)})
        return
    for revision in applied:
        click.echo(f"applied {revision}")
    if not applied:
        click.echo("up to date")
