"""`run --csv`: one function over whole columns of a file, in the guest's batch lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from akatsuki_wasm import wit
from akatsuki_wasm.cli.output import emit, say
from akatsuki_wasm.cli.run_result import cost
from akatsuki_wasm.contracts import MISSING
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import bind, did_you_mean
from akatsuki_wasm.values.image_files import write_whole
from akatsuki_wasm.values.text import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from akatsuki_wasm.contracts import Function, Parameter
    from akatsuki_wasm.module import Module


def execute_csv(
    module: Module,
    function: Function,
    csv: Path,
    *,
    pairs: Sequence[str],
    given: Mapping[str, str],
    on_error: str,
    output: Path | None,
    timeout_ms: int | None,
    as_json: bool,
) -> None:
    """Adds a column with the function's results to the table and writes it.

    A parameter is a column where ``--column`` says so, else the text that was given for it, else the column of its
    name, else its default.

    Args:
        module: The function's module.
        function: What to execute.
        csv: The table, with a header.
        pairs: ``PARAMETER=COLUMN`` texts.
        given: Texts by parameter name, the same for every row.
        on_error: ``raise``, or ``null`` to leave failed rows empty and say which they are.
        output: Where the table goes; stdout where None.
        timeout_ms: Time limit, or None for the module's.
        as_json: Whether one JSON document is printed instead; needs `output`.

    Raises:
        ArgumentError: The file is no table, a column is missing, or a value does not fit.
        GuestError: The function answered a row with an error, which is not to be left empty.
    """
    if as_json and output is None:
        raise click.UsageError("--csv with --json needs --output FILE.csv", click.get_current_context())
    header = list(_read(csv, nrows=0).columns)
    columns = _columns(function, header, pairs, given, csv)
    texts = {name: "str" for param, name in columns.items() if _is_text(function, param)}
    frame = _read(csv, dtype=texts)
    bound = bind(function, (), {**given, **{param: frame[name] for param, name in columns.items()}})
    values = [
        parse(param, value) if isinstance(value, str) and param.name in given else value
        for param, value in zip(function.params, bound, strict=True)
    ]
    result = module.execute_batch(
        function.name, values, {}, timeout_ms=timeout_ms, on_error="raise" if on_error == "raise" else "collect"
    )
    column, errors = (result.value, []) if on_error == "raise" else result.value
    name = function.name if function.name not in header else f"{function.name}_result"
    frame[name] = column
    if errors:
        first, rows = errors[0], "1 row" if len(errors) == 1 else f"{len(errors):,} rows"
        say(f"{rows} failed and stayed empty; the first is row {first.row}: {first.message}")
    text = frame.to_csv(index=False)
    if output is None:
        click.echo(text, nl=False)
        return
    write_whole(output, text.encode())
    if as_json:
        emit(
            {
                "result": str(output),
                "column": name,
                "rows": len(frame),
                "errors": [{"row": error.row, "message": error.message} for error in errors],
                **cost(result),
                "module": {**module.to_dict(), "ownerType": module.stored and module.stored.owner_type},
            }
        )
        return
    say(f"{len(frame)} rows, new column {name}")
    click.echo(str(output))


def _read(path: Path, **options: Any) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pd.read_csv(path, **options)
    except OSError as exc:
        raise ArgumentError(
            f"csv is {str(path)!r}, which cannot be read: {(exc.strerror or str(exc)).lower()}",
            hint="Give the path of a CSV file with a header.",
        ) from exc
    except (ValueError, pd.errors.ParserError) as exc:  # a wrong encoding and an empty file are ValueErrors
        raise ArgumentError(
            f"csv is {str(path)!r}, which is no table: {' '.join(str(exc).split())}",
            hint="Save it as UTF-8 with commas and a header.",
        ) from exc
    return frame


def _is_text(function: Function, name: str) -> bool:
    type_ = next(param.type for param in function.params if param.name == name)
    return (type_.inner if isinstance(type_, wit.Option) else type_) in (wit.STRING, wit.CHAR)


def _columns(
    function: Function, header: Sequence[str], pairs: Sequence[str], given: Mapping[str, str], csv: Path
) -> dict[str, str]:
    """The table's column for each parameter that has one."""
    names = [param.name for param in function.params]
    chosen: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not PARAMETER=COLUMN.", param_hint="'--column'")
        if wit.snake(name) not in names:
            raise ArgumentError(f"{function.name} has no parameter {name!r}{did_you_mean(name, names)}")
        if column not in header:
            raise ArgumentError(
                f"{csv} has no column {column!r}{did_you_mean(column, header)}",
                hint=f"It has {', '.join(map(str, header[:20]))}.",
            )
        chosen[wit.snake(name)] = column
    for param in function.params:
        if param.name not in chosen and param.name not in given:
            found = _by_name(param, header)
            if found is not None:
                chosen[param.name] = found
            elif param.default is MISSING and param.required:
                raise ArgumentError(
                    f"{csv} has no column {param.name!r}{did_you_mean(param.name, header)}",
                    hint=f"Name one: --column {param.name}=COLUMN, or give one value for all rows.",
                )
    if not chosen:
        raise ArgumentError(f"no parameter of {function.name} is a column of {csv}", hint="Name one: --column X=COLUMN")
    return chosen


def _by_name(param: Parameter, header: Sequence[str]) -> str | None:
    """The column that has the parameter's name, in whatever case."""
    wanted = param.name.casefold()
    return next((each for each in header if wit.snake(str(each)).casefold() == wanted), None)
