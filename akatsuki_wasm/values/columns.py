"""Whole columns: pandas Series and numpy arrays to the batch lane's columns and back.

A call is a batch when a parameter that takes one number or text is given a Series or a 1-D array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import BatchCall, BatchValue, Column, Function, Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import describe_type, range_text
from akatsuki_wasm.values.python import lower

if TYPE_CHECKING:
    from collections.abc import Sequence

DTYPES: dict[str, Any] = {
    "bool": np.bool_,
    **{f"u{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"s{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    "f32": np.dtype("float32"),
    "f64": np.dtype("float64"),
}


def is_batch(function: Function, values: Sequence[Any]) -> bool:
    """Whether bound values are columns for the function's scalar parameters."""
    return any(
        _scalar(param.type) is not None and isinstance(value, pd.Series | np.ndarray) and np.ndim(value) == 1
        for param, value in zip(function.params, values, strict=True)
    )


def _scalar(type_: wit.Type) -> wit.Primitive | None:
    """The primitive that a batch column holds, or None where the type has no batch lane."""
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    return inner if isinstance(inner, wit.Primitive) else None


def lower_batch(function: Function, values: Sequence[Any]) -> BatchCall:
    """Turns bound values into a batch call.

    Args:
        function: The signature.
        values: One for each parameter: a pandas Series or 1-D array of the same length, or one value for all rows.

    Raises:
        ArgumentError: The function has no batch lane, lengths differ, or a column cannot be converted without loss.
    """
    if function.batch is None and any(_scalar(param.type) is None for param in function.params):
        raise ArgumentError(
            f"{function.name} has no batch lane: it cannot be applied to columns", hint="Call it once for each row."
        )
    columns, rows = [], None
    for param, value in zip(function.params, values, strict=True):
        if not isinstance(value, pd.Series | np.ndarray):
            columns.append(Column(lower(param, value), broadcast=True))
            continue
        if rows is not None and len(value) != rows:
            raise ArgumentError(
                f"{param.name} has {len(value)} rows: expected {rows}, as the column before it",
                hint="Give columns of the same length.",
            )
        rows = len(value)
        columns.append(_column(param, value))
    return BatchCall(function.name, tuple(columns), rows or 0)


def _column(param: Parameter, value: pd.Series[Any] | np.ndarray[Any, Any]) -> Column:
    type_ = _scalar(param.type)
    if type_ is None:
        raise ArgumentError(
            f"{param.name} is a column: expected {describe_type(param.type)}", hint="Give a single value."
        )
    series = value if isinstance(value, pd.Series) else pd.Series(value)
    if type_.name in ("string", "char"):
        return _text_column(param, type_, series)
    return _number_column(param, type_, series)


def _text_column(param: Parameter, type_: wit.Primitive, series: pd.Series[Any]) -> Column:
    null = series.isna().to_numpy()
    texts = series.tolist()
    for row, text in enumerate(texts):
        if null[row]:
            texts[row] = "" if type_.name == "string" else "\0"
        elif not isinstance(text, str) or (type_.name == "char" and len(text) != 1):
            raise ArgumentError(
                f"{param.name} in row {row} is {text!r}: expected {describe_type(type_)}",
                hint="Convert the column first.",
            )
    return Column(texts, ~null if null.any() else None)


def _number_column(param: Parameter, type_: wit.Primitive, series: pd.Series[Any]) -> Column:
    dtype = np.dtype(DTYPES[type_.name])
    null = series.isna().to_numpy()
    # A NaN in a plain float column is a value to a float parameter, as it is to numpy; elsewhere it marks a null.
    plain_float = isinstance(series.dtype, np.dtype) and series.dtype.kind == "f"
    has_null = bool(null.any()) and not (plain_float and type_.is_float)
    present = _plain(series[~null] if has_null else series)
    if has_null:
        raw = np.zeros(len(series), present.dtype)
        raw[~null] = present
    else:
        raw = present
    array = _exact(param, type_, raw, dtype)
    _check_range(param, array, None if not has_null else ~null)
    return Column(array, ~null if has_null else None)


def _plain(series: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """A column without nulls as the plainest numpy array that holds it."""
    array = series.to_numpy()
    return array if array.dtype != object else pd.Series(array.tolist()).to_numpy()


def _exact(
    param: Parameter, type_: wit.Primitive, raw: np.ndarray[Any, Any], dtype: np.dtype[Any]
) -> np.ndarray[Any, Any]:
    """Converts without wrapping or cutting values; a float parameter takes any number."""
    kind = raw.dtype.kind
    if kind not in "biuf" or (type_.name == "bool") != (kind == "b"):
        raise ArgumentError(
            f"{param.name} is a column of {raw.dtype}: expected {describe_type(type_)} in each row",
            hint="Convert the column first.",
        )
    if raw.dtype == dtype or type_.is_float:
        return np.ascontiguousarray(raw, dtype)
    low, high = wit.INTEGER_RANGES[type_.name]
    if kind == "f" and raw.size:
        broken = np.flatnonzero(raw != np.floor(raw))
        if broken.size:
            row = int(broken[0])
            raise ArgumentError(
                f"{param.name} in row {row} is {raw[row]}: expected {describe_type(type_)}",
                hint="Convert the column first.",
            )
    if raw.size and (int(raw.min()) < low or int(raw.max()) > high):
        row = int(np.flatnonzero((raw < low) | (raw > high))[0])
        raise ArgumentError(
            f"{param.name} in row {row} is {raw[row]}: expected {low} to {high} ({type_})",
            hint="Clip the column to that range first, or leave such rows out.",
        )
    return raw.astype(dtype)


def _check_range(param: Parameter, array: np.ndarray[Any, Any], valid: np.ndarray[Any, Any] | None) -> None:
    if array.dtype.kind == "b" or (param.minimum is None and param.maximum is None):
        return
    bad = np.zeros(array.shape, bool)
    if param.minimum is not None:
        bad |= array < param.minimum
    if param.maximum is not None:
        bad |= array > param.maximum
    if valid is not None:
        bad &= valid
    rows = np.flatnonzero(bad)
    if rows.size:
        row = int(rows[0])
        raise ArgumentError(
            f"{param.name} in row {row} is {array[row]}: expected {range_text(param)}",
            hint="Clip the column to that range first, or leave such rows out.",
        )


def lift_batch(function: Function, values: Sequence[Any], result: BatchValue) -> Any:
    """The batch's result as the caller's kind of column.

    Returns:
        A Series with the first Series' index where any argument was a Series, else a numpy array. Nulls are NaN in
        float columns, ``pd.NA`` in nullable integer and boolean columns, None in arrays of text.
    """
    index = next((value.index for value in values if isinstance(value, pd.Series)), None)
    column, valid = result.values, result.valid
    if isinstance(column, tuple):
        column = result.tolist()
        if index is None:
            return np.array(column, dtype=object)
        return pd.Series(column, index=index, dtype="str")
    if valid is not None and not bool(np.all(valid)):
        if column.dtype.kind == "f":
            column = np.where(valid, column, np.nan).astype(column.dtype)
        elif index is None:
            return np.ma.MaskedArray(column, mask=~valid)
        else:
            return pd.Series(pd.array(column), index=index).where(pd.Series(valid, index=index))
    return column if index is None else pd.Series(column, index=index)
