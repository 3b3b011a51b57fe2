"""The inputs on which a function is compared with its reference: drawn at random, or given by the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.checks.drawing import Drawer
from akatsuki_wasm.checks.oracle import DEFAULT_ROWS, IMAGE_ROWS
from akatsuki_wasm.contracts import MISSING
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.python import lower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.checks.oracle import Oracle
    from akatsuki_wasm.contracts import Function, Parameter

Case = tuple[Any, ...]
"""One contract value for each parameter."""


class UnfitInputError(Exception):
    """An input that the oracle gives is no value of the parameter's type; another type would take it."""


def cases_for(function: Function, oracle: Oracle) -> list[Case]:
    """Random contract values, with what the oracle's own ``inputs`` give in their place.

    Raises:
        UnfitInputError: A parameter does not take what they give.
        ArgumentError: They cannot be used at all.
    """
    drawer = Drawer(function, oracle.seed)
    rows = oracle.rows or (IMAGE_ROWS if any(param.type == wit.IMAGE for param in function.params) else DEFAULT_ROWS)
    given = _given_columns(function, oracle, drawer.rng, rows)
    if given:
        rows = len(next(iter(given.values())))
    if not function.params:
        return [()]
    drawn = [drawer.row() for _ in range(rows)]
    return [
        tuple(
            _lowered(param, given[param.name][row]) if param.name in given else value
            for param, value in zip(function.params, case, strict=True)
        )
        for row, case in enumerate(drawn)
    ]


def _lowered(param: Parameter, value: Any) -> Any:
    try:
        return lower(param, value)
    except ArgumentError as exc:
        raise UnfitInputError(str(exc)) from exc


def _given_columns(function: Function, oracle: Oracle, rng: np.random.Generator, rows: int) -> dict[str, Any]:
    if oracle.inputs is None:
        return {}
    try:
        given = oracle.inputs(rng, rows)
    except Exception as exc:
        raise ArgumentError(
            f"the oracle's inputs(rng, {rows}) raised {type(exc).__name__}: {exc}",
            hint="It returns columns by parameter name, or such a dict by function name.",
        ) from exc
    if hasattr(given, "to_dict"):
        given = given.to_dict("list")
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"the oracle's inputs(rng, rows) gave {type(given).__name__}: expected columns by parameter name",
            hint='Such as {"price": rng.uniform(1, 100, rows)}.',
        )
    if given and all(isinstance(value, Mapping) for value in given.values()):
        given = given.get(function.name, {})
    names = {param.name for param in function.params}
    # A column of another name is for another function, or the module names that parameter otherwise: the reference
    # tells.
    columns = {name: _as_list(column) for name, column in given.items() if name in names}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1 or 0 in lengths:
        raise ArgumentError(
            f"the oracle's inputs for {function.name} have {' and '.join(map(str, sorted(lengths)))} rows",
            hint="Give columns of the same length, of at least one row.",
        )
    return columns


def _as_list(column: Any) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) and column.ndim == 1 else list(column)


def with_defaults(function: Function, names: tuple[str, ...] | None, case: Case) -> Case:
    """Parameters that the reference does not know are left at their default."""
    if names is None:
        return case
    return tuple(
        value if param.name in names else (None if param.default is MISSING else lower(param, param.default))
        for param, value in zip(function.params, case, strict=True)
    )
