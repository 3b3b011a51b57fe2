"""pandas Series and numpy arrays to batch columns and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import BatchValue, Function, Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.sandbox.batch.texts import encode
from akatsuki_wasm.values.column_results import lift_batch
from akatsuki_wasm.values.columns import is_batch, lower_batch


def function(
    *types: wit.Type, result: wit.Type = wit.F64, batch: str | None = "akatsuki:batch/f", **facts: float
) -> Function:
    params = tuple(Parameter("abc"[index], type_, **facts) for index, type_ in enumerate(types))
    return Function("f", params, result, batch=batch)


def test_a_series_or_array_for_a_scalar_is_a_batch() -> None:
    scalar, listed = function(wit.F64), function(wit.List(wit.F64))
    assert is_batch(scalar, [pd.Series([1.0])])
    assert is_batch(scalar, [np.array([1.0])])
    assert is_batch(function(wit.Option(wit.STRING)), [pd.Series(["a"])])
    assert not is_batch(scalar, [1.0])
    assert not is_batch(scalar, [np.float64(1)])
    assert not is_batch(listed, [np.array([1.0])])


def test_columns_and_scalars_together() -> None:
    call = lower_batch(function(wit.F64, wit.S32, wit.STRING), [pd.Series([1, 2]), np.array([3, 4]), "x"])
    assert call.rows == 2
    assert call.columns[0].values.dtype == np.float64
    assert call.columns[1].values.dtype == np.int32
    assert call.columns[2].broadcast
    assert all(column.valid is None for column in call.columns)


def test_nan_is_a_value_for_floats_and_a_null_elsewhere() -> None:
    series = pd.Series([1.0, np.nan, 3.0])
    floats = lower_batch(function(wit.F64), [series]).columns[0]
    assert floats.valid is None
    assert np.isnan(floats.values[1])
    whole = lower_batch(function(wit.S32), [series]).columns[0]
    assert whole.valid.tolist() == [True, False, True]
    assert whole.values.tolist() == [1, 0, 3]


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_nullable_columns_have_a_mask(dtype: str) -> None:
    type_ = {"Int64": wit.S64, "Float64": wit.F64, "boolean": wit.BOOL}[dtype]
    column = lower_batch(function(type_), [pd.Series([1, None, 0], dtype=dtype)]).columns[0]
    assert column.valid.tolist() == [True, False, True]
    assert column.values[[0, 2]].tolist() == [1, 0]


def test_text_columns() -> None:
    column = lower_batch(function(wit.STRING), [pd.Series(["a", None, "日本"])]).columns[0]
    assert column.values.tolist() == ["a", "", "日本"]
    assert column.valid.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("type_", "values", "message"),
    [
        (wit.U8, [1, 256], "a in row 1 is 256: expected 0 to 255 (u8)"),
        (wit.S32, [1.0, 2.5], "a in row 1 is 2.5: expected a whole number, s32"),
        (wit.F64, ["x", "y"], "a is a column of object: expected a number, f64 in each row"),
        (wit.BOOL, [1, 0], "a is a column of int64: expected true or false in each row"),
        (wit.F64, [True, False], "a is a column of bool: expected a number, f64 in each row"),
        (wit.STRING, ["x", 3], "a in row 1 is 3: expected text"),
    ],
)
def test_a_column_is_never_cut_or_wrapped(type_: wit.Type, values: list[object], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        lower_batch(function(type_), [pd.Series(values, dtype=object if isinstance(values[0], str) else None)])
    assert str(caught.value) == message


def test_lengths_ranges_and_lanes_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"^b has 3 rows: expected 2, as the column before it$"):
        lower_batch(function(wit.F64, wit.F64), [np.zeros(2), np.zeros(3)])
    with pytest.raises(ArgumentError, match=r"^a in row 2 is 9.0: expected 0 to 1$"):
        lower_batch(function(wit.F64, minimum=0, maximum=1), [np.array([0, 1, 9.0])])
    with pytest.raises(ArgumentError, match=r"^f has no batch lane: it cannot be applied to columns$"):
        lower_batch(function(wit.F64, wit.List(wit.F64), batch=None), [np.zeros(2), [1.0]])


def test_results_keep_the_index() -> None:
    series = pd.Series([1.0, 2.0], index=["x", "y"])
    lifted = lift_batch(function(wit.F64), [series], BatchValue(np.array([3.0, 4.0]), None))
    assert lifted.index.tolist() == ["x", "y"]
    assert lifted.tolist() == [3.0, 4.0]
    valid = np.array([True, False])
    assert np.isnan(lift_batch(function(wit.F64), [series], BatchValue(np.array([3.0, 4.0]), valid)).iloc[1])
    whole = lift_batch(function(wit.F64), [series], BatchValue(np.array([3, 4]), valid))
    assert whole.dtype == "Int64"
    assert whole.isna().tolist() == [False, True]
    flags = lift_batch(function(wit.F64), [series], BatchValue(np.array([True, True]), valid))
    assert flags.dtype == "boolean"
    text = lift_batch(function(wit.F64), [series], BatchValue((encode(["a", ""], None),), valid))
    assert text.isna().tolist() == [False, True]
    array = lift_batch(function(wit.F64), [np.zeros(2)], BatchValue(np.array([3, 4]), valid))
    assert array.mask.tolist() == [False, True]
