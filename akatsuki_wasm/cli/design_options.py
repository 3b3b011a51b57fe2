"""The options that all designs have, and what becomes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--generator", metavar="NAME", help="Which generator answers: offline, openai, manual, or a plugin's."
    ),
    click.option("--model", metavar="NAME", help="Which language model, for generators that have one."),
    click.option(
        "--example",
        "examples",
        multiple=True,
        metavar="CASE",
        help="A call that must hold, such as 'f(1, 2) == 3'. Repeatable.",
    ),
    click.option(
        "--test",
        "oracle",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.py",
        help="Python functions that the module's are compared with, on random inputs.",
    ),
    click.option(
        "--like", metavar="MODULE.FUNC", help="A slow Python function that says what is wanted, and is compared with."
    ),
    click.option(
        "--owner-type",
        type=click.Choice(["user", "system", "admin"]),
        default="user",
        show_default=True,
        help="Who may use and change it.",
    ),
    click.option("--public", is_flag=True, help="Let every user execute it."),
    click.option("--version", metavar="X.Y.Z", help="Version to store. The next one otherwise."),
    click.option("--max-repairs", type=click.IntRange(0, 20), metavar="N", help="Times the generator is asked again."),
    click.option("--fresh", is_flag=True, help="Ask the language model although its answer is known."),
    click.option("--lock", is_flag=True, help="Pin the prompt to its result in akatsuki.lock."),
    click.option(
        "--locked", is_flag=True, default=None, help="Make what akatsuki.lock pins, from memory alone, or fail."
    ),
    click.option(
        "--reply",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        metavar="FILE",
        help="The answer that a chat window gave, for --generator manual; - is standard input.",
    ),
    click.option("--show-prompt", is_flag=True, help="Print what a language model would be asked, and end."),
    click.option("--no-deploy", is_flag=True, help="Do not store the module; use it with --out."),
    click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Write NAME.rs and NAME.wasm there.",
    ),
)


def design_options(function: F) -> F:
    """Adds the options, in the order of the table above."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def import_from_here(like: str | None) -> None:
    """Lets ``--like``, where it is given, name a module of the working folder, which a program does not see by itself.

    It comes last: a file there must not stand in for a package that this program imports.
    """
    if like is not None and "" not in sys.path:
        sys.path.append("")
