"""The options of `run` that do not depend on a function. Light: ``akatsuki run --help`` imports nothing more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from akatsuki_wasm.contracts import MAX_TIMEOUT_MS, MIN_TIMEOUT_MS

SHIELD = "\0"
"""Stands before a negative number while click parses, which would take it for an option. No argument can hold it."""


def fixed_options() -> list[click.Parameter]:
    """The options that `run` has whatever the function's parameters are, before and after MODULE."""
    return [
        click.Option(
            ["-o", "--output"],
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write the result to this file; an image in the format of its suffix.",
        ),
        click.Option(["--force"], is_flag=True, help="Let --output replace the input."),
        click.Option(
            ["--timeout-ms"], callback=time_limit, metavar="N", help="Time limit of the function, 100 to 30000."
        ),
        click.Option(
            ["--param", "named"],
            multiple=True,
            metavar="NAME=VALUE",
            help="Give a parameter by name, for a name that is also an option of run. Repeatable.",
        ),
        click.Option(
            ["--csv"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE.csv",
            help="Execute for every row of a table; parameters are columns of their name, the result is a new one.",
        ),
        click.Option(
            ["--column"],
            multiple=True,
            metavar="PARAM=COLUMN",
            help="Which column of --csv a parameter is, where its name differs. Repeatable.",
        ),
        click.Option(
            ["--on-error"],
            type=click.Choice(["raise", "null"]),
            help="Whether a row of --csv that the function answers with an error ends the run (raise, the default), or "
            "stays empty (null).",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document and nothing else."),
    ]


def time_limit(ctx: click.Context, param: click.Parameter, value: Any) -> int | None:
    """An option's callback: milliseconds within the limits of an execution."""
    if value is None:
        return None
    text = str(value).removeprefix(SHIELD)
    if not re.fullmatch(r"-?\d{1,9}", text) or not MIN_TIMEOUT_MS <= int(text) <= MAX_TIMEOUT_MS:
        raise click.BadParameter(
            f"{text!r} is not a whole number from {MIN_TIMEOUT_MS} to {MAX_TIMEOUT_MS}.", ctx=ctx, param=param
        )
    return int(text)
