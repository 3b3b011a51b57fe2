"""``akatsuki verify``: rebuilds a module from its source and says how it came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli import exits
from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.verifying import Verification


@click.command(
    epilog=examples("akatsuki verify vintage-filter", "akatsuki verify pricing@1.0.0", "akatsuki verify pricing --json")
)
@click.argument("module", metavar="MODULE[@VERSION]")
@json_option
def verify(module: str, as_json: bool) -> None:
    """Rebuild a module from its stored source and compare the bytes.

    Says how the module came to be and what was checked. Exit code 0 where the source makes the same bytes again, 1
    where it does not: what differs is listed.
    """
    from akatsuki_wasm.cli.progress import StageProgress

    progress = StageProgress(quiet=as_json)
    workspace = current().workspace(progress)
    with progress.live():
        found = workspace.verify(module)
    if as_json:
        emit(found.to_dict())
    else:
        for line in _lines(found):
            # A registry's other users may have written it.
            click.echo("".join(letter if letter.isprintable() else "�" for letter in line))
    if not found.reproduced:
        raise click.exceptions.Exit(exits.USER)


def _lines(found: Verification) -> Iterator[str]:
    facts = dict(found.provenance)
    checks = facts.pop("checks", None)
    yield f"module      {found.name}" + (f"@{found.version}" if found.version else "")
    yield f"digest      {found.digest}"
    if facts:
        yield "provenance"
        yield from _tree(facts, "  ")
    if checks:
        yield "checks"
        yield from (f"  {line}" for line in _check_lines(checks))
    if found.differences:
        yield "differences"
        for each in found.differences:
            yield f"  {each.fact}"
            yield f"    recorded  {each.recorded}"
            yield f"    now       {each.now}"
    if found.rebuilt is not None:
        yield f"rebuilt     {found.rebuilt}"
    yield "result      " + ("reproduced: its source makes the same bytes" if found.reproduced else found.problem)


def _tree(facts: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in facts.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            if value:
                yield f"{indent}{words}"
                yield from _tree(value, f"{indent}  ")
        elif value not in (None, "", [], ()):
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            yield f"{indent}{words}: {shown}"


def _check_lines(checks: Mapping[str, Any]) -> Iterator[str]:
    """The facts of `akatsuki_wasm.checks.CheckReport.facts`, of this or an earlier version."""
    yield f"{checks.get('automatic', 0)} automatic cases passed"
    for text in checks.get("examples", ()):
        yield f"example held: {text}"
    for each in checks.get("own", ()):
        yield f"the generator's own example {'held' if each['held'] else 'did not hold'}: {each['text']}" + (
            "" if each["held"] else f" gave {each['got']}"
        )
    for each in checks.get("oracle", ()):
        yield (
            f"agrees with the reference {each['function']} on {each['rows']} rows ({each['tolerance']}): "
            f"differs by at most {each['largest_absolute']:g}, relatively {each['largest_relative']:.2g}"
        )
