"""``akatsuki design wasm``: from a sentence to a deployed module."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm import wit
from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Function
    from akatsuki_wasm.errors import ArgumentError
    from akatsuki_wasm.module import Module


@click.group(epilog=examples('akatsuki design wasm "Create a vintage photo filter"'))
def design() -> None:
    """Turn a sentence into a deployed module."""


@design.command(
    epilog=examples(
        'akatsuki design wasm "Create a vintage photo filter"',
        "akatsuki design wasm 'a function margin(price, cost) = (price - cost) / price'"
        " --example 'margin(120, 90) == 0.25'",
        "akatsuki design wasm 'ビンテージ風フィルターを作って' --name vintage --out .",
    )
)
@click.argument("prompt")
@click.option("--name", metavar="NAME", help="Module name. The generator chooses one otherwise.")
@click.option("--generator", metavar="NAME", help="Which generator answers: offline, openai, or a plugin's.")
@click.option("--model", metavar="NAME", help="Which language model, for generators that have one.")
@click.option(
    "--example",
    "cases",
    multiple=True,
    metavar="CASE",
    help="A call that must hold, such as 'f(1, 2) == 3'. Repeatable.",
)
@click.option(
    "--owner-type",
    type=click.Choice(["user", "system", "admin"]),
    default="user",
    show_default=True,
    help="Who may use and change it.",
)
@click.option("--public", is_flag=True, help="Let every user execute it.")
@click.option("--version", metavar="X.Y.Z", help="Version to store. The next one otherwise.")
@click.option("--max-repairs", type=click.IntRange(0, 20), metavar="N", help="Times the generator is asked again.")
@click.option("--no-deploy", is_flag=True, help="Do not store the module; use it with --out.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write NAME.rs and NAME.wasm there."
)
@json_option
def wasm(prompt: str, cases: tuple[str, ...], no_deploy: bool, out: Path | None, as_json: bool, **options: Any) -> None:
    """Turn PROMPT into Rust, build it to wasm, check it and store it.

    PROMPT is a sentence or a formula, in English or Japanese. Without a language model the offline catalogue answers:
    it picks and composes from its operations and says so when it has none that fit.
    """
    from akatsuki_wasm.cli.progress import StageProgress

    prompt = _as_typed(prompt)
    if out is not None:
        _check_folder(out)
    progress = StageProgress(quiet=as_json)
    workspace = current().workspace(progress)
    with progress.live():
        module = workspace.design(prompt, examples=cases, deploy=not no_deploy, **options)
    written = [] if out is None else _write(module, out)
    if as_json:
        emit(
            {
                **module.to_dict(),
                "deployed": module.stored is not None,
                "notes": list(module.provenance.get("notes", ())),
                "files": [str(path) for path in written],
            }
        )
        return
    show_module(module)
    for note in module.provenance.get("notes", ()):
        say(f"note: {note}")
    for path in written:
        click.echo(f"wrote     {path}")


def _as_typed(prompt: str) -> str:
    """UTF-8 in a locale that is not: Python keeps such bytes as half surrogate pairs."""
    try:
        return os.fsencode(prompt).decode()
    except UnicodeError:  # neither the locale's encoding nor UTF-8, which the workspace refuses in words
        return prompt


def _check_folder(folder: Path) -> None:
    """Refuses a folder that cannot be written, before the work whose result would go there."""
    nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise _no_folder(folder, f"{nearest} is not writable" if nearest.is_dir() else f"{nearest} is a file")


def _no_folder(folder: Path, reason: str) -> ArgumentError:
    from akatsuki_wasm.errors import ArgumentError

    return ArgumentError(
        f"out is {str(folder)!r}: the folder cannot be made ({reason})", hint="Choose another folder with --out."
    )


def _write(module: Module, folder: Path) -> list[Path]:
    from akatsuki_wasm.values.image_files import write_whole

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise _no_folder(folder, (exc.strerror or str(exc)).lower()) from exc
    written = [folder / f"{module.name}.rs", folder / f"{module.name}.wasm"]
    write_whole(written[0], (module.source or "").encode())
    write_whole(written[1], module.wasm)
    return written


def show_module(module: Module) -> None:
    """Prints what a module is, and how to run it."""
    name = module.name if module.version is None else f"{module.name}@{module.version}"
    click.echo(f"module    {name}")
    if module.description:
        click.echo(f"          {module.description}")
    click.echo(f"digest    {module.digest}")
    for function in module.manifest.functions:
        click.echo(f"function  {function.signature}")
    if module.stored is not None and module.manifest.functions:
        click.echo(f"run       {run_command(module.name, module.manifest.functions[0])}")


def run_command(module: str, function: Function) -> str:
    """A command line that runs a function, with sample values for what it needs."""
    words = ["akatsuki", "run", module, wit.kebab(function.name)]
    words += [_sample(param.type, param.minimum) for param in function.params if param.required]
    if function.result is not None and wit.IMAGE in (function.result, *wit.children(function.result)):
        words += ["-o", "out.png"]
    return " ".join(words)


def _sample(type_: wit.Type, minimum: float | None) -> str:
    if type_ == wit.IMAGE:
        return "photo.jpg"
    match type_:
        case wit.Primitive("string"):
            return "'some text'"
        case wit.Primitive("char"):
            return "a"
        case wit.Primitive("bool"):
            return "true"
        case wit.Primitive():
            return f"{max(minimum or 1, 1):g}"
        case wit.List() if type_.is_numeric:
            return "1,2,3"
        case wit.List(element) if element == wit.IMAGE:
            return "photo.jpg,photo.jpg"
        case _:
            return "@value.json"
