"""What a design leaves behind: files in a folder, and what is printed of the module."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from akatsuki_wasm import wit

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.contracts import Function
    from akatsuki_wasm.errors import ArgumentError
    from akatsuki_wasm.module import Module


def check_folder(folder: Path) -> None:
    """Refuses a folder that cannot be written, before the work whose result would go there."""
    nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise _no_folder(folder, f"{nearest} is not writable" if nearest.is_dir() else f"{nearest} is a file")


def _no_folder(folder: Path, reason: str) -> ArgumentError:
    from akatsuki_wasm.errors import ArgumentError

    return ArgumentError(
        f"out is {str(folder)!r}: the folder cannot be made ({reason})", hint="Choose another folder with --out."
    )


def write_files(module: Module, folder: Path) -> list[Path]:
    """Writes the source and the bytes; gives the paths.

    Raises:
        ArgumentError: The folder cannot be made.
    """
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
