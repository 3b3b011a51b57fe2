"""A batch's result as the caller's kind of column: numpy, pandas, pyarrow, polars."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from akatsuki_wasm.values.arrow import arrow_result, load_pyarrow
from akatsuki_wasm.values.columns import is_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from akatsuki_wasm.contracts import BatchValue, Function

    Array = npt.NDArray[Any]


def lift_batch(function: Function, values: Sequence[Any], result: BatchValue) -> Any:
    """The batch's result as the caller's kind of column.

    The first column that is no numpy array decides; numpy arrays go along with any kind.

    Args:
        function: That was applied.
        values: The arguments as the caller gave them.
        result: What the executor gave; its arrays become the column's where they can.

    Returns:
        A Series with the deciding Series' index, Arrow-backed where that one is; a pyarrow Array for an Array, a
        ChunkedArray for a ChunkedArray and other Arrow streams; a polars Series named as the function. Arrays alone
        give a numpy array. Nulls are nulls, but NaN in numpy-backed floats, ``pd.NA`` in nullable integer and boolean
        columns, None in arrays of text.
    """
    columns = [value for value in values if is_column(value)]
    deciding = next((value for value in columns if not isinstance(value, np.ndarray)), None)
    if deciding is None:
        return _numpy(result)
    if isinstance(deciding, pd.Series):
        return _series(deciding, result)
    return _arrow(function, deciding, result)


def _numpy(result: BatchValue) -> Array:
    values, valid = result.values, result.valid
    if isinstance(values, tuple):
        return np.array(result.tolist(), dtype=object)
    if valid is None:
        return values  # type: ignore[no-any-return]  # an array, says the contract
    return _with_nan(values, valid) if values.dtype.kind == "f" else np.ma.MaskedArray(values, mask=~valid)


def _with_nan(values: Array, valid: Array) -> Array:
    """NaN where not valid; in place where the array may be written to."""
    values = values if values.flags.writeable else values.copy()
    np.copyto(values, np.nan, where=~valid)
    return values


def _series(deciding: pd.Series[Any], result: BatchValue) -> pd.Series[Any]:
    values, valid, index = result.values, result.valid, deciding.index
    if isinstance(deciding.dtype, pd.ArrowDtype):
        column = _like(arrow_result(result), deciding.dtype.pyarrow_dtype)
        return pd.Series(pd.array(column, dtype=pd.ArrowDtype(column.type)), index=index, copy=False)
    if isinstance(values, tuple):
        return pd.Series(_pandas_texts(deciding.dtype, result), index=index, copy=False)
    if valid is None:
        made = values
    elif values.dtype.kind == "f":
        made = _with_nan(values, valid)
    else:
        masked = pd.arrays.BooleanArray if values.dtype.kind == "b" else pd.arrays.IntegerArray
        made = masked(values, ~valid, copy=False)
    return pd.Series(made, index=index, copy=False)


def _pandas_texts(dtype: Any, result: BatchValue) -> Any:
    """Texts in the kind of text column that the caller has, or else in the one that pandas makes."""
    wanted = dtype if isinstance(dtype, pd.StringDtype) else pd.api.types.pandas_dtype("str")
    if isinstance(wanted, pd.StringDtype) and wanted.storage == "pyarrow":
        return pd.array(arrow_result(result), dtype=wanted)
    return pd.Series(result.tolist(), dtype=wanted).array


def _like(column: Any, type_: Any) -> Any:
    """Texts with offsets of 64 bits where the caller's have; nothing else is changed."""
    pa = load_pyarrow()
    return column.cast(type_) if pa.types.is_string(column.type) and pa.types.is_large_string(type_) else column


def _arrow(function: Function, deciding: Any, result: BatchValue) -> Any:
    pa = load_pyarrow()
    column = arrow_result(result)
    if type(deciding).__module__.partition(".")[0] == "polars":
        return sys.modules["polars"].Series(function.name, column)
    if isinstance(deciding, pa.Array | pa.ChunkedArray):
        column = _like(column, deciding.type)
    is_chunked = isinstance(deciding, pa.ChunkedArray) or hasattr(deciding, "__arrow_c_stream__")
    if is_chunked:
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which copies
