"""``akatsuki run``: executes one function of a module."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.run_fixed import fixed_options
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import Function, Manifest

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CLOSE = 0.7


def _run(module: str, words: tuple[str, ...], **given: Any) -> None:
    from akatsuki_wasm.cli.run_options import function_command

    loaded = current().workspace().load(module)
    if _asks_for_help(words) and len(loaded.manifest.functions) != 1:
        click.echo(_functions_help(module, loaded.manifest))
        return
    function, rest = choose_function(module, loaded.manifest, words)
    command = function_command(loaded, function, given)
    context = click.get_current_context()
    with command.make_context(f"run {module} {function.name}", rest, parent=context.parent) as inner:
        command.invoke(inner)


def _asks_for_help(words: Sequence[str]) -> bool:
    return bool(words) and words[0] in ("-h", "--help")


def choose_function(module: str, manifest: Manifest, words: Sequence[str]) -> tuple[Function, list[str]]:
    """Which function is meant, and the words that are left for its arguments.

    The word after MODULE names the function. It may be left out where the module has exactly one, unless the word there
    reads like that function's name misspelt.

    Raises:
        FunctionNotFoundError: The module has no such function.
        click.UsageError: No function is named, and there is more than one.
    """
    from akatsuki_wasm.errors import FunctionNotFoundError
    from akatsuki_wasm.values.bind import did_you_mean

    names = [function.name for function in manifest.functions]
    first = words[0] if words and not words[0].startswith("-") else None
    named = None if first is None else manifest.function(first)
    if named is not None:
        return named, list(words[1:])
    if len(names) == 1 and not (first is not None and _misspelt(first, names[0], words, manifest.functions[0])):
        return manifest.functions[0], list(words)
    if first is None and names:
        raise click.UsageError(
            f"{module} has {len(names)} functions, name one of them: {', '.join(names)}", click.get_current_context()
        )
    raise FunctionNotFoundError(
        f"{module} has no function {first!r}{did_you_mean(first or '', names)}",
        hint=f"It has {', '.join(names) or 'no functions'}.",
    )


def _misspelt(first: str, name: str, words: Sequence[str], function: Function) -> bool:
    """Whether a word in the function's place, in a module of one function, is a wrong name rather than an argument."""
    if not _NAME.fullmatch(first) or len(words) < 2 or Path(first).exists():
        return False
    positional = next((index for index, word in enumerate(words) if word.startswith("--")), len(words))
    return positional > len(function.params) or (
        difflib.SequenceMatcher(None, first.replace("-", "_"), name).ratio() >= _CLOSE
    )


def _functions_help(module: str, manifest: Manifest) -> str:
    lines = [f"Usage: akatsuki run {module} FUNCTION [ARGS]...", "", f"{module} has these functions:", ""]
    for function in manifest.functions:
        lines.append(f"  {function.signature}")
        if function.doc:
            lines.append(f"      {function.doc.splitlines()[0]}")
    return "\n".join([*lines, "", f"Try 'akatsuki run {module} FUNCTION --help'."])


run = click.Command(
    "run",
    callback=_run,
    params=[
        *fixed_options(),
        click.Argument(["module"], metavar="MODULE[@VERSION]"),
        click.Argument(["words"], nargs=-1, type=click.UNPROCESSED, metavar="[FUNCTION] [ARGS]..."),
    ],
    # What follows MODULE belongs to the function, whose options are known only when the module is.
    context_settings={"allow_interspersed_args": False},
    short_help="Execute a function of a module.",
    help="""Execute a function of a module.

    Parameters are given in order or as options (--strength 0.7); the function's own --help lists them with their ranges
    and defaults. FUNCTION may be left out where the module has only one.

    An image is the path of a file. A list, tuple or record is JSON or @file.json; numbers may also be separated by
    commas. A missing optional value is none. Text that begins with a dash follows --.

    An image that comes out goes to --output, or else beside the first input image, as photo-FUNCTION.jpg; its path is
    printed.""",
    epilog=examples(
        "akatsuki run vintage-filter vintage photo.jpg --strength 0.7 -o out.png",
        "akatsuki run vintage-filter vintage --help",
        "akatsuki run margin margin 120 90 --json",
        'akatsuki run slug@1.0.0 "Hello, World"',
        "akatsuki run margin margin --csv sales.csv --column price=Price -o out.csv",
    ),
)
