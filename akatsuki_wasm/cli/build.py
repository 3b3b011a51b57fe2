"""``akatsuki build`` and ``akatsuki deploy``: the two halves of `design` for a source or a module that you have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Artifact


@click.command(
    epilog=examples(
        "akatsuki build vintage.rs",
        "akatsuki build my-filter/ --out filter.wasm",
        "akatsuki build margin.rs --json",
    )
)
@click.argument("source", metavar="FILE.rs|DIR", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.wasm",
    help="Where the module goes. NAME.wasm in this folder otherwise.",
)
@click.option("--name", metavar="NAME", help="Module name. The file's name otherwise.")
@json_option
def build(source: Path, out: Path | None, name: str | None, as_json: bool) -> None:
    """Build a Rust file to a wasm module, without storing it.

    FILE.rs is plain Rust: pub fn items with doc comments over the types of the guest contract. A folder must hold
    exactly one such file.
    """
    from akatsuki_wasm.cli.progress import StageProgress
    from akatsuki_wasm.files import to_module_name
    from akatsuki_wasm.values.image_files import write_whole

    progress = StageProgress(quiet=as_json)
    workspace = current().workspace(progress)
    with progress.live():
        artifact = workspace.build(source, name=name)
    path = out or Path(f"{name or to_module_name(source.resolve().stem)}.wasm")
    write_whole(path, artifact.wasm)
    if as_json:
        emit(_artifact_json(artifact, name or path.stem, path))
        return
    for warning in artifact.warnings:
        say(f"warning: {warning}" + (f"\n  {warning.help}" if warning.help else ""))
    click.echo(f"module    {path}")
    click.echo(f"digest    {artifact.digest}")
    for function in artifact.manifest.functions:
        click.echo(f"function  {function.signature}")


def _artifact_json(artifact: Artifact, name: str, path: Path) -> dict[str, Any]:
    from akatsuki_wasm.module_functions import function_facts

    return {
        "id": None,
        "name": name,
        "version": None,
        "digest": artifact.digest,
        "description": artifact.manifest.description,
        "functions": [function_facts(function) for function in artifact.manifest.functions],
        "size": len(artifact.wasm),
        "path": str(path),
        "warnings": [str(warning) for warning in artifact.warnings],
    }


@click.command(
    epilog=examples(
        "akatsuki deploy vintage.wasm",
        "akatsuki deploy filter.wasm --name my-filter --version 1.2.0 --public",
    )
)
@click.argument("file", metavar="FILE.wasm", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Module name. The file's name otherwise.")
@click.option("--version", metavar="X.Y.Z", help="Version to store. The next one otherwise.")
@click.option(
    "--owner-type",
    type=click.Choice(["user", "system", "admin"]),
    default="user",
    show_default=True,
    help="Who may use and change it.",
)
@click.option("--public", is_flag=True, help="Let every user execute it.")
@click.option("--description", metavar="TEXT", default="", help="One line. The module's own otherwise.")
@json_option
def deploy(file: Path, as_json: bool, **options: Any) -> None:
    """Store a .wasm file in the registry.

    A module that akatsuki built brings its signatures. Of any other one the plain numeric exports are found; it must
    import nothing.
    """
    from akatsuki_wasm.cli.design_output import show_module
    from akatsuki_wasm.cli.progress import StageProgress

    progress = StageProgress(quiet=as_json)
    workspace = current().workspace(progress)
    with progress.live():
        module = workspace.deploy(file, **options)
    if as_json:
        emit(module.to_dict())
        return
    show_module(module)
