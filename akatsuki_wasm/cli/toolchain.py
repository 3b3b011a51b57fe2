"""``akatsuki toolchain``: Rust for wasm32 on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, table
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.rust.toolchain import Progress


@click.group(epilog=examples("akatsuki toolchain status", "akatsuki toolchain install"))
def toolchain() -> None:
    """Install Rust for wasm32, or see what is there."""


@toolchain.command(epilog=examples("akatsuki toolchain status", "akatsuki toolchain status --json"))
@json_option
def status(as_json: bool) -> None:
    """Show every place where a toolchain may be, and which one builds use.

    Exit code 4 says that none can build.
    """
    from akatsuki_wasm.cli.exits import TOOLCHAIN
    from akatsuki_wasm.rust.toolchain_status import toolchain_status

    found = toolchain_status(current().settings().cache_dir)
    if as_json:
        emit(found.as_json())
    else:
        table(
            ("KIND", "WHERE", "VERSION", "STATE"),
            (
                (
                    each.kind,
                    each.name,
                    each.version,
                    ("in use" if each.toolchain == found.chosen else "usable")
                    if each.toolchain is not None
                    else f"lacks {', '.join(each.missing)}",
                )
                for each in found.candidates
            ),
            folding=("WHERE", "VERSION", "STATE"),
        )
        if found.hint:
            click.echo(f"{click.style('hint:', fg='cyan')} {found.hint}", err=True)
    if found.chosen is None:
        raise click.exceptions.Exit(TOOLCHAIN)


@toolchain.command(epilog=examples("akatsuki toolchain install", "akatsuki toolchain install --only apt"))
@click.option(
    "--only",
    type=click.Choice(["rustup", "apt"]),
    multiple=True,
    help="Change the machine in this way only. Repeatable. Both are tried otherwise, rustup first.",
)
@json_option
def install(only: tuple[str, ...], as_json: bool) -> None:
    """Make sure that this machine builds wasm.

    With rustup its wasm32 target is added; on Debian and Ubuntu packages are installed (as root) and the standard
    library for wasm32 is compiled once into your cache, which takes most of a minute. What is there already is kept.
    """
    from akatsuki_wasm.cli.progress import Steps
    from akatsuki_wasm.rust.toolchain_install import METHODS, install_toolchain

    steps = Steps(quiet=as_json)

    def report(progress: Progress) -> None:
        steps.report(progress.phase, progress.text, progress.fraction)

    methods = tuple(method for method in METHODS if not only or method in only)
    found = install_toolchain(current().settings().cache_dir, report, methods=methods)
    if as_json:
        emit({"kind": found.kind, "version": found.version, "rustc": str(found.rustc), "cargo": str(found.cargo)})
        return
    click.echo(found.description)
