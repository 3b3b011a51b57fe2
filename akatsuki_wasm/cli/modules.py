"""``akatsuki modules``: what is in the registry, and who may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.documents import module_document, moment

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import StoredModule
    from akatsuki_wasm.module import Module

_MODULE = "MODULE[@VERSION]"


@click.group(epilog=examples("akatsuki modules list", "akatsuki modules show vintage-filter --source"))
def modules() -> None:
    """List, show, share and delete modules.

    MODULE is a name (its newest version), name@version, or an id.
    """


@modules.command("list", epilog=examples("akatsuki modules list", "akatsuki modules list --owner-type system --json"))
@click.option("--owner-type", type=click.Choice(["user", "system", "admin"]), help="Only modules of this kind.")
@json_option
def list_(owner_type: Any, as_json: bool) -> None:
    """List the modules that you may use."""
    found = current().workspace().list_modules(owner_type)
    if as_json:
        emit([module_document(stored) for stored in found])
        return
    if not found:
        say('There are no modules yet. Make one: akatsuki design wasm "create a vintage filter"')
        return
    table(
        ("NAME", "VERSION", "STATUS", "ACCESS", "FUNCTIONS", "DIGEST", "CREATED"),
        (
            (
                stored.name,
                stored.version,
                stored.status,
                f"{stored.owner_type}{_shared(stored, ', ')}",
                ", ".join(function.name for function in stored.manifest.functions),
                stored.digest[:12],
                moment(stored.created_at),
            )
            for stored in found
        ),
        folding=("NAME", "ACCESS", "FUNCTIONS"),
    )


def _shared(stored: StoredModule, before: str = "") -> str:
    """With whom a module is shared, in words after `before`; empty for nobody."""
    count = len(stored.allowed_users)
    words = "public" if stored.is_public else f"{count} user{'s' * (count != 1)}" if count else ""
    return f"{before}{words}" if words else ""


@modules.command(
    epilog=examples(
        "akatsuki modules show vintage-filter",
        "akatsuki modules show vintage-filter@1.0.0 --source > vintage.rs",
        "akatsuki modules show vintage-filter --json",
    )
)
@click.argument("module", metavar=_MODULE)
@click.option("--source", is_flag=True, help="Print the Rust source and nothing else.")
@json_option
def show(module: str, source: bool, as_json: bool) -> None:
    """Show a module's signatures, digest, provenance and source."""
    loaded = current().workspace().load(module)
    stored = loaded.stored
    assert stored is not None  # noqa: S101 - what `load` gives comes from a row
    rust = loaded.source
    if as_json:
        emit({**module_document(stored), "provenance": stored.provenance, "source": rust})
        return
    if source:
        if rust is None:
            say("This module was not built here: there is no source.")
        click.echo(rust or "", nl=not (rust or "\n").endswith("\n"))
        return
    facts = {
        "module": f"{stored.name}@{stored.version}",
        "description": loaded.description,
        "id": stored.id,
        "digest": stored.digest,
        "size": f"{stored.size:,} bytes",
        "owner": f"{stored.owner_type} ({stored.owner_id})",
        "shared": _shared(stored, "with ") if not stored.is_public else "public",
        "status": stored.status,
        "limits": f"{stored.timeout_ms} ms, at most {stored.max_execution_time_ms} ms, "
        f"{stored.max_memory_pages // 16} MiB",
        "created": moment(stored.created_at),
    }
    for name, value in facts.items():
        if value:
            click.echo(f"{name:<12}{value}")
    click.echo("\nfunctions")
    for function in stored.manifest.functions:
        click.echo(f"  {function.signature}")
        _show_parameters(function)
    if stored.provenance:
        click.echo("\nprovenance")
        _show_tree(stored.provenance, "  ")
    if rust is not None:
        click.echo(f"\nsource\n{_indented(rust)}")


def _show_parameters(function: Any) -> None:
    from akatsuki_wasm.module_functions import describe_parameter

    for line in function.doc.splitlines()[:1]:
        click.echo(f"      {line}")
    for param in function.params:
        click.echo(f"      {param.name}: {describe_parameter(param)}")


def _show_tree(facts: Any, indent: str) -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            click.echo(f"{indent}{name}:")
            _show_tree(value, f"{indent}  ")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            click.echo(f"{indent}{name}: {shown}")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


@modules.command(epilog=examples("akatsuki modules enable vintage-filter@1.0.0"))
@click.argument("module", metavar=_MODULE)
@json_option
def enable(module: str, as_json: bool) -> None:
    """Let a disabled module be executed again."""
    _show_changed(current().workspace().enable(module), as_json, "enabled")


@modules.command(epilog=examples("akatsuki modules disable vintage-filter@1.0.0"))
@click.argument("module", metavar=_MODULE)
@json_option
def disable(module: str, as_json: bool) -> None:
    """Keep a module from being executed."""
    _show_changed(current().workspace().disable(module), as_json, "disabled")


@modules.command(
    epilog=examples(
        "akatsuki modules share vintage-filter --with alice --with bob",
        "akatsuki modules share vintage-filter --public",
        "akatsuki modules share vintage-filter --without bob --private",
    )
)
@click.argument("module", metavar=_MODULE)
@click.option("--with", "added", metavar="USER", multiple=True, help="Let this user execute it. Repeatable.")
@click.option("--without", "removed", metavar="USER", multiple=True, help="Take this user off again. Repeatable.")
@click.option(
    "--public/--private", "public", default=None, help="Let every user execute it, or only those shared with."
)
@json_option
def share(module: str, added: tuple[str, ...], removed: tuple[str, ...], public: bool | None, as_json: bool) -> None:
    """Say who else may read and execute a module."""
    if not added and not removed and public is None:
        raise click.UsageError("Give --with USER, --without USER, --public or --private.", click.get_current_context())

    changed = current().workspace().share(module, added, remove=removed, public=public)
    _show_changed(changed, as_json, "shared")


def _show_changed(module: Module, as_json: bool, word: str) -> None:
    stored = module.stored
    assert stored is not None  # noqa: S101 - what was changed is deployed
    if as_json:
        emit(module_document(stored))
        return
    sharing = f": {_shared(stored) or 'with nobody'}" if word == "shared" else ""
    click.echo(f"{word} {stored.name}@{stored.version}{sharing}")


@modules.command(
    epilog=examples(
        "akatsuki modules delete vintage-filter@1.0.0", "akatsuki modules delete vintage-filter --all --yes"
    )
)
@click.argument("module", metavar=_MODULE)
@click.option("--all", "every", is_flag=True, help="Delete all versions of the name that are yours to delete.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(module: str, every: bool, yes: bool, as_json: bool) -> None:
    """Delete a version of a module. Its executions stay in the history."""
    workspace = current().workspace()
    first = workspace.load(module).stored
    assert first is not None  # noqa: S101 - what `load` gives comes from a row
    chosen = [first]
    if every:
        chosen = [row for row in workspace.list_modules() if (row.name, row.owner_id) == (first.name, first.owner_id)]
    names = ", ".join(f"{stored.name}@{stored.version}" for stored in chosen)
    if not yes:
        _confirm(names)
    for stored in chosen:
        workspace.delete(stored.id)
    if as_json:
        emit({"deleted": [module_document(stored) for stored in chosen]})
        return
    click.echo(f"deleted {names}")


def _confirm(names: str) -> None:
    import sys

    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody is there to confirm that {names} may be deleted: add --yes.")
    click.confirm(f"Delete {names}?", abort=True, err=True)
