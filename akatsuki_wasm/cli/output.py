"""How results reach the terminal, a pipe or a program: tables, tab-separated lines, one JSON document."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

_NARROWEST = 8
"""Characters below which a column that is broken into lines cannot be read any more."""

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(function)


def emit(document: Any) -> None:
    """Prints one JSON document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        from akatsuki_wasm.documents import moment  # most documents have no time that is not text already

        return moment(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def say(text: str) -> None:
    """Prints a message for people on stderr."""
    click.echo(text, err=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, folding: Sequence[str] = ()) -> None:
    """Prints a table: drawn on a terminal, a header and tab-separated lines when piped.

    Args:
        headers: Of the columns.
        rows: Cells of any kind; None is empty.
        folding: Columns that may be broken into lines where the terminal is narrow.

    A terminal too narrow even for that gets one block of lines for each row.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (headers, *cells):
            click.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in line))
        return
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for header in headers:
        drawn.add_column(header, overflow="fold", no_wrap=header not in folding)
    for line in cells:
        drawn.add_row(*map(Text, line))  # Text: brackets in a name are not markup
    width, height = shutil.get_terminal_size()
    console = Console(width=width, height=height)  # by itself rich takes 80 for a terminal that says it is dumb
    least = sum(
        _NARROWEST if header in folding else max(map(cell_len, column))
        for header, *column in zip(headers, headers, *cells, strict=True)
    )
    if least + len(headers) <= console.width:
        console.print(drawn)
        return
    for line in cells:
        for header, cell in zip(headers, line, strict=True):
            if cell:
                click.echo(f"{header.lower():<{max(map(len, headers))}}  {cell}")
        click.echo()
