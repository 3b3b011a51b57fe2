"""Whole columns: pandas, numpy and Arrow columns to the batch lane's columns.

A call is a batch when a parameter that takes one number or text is given a Series, a 1-D array or an Arrow array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import BatchCall, Column, Function, Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.arrow import arrow_column, is_arrow
from akatsuki_wasm.values.bind import describe_type
from akatsuki_wasm.values.python import lower
from akatsuki_wasm.values.sources import DTYPES, NumberSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = npt.NDArray[Any]


def is_column(value: Any) -> bool:
    """Whether a value holds one value for each row."""
    if isinstance(value, pd.Series):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return is_arrow(value)


def is_batch(function: Function, values: Sequence[Any]) -> bool:
    """Whether bound values are columns for the function's scalar parameters."""
    return any(
        _scalar(param.type) is not None and is_column(value)
        for param, value in zip(function.params, values, strict=True)
    )


def _scalar(type_: wit.Type) -> wit.Primitive | None:
    """The primitive that a batch column holds, or None where the type has no batch lane."""
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    return inner if isinstance(inner, wit.Primitive) else None


def lower_batch(
    function: Function, values: Sequence[Any], *, threads: int | None = None, max_errors: int | None = None
) -> BatchCall:
    """Turns bound values into a batch call.

    Args:
        function: The signature.
        values: One for each parameter: a column, all of the same length, or one value for all rows.
        threads: See `BatchCall`.
        max_errors: See `BatchCall`.

    Raises:
        ArgumentError: The function has no batch lane, lengths differ, or a column cannot be converted without loss.
        MissingExtraError: An Arrow column came, and pyarrow is not installed.
    """
    if function.batch is None and any(_scalar(param.type) is None for param in function.params):
        raise ArgumentError(
            f"{function.name} has no batch lane: it cannot be applied to columns", hint="Call it once for each row."
        )
    columns, rows = [], None
    for param, value in zip(function.params, values, strict=True):
        if not is_column(value):
            columns.append(Column(lower(param, value), broadcast=True))
            continue
        column, length = _column(param, value)
        if rows is not None and length != rows:
            raise ArgumentError(
                f"{param.name} has {length} rows: expected {rows}, as the column before it",
                hint="Give columns of the same length.",
            )
        rows = length
        columns.append(column)
    return BatchCall(function.name, tuple(columns), rows or 0, threads, max_errors)


def _column(param: Parameter, value: Any) -> tuple[Column, int]:
    type_ = _scalar(param.type)
    if type_ is None:
        raise ArgumentError(
            f"{param.name} is a column: expected {describe_type(param.type)}", hint="Give a single value."
        )
    made = _made(param, type_, value)
    return made, len(made.values)


def _made(param: Parameter, type_: wit.Primitive, value: Any) -> Column:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return _numpy_column(param, type_, value)
    if not isinstance(value, np.ndarray | pd.Series):
        return arrow_column(param, type_, value)
    series = value if isinstance(value, pd.Series) else pd.Series(value)
    array, is_text = series.array, type_.name in ("string", "char")
    arrow = getattr(array, "__arrow_array__", None)
    if isinstance(series.dtype, pd.ArrowDtype) or (
        is_text and isinstance(series.dtype, pd.StringDtype) and series.dtype.storage == "pyarrow"
    ):
        assert arrow is not None  # noqa: S101 - arrays of these dtypes are Arrow's
        return arrow_column(param, type_, arrow())
    if is_text:
        return _text_column(param, type_, series)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return _numpy_column(param, type_, series.to_numpy())
    if isinstance(array, pd.arrays.IntegerArray | pd.arrays.FloatingArray | pd.arrays.BooleanArray):
        return _masked_column(param, type_, array)
    return _object_column(param, type_, series)


def _numpy_column(param: Parameter, type_: wit.Primitive, array: Array) -> Column:
    # A NaN in a plain float column is a value to a float parameter, as it is to numpy; elsewhere it marks a null.
    if array.dtype.kind != "f" or type_.is_float:
        return NumberSource(
            param, type_, lambda start, stop: (array[start:stop], None), array.dtype, len(array)
        ).column()

    def read(start: int, stop: int) -> tuple[Array, Array | None]:
        part = array[start:stop]
        null = np.isnan(part)
        if not null.any():
            return part, None
        return np.where(null, 0, part), ~null

    return NumberSource(param, type_, read, array.dtype, len(array)).column()


def _masked_column(param: Parameter, type_: wit.Primitive, array: Any) -> Column:
    """A nullable column of pandas: these have values and a mask."""
    dtype = array.dtype.numpy_dtype

    def read(start: int, stop: int) -> tuple[Array, Array | None]:
        part = array[start:stop]
        null = part.isna()
        return part.to_numpy(dtype, na_value=dtype.type(0)), ~null if null.any() else None

    return NumberSource(param, type_, read, dtype, len(array)).column()


def _object_column(param: Parameter, type_: wit.Primitive, series: pd.Series[Any]) -> Column:
    """A column of Python objects, or of whatever else pandas holds: converted as a whole."""
    null = series.isna().to_numpy()
    has_null = bool(null.any())
    present = _plain(series[~null] if has_null else series)
    raw = present
    if has_null or not present.size:  # a column without a value may be of any type
        raw = np.zeros(len(series), present.dtype if present.size else DTYPES[type_.name])
        raw[~null] = present
    valid = ~null if has_null else None

    def read(start: int, stop: int) -> tuple[Array, Array | None]:
        return raw[start:stop], None if valid is None else valid[start:stop]

    return NumberSource(param, type_, read, raw.dtype, len(raw)).column()


def _plain(series: pd.Series[Any]) -> Array:
    """A column without nulls as the plainest numpy array that holds it."""
    array = series.to_numpy()
    return array if array.dtype != object else pd.Series(array.tolist()).to_numpy()


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
