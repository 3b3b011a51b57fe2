"""``akatsuki db``: the registry's database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.registry.copying import CopyReport, Place
    from akatsuki_wasm.registry.status import RegistryStatus


@click.group(epilog=examples("akatsuki db status", "akatsuki db push"))
def db() -> None:
    """Migrate, inspect and copy the registry's database."""


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
        *([] if found.role is None else [("role", f"{found.role} ({_held(found)})")]),
        ("modules", _count(found, f"{found.modules} in {found.versions} versions")),
        ("executions", _count(found, found.executions)),
        ("generations", _count(found, found.generations)),
        ("stored", f"{found.blobs} blobs, {found.blob_bytes:,} bytes"),
    ):
        click.echo(f"{name:<12}{value}")


def describe(found: RegistryStatus) -> str:
    """Whether the schema is up to date, in words."""
    if not found.pending:
        return "up to date"
    return f"{len(found.pending)} migrations pending: run akatsuki db push"


def _held(found: RegistryStatus) -> str:
    if found.bypass is not None:
        return f"{found.bypass}: it can bypass row-level security, so nothing is served as it"
    return "row-level security holds for it"


def _count(found: RegistryStatus, value: object) -> object:
    return "not known: the role may not act for users" if found.modules is None else value


def status_json(found: RegistryStatus) -> dict[str, Any]:
    """The status for ``--json``."""
    words = {name: name.split("_") for name in asdict(found)}
    camel = {name: first + "".join(map(str.capitalize, rest)) for name, (first, *rest) in words.items()}
    return {camel[name]: value for name, value in asdict(found).items()}


@db.command(
    epilog=examples(
        "akatsuki db push", "akatsuki db push --dry-run", "AKATSUKI_DATABASE_URL=postgresql://… akatsuki db push --json"
    )
)
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run, and change nothing.")
@json_option
def push(dry_run: bool, as_json: bool) -> None:
    """Apply the migrations that are missing.

    The embedded SQLite registry does this by itself when it is opened; a shared database waits for this command, which
    is run as the database's owner.
    """
    from akatsuki_wasm.registry import schema
    from akatsuki_wasm.registry.database import Database, parse_url

    settings = current().settings()
    database = Database(parse_url(settings.resolved_database_url))
    try:
        stored = database.revision()
        pending = schema.pending(stored, database.place)
        if dry_run:
            _print_sql(schema.sql(database.url.get_backend_name(), stored) if pending else "", pending, as_json)
            return
        if database.is_sqlite:
            applied = pending
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


def _print_sql(sql: str, pending: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        emit({"pending": list(pending), "sql": sql})
    elif pending:
        click.echo(sql, nl=False)
    else:
        say("up to date")


@db.command(
    epilog=examples(
        "akatsuki db copy --to postgresql://akatsuki_app@db.example/akatsuki --to-blobs s3://bucket/akatsuki",
        "akatsuki db copy --from sqlite:////old/registry.db --to sqlite:////new/registry.db --dry-run",
    )
)
@click.option(
    "--from", "from_url", metavar="URL", help="Database to copy from; the registry of the settings if not given."
)
@click.option("--from-blobs", metavar="URL", help="Its blobs; the folder `blobs` beside a SQLite file if not given.")
@click.option("--to", "to_url", metavar="URL", required=True, help="Database to copy to.")
@click.option("--to-blobs", metavar="URL", help="Its blobs; the folder `blobs` beside a SQLite file if not given.")
@click.option("--dry-run", is_flag=True, help="Only count what would be copied.")
@json_option
def copy(
    *, from_url: str | None, from_blobs: str | None, to_url: str, to_blobs: str | None, dry_run: bool, as_json: bool
) -> None:
    """Copy a registry into another one, whole or not at all.

    Modules with their blobs, executions, generations and designs keep their ids, owners and times. Blobs are verified.
    What the other one has already is left as it is there, so this may be run again: it copies what is missing.
    """
    from akatsuki_wasm.registry.copying import Place, copy_registry

    settings = current().settings()
    source = _place("--from-blobs", from_url or settings.resolved_database_url, from_blobs)
    if from_url is None and from_blobs is None:
        source = Place(settings.resolved_database_url, settings.resolved_blob_url)
    target = _place("--to-blobs", to_url, to_blobs)
    report = copy_registry(source, target, dry_run=dry_run, progress=say if not as_json else lambda line: None)
    if as_json:
        emit(copy_json(report, dry_run=dry_run))
        return
    word = "would be copied" if dry_run else "copied"
    for name, counts in (*report.rows.items(), ("blobs", report.blobs)):
        click.echo(f"{name:<18}{counts.copied:,} {word}, {counts.present:,} there already")


def _place(option: str, database_url: str, blob_url: str | None) -> Place:
    from akatsuki_wasm.registry.copying import Place
    from akatsuki_wasm.registry.database import parse_url

    url = parse_url(database_url)
    if blob_url is None:
        if url.get_backend_name() != "sqlite" or url.database is None:
            raise click.UsageError(f"the blobs of a database on a server are named with {option} URL")
        blob_url = Path(url.database).with_name("blobs").as_uri()
    return Place(database_url, blob_url)


def copy_json(report: CopyReport, *, dry_run: bool) -> dict[str, Any]:
    """The report for ``--json``."""
    rows = {**report.rows, "blobs": report.blobs}
    return {
        "dryRun": dry_run,
        "copied": {_camel(name): counts.copied for name, counts in rows.items()},
        "present": {_camel(name): counts.present for name, counts in rows.items()},
        "blobBytes": report.blob_bytes,
    }


def _camel(name: str) -> str:
    first, *rest = name.split()
    return first + "".join(map(str.capitalize, rest))
