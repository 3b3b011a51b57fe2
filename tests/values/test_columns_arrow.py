"""Arrow columns to batch columns and back: pyarrow, polars, pandas' Arrow-backed columns, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from test_columns import function

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import BatchValue, Texts
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.column_results import lift_batch
from akatsuki_wasm.values.columns import is_batch, lower_batch
from akatsuki_wasm.values.sources import WINDOW

TEXTS = ["a", None, "", "日本", "longer than twelve bytes", "é"]
NUMBERS = [3, None, 0, 7, 255, 1]


def lowered(type_: wit.Type, column: Any, **facts: float) -> list[Any]:
    """The rows of a lowered column, None where null."""
    call = lower_batch(function(type_, **facts), [column])
    part = call.columns[0].whole()
    values = part.values if isinstance(part.values, list) else part.values.tolist()
    assert len(values) == call.rows
    return values if part.valid is None else [v if ok else None for v, ok in zip(values, part.valid, strict=True)]


def text_columns() -> dict[str, Any]:
    plain = pa.array(TEXTS)
    large, views = plain.cast(pa.large_string()), plain.cast(pa.string_view())
    return {
        "string": plain,
        "large_string": large,
        "string_view": views,
        "slice": pa.array(["x", "y", *TEXTS, "z"]).slice(2, len(TEXTS)),
        "chunked": pa.chunked_array([plain.slice(0, 1), plain.slice(1, 0), plain.slice(1, 3), plain.slice(4)]),
        "dictionary": plain.dictionary_encode(),
        "polars": pl.Series("t", TEXTS),
        "polars categorical": pl.Series("t", TEXTS, dtype=pl.Categorical),
        "polars chunks": pl.concat([pl.Series("t", TEXTS[:2]), pl.Series("t", TEXTS[2:])], rechunk=False),
        "pandas arrow": pd.Series(plain, dtype=pd.ArrowDtype(pa.string())),
        "pandas large": pd.Series(large, dtype=pd.ArrowDtype(pa.large_string())),
        "pandas string": pd.Series(TEXTS, dtype="string"),
        "pandas str": pd.Series(TEXTS, dtype="str"),
        "pandas object": pd.Series(TEXTS, dtype=object),
        "pandas category": pd.Series(TEXTS, dtype="category"),
        "numpy": np.array(TEXTS, dtype=object),
    }


@pytest.mark.parametrize("kind", text_columns())
def test_texts_of_every_kind(kind: str) -> None:
    column = text_columns()[kind]
    assert is_batch(function(wit.STRING), [column])
    assert lowered(wit.STRING, column) == TEXTS
    assert lowered(wit.Option(wit.STRING), column) == TEXTS


def number_columns(bits: str) -> dict[str, Any]:
    """Columns of `NUMBERS` in one of Arrow's types."""
    plain = pa.array(NUMBERS, getattr(pa, bits)())
    found = {
        "array": plain,
        "slice": pa.array([9, None, *NUMBERS, 9], getattr(pa, bits)()).slice(2, len(NUMBERS)),
        "chunked": pa.chunked_array([plain.slice(0, 2), plain.slice(2)]),
        "polars": pl.Series("n", plain),
    }
    if bits not in ("halffloat", "float16"):
        found["pandas arrow"] = pd.Series(plain, dtype=pd.ArrowDtype(plain.type))
    return found


@pytest.mark.parametrize("bits", ["uint8", "int16", "uint32", "int64", "float32", "float64"])
@pytest.mark.parametrize("kind", number_columns("uint8"))
def test_numbers_of_every_kind(bits: str, kind: str) -> None:
    column = number_columns(bits)[kind]
    for type_ in (wit.F64, wit.F32, wit.U8, wit.S64, wit.Option(wit.U16)):
        assert lowered(type_, column) == NUMBERS


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "UInt8"])
def test_nullable_numbers(dtype: str) -> None:
    assert lowered(wit.S32, pd.Series(NUMBERS, dtype=dtype)) == NUMBERS


def test_bools_are_unpacked() -> None:
    flags = [True, None, False, True, True, False, False, None, True, True]
    for column in (
        pa.array([None, *flags]).slice(1),
        pa.chunked_array([flags[:3], flags[3:]]),
        pl.Series("f", flags),
        pd.Series(flags, dtype="boolean"),
        pd.Series(flags, dtype="bool[pyarrow]"),
    ):
        assert lowered(wit.BOOL, column) == flags


def test_characters_are_checked_in_every_row() -> None:
    chars = ["a", None, "é", "日", "🦀"]
    for column in (pa.array(chars), pl.Series("c", chars), pd.Series(chars), np.array(chars, object)):
        assert lowered(wit.CHAR, column) == chars
    for column in (pa.array(["a", "ab", "c"]), pl.Series("c", ["a", "ab"]), pd.Series(["a", "ab"], dtype=object)):
        with pytest.raises(ArgumentError, match=r"^a in row 1 is 'ab': expected one character$"):
            lower_batch(function(wit.CHAR), [column])
    with pytest.raises(ArgumentError, match=r"^a in row 70000 is '': expected one character$"):
        lower_batch(function(wit.CHAR), [pa.chunked_array([["x"] * 70_000, ["", "x"]])])


def test_columns_of_nulls_alone() -> None:
    for column in (pa.nulls(3), pl.Series("n", [None] * 3), pd.Series([None] * 3, dtype=object)):
        for type_ in (wit.F64, wit.U8, wit.BOOL, wit.STRING):
            assert lowered(type_, column) == [None] * 3


def test_empty_columns() -> None:
    for column in (pa.array([], pa.string()), pa.chunked_array([], pa.string()), pl.Series("t", [], dtype=pl.String)):
        assert lowered(wit.STRING, column) == []
    assert lowered(wit.F64, pa.chunked_array([], pa.float64())) == []
    assert lowered(wit.F64, pd.Series([], dtype=object)) == []


def test_a_long_column_is_converted_part_by_part() -> None:
    rows = 3 * WINDOW
    numbers = pa.chunked_array([pa.array(range(WINDOW + 5)), pa.array(range(rows - WINDOW - 5))])
    source = lower_batch(function(wit.F64), [numbers]).columns[0].values
    part = source.part(WINDOW, WINDOW + 10)
    assert part.values.tolist() == [WINDOW, WINDOW + 1, WINDOW + 2, WINDOW + 3, WINDOW + 4, 0, 1, 2, 3, 4]
    assert part.values.dtype == np.float64
    plain = np.arange(rows, dtype=np.float64)
    part = lower_batch(function(wit.F64), [plain]).columns[0].values.part(5, 9)
    assert np.shares_memory(part.values, plain)
    texts = pa.array(["ab"] * rows)
    found = lower_batch(function(wit.STRING), [texts]).columns[0].values.part(7, 9).values
    assert np.shares_memory(found.data, np.frombuffer(texts.buffers()[2], np.uint8))


@pytest.mark.parametrize(
    ("type_", "column", "message", "hint"),
    [
        (
            wit.F64,
            pa.array([1, 2]).cast(pa.decimal128(21, 2)),
            "a is a column of decimal128(21, 2): expected a number, f64 in each row",
            "Cast the column to float64 first.",
        ),
        (
            wit.S64,
            pa.array([0]).cast(pa.timestamp("us")),
            "a is a column of timestamp[us]: expected a whole number, s64 in each row",
            "Cast the column to int64 first.",
        ),
        (
            wit.STRING,
            pa.array([b"a"]),
            "a is a column of binary: expected text in each row",
            "Cast the column to string first.",
        ),
        (wit.STRING, pa.array([1]), "a is a column of int64: expected text in each row", "Cast the column first."),
        (wit.F64, pa.array(["1"]), "a is a column of string: expected a number, f64 in each row", None),
        (wit.F64, pa.array([True]), "a is a column of bool: expected a number, f64 in each row", None),
        (wit.BOOL, pl.Series("b", [1]), "a is a column of int64: expected true or false in each row", None),
        (
            wit.F64,
            pl.DataFrame({"x": [1.0]}),
            "a is a column of struct<x: double>: expected a number, f64 in each row",
            "Give one column of it.",
        ),
        (wit.F64, pl.Series("d", [[1.0]]), "a is a column of large_list<", None),
        (wit.U8, pa.array([1, 256]), "a in row 1 is 256: expected 0 to 255 (u8)", None),
        (wit.U8, pd.Series([1, None, 256], dtype="Int64"), "a in row 2 is 256: expected 0 to 255 (u8)", None),
        (wit.S32, pa.array([1.0, None, 2.5]), "a in row 2 is 2.5: expected a whole number, s32", None),
        (wit.S32, pa.array([1.0, float("nan")]), "a in row 1 is nan: expected a whole number, s32", None),
        (wit.F32, pa.array([1.0, 1e300]), "a in row 1 is 1e+300: expected at most 3.4028234663852886e+38 (f32)", None),
        (wit.U64, np.array([1, -1]), "a in row 1 is -1: expected 0 to 18446744073709551615 (u64)", None),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(type_: wit.Type, column: Any, message: str, hint: str | None) -> None:
    with pytest.raises(ArgumentError) as caught:
        lower_batch(function(type_), [column])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert hint is None or caught.value.hint == hint


def test_numbers_of_other_sizes_and_byte_orders() -> None:
    assert lowered(wit.F64, np.array([1e300, 2], np.longdouble)) == [1e300, 2]
    assert lowered(wit.F64, np.array([1, 2], ">f8")) == [1, 2]
    assert lowered(wit.S32, np.array([1, -2], ">i4")) == [1, -2]
    assert lowered(wit.F32, pa.array([1, 2], pa.float16())) == [1, 2]
    assert lowered(wit.F64, np.arange(6.0)[::2]) == [0, 2, 4]


def test_ranges_hold_in_every_row_but_for_nulls() -> None:
    rows = WINDOW + 10
    values = np.full(rows, 5.0)
    values[[3, WINDOW + 4]] = [np.nan, 11]
    with pytest.raises(ArgumentError, match=rf"^a in row {WINDOW + 4} is 11.0: expected 1 to 10$"):
        lower_batch(function(wit.F64, minimum=1, maximum=10), [values])
    valid = np.ones(rows, bool)
    valid[WINDOW + 4] = False
    lower_batch(function(wit.F64, minimum=1, maximum=10), [pa.array(values, mask=~valid)])


# ---------------------------------------------------------------- results


def result(*rows: str | None) -> BatchValue:
    data = "".join(row or "" for row in rows).encode()
    offsets = np.cumsum([0, *(len((row or "").encode()) for row in rows)], dtype=np.int32)
    valid = np.array([row is not None for row in rows])
    return BatchValue((Texts(offsets, np.frombuffer(data, np.uint8)),), None if valid.all() else valid)


NULLED = BatchValue(np.array([3, 4], np.int32), np.array([True, False]))
WHOLE = BatchValue(np.array([0.5, 1.5]), None)


def test_results_are_of_the_callers_kind() -> None:
    f = function(wit.F64)
    array = lift_batch(f, [pa.array([1, 2])], NULLED)
    assert array.equals(pa.array([3, None], pa.int32()))
    chunked = lift_batch(f, [pa.chunked_array([[1], [2]])], NULLED)
    assert isinstance(chunked, pa.ChunkedArray)
    assert chunked.to_pylist() == [3, None]
    series = lift_batch(f, [pl.Series("x", [1, 2])], NULLED)
    assert (series.name, series.dtype, series.to_list()) == ("f", pl.Int32, [3, None])
    index = pd.Index(["p", "q"])
    backed = lift_batch(f, [pd.Series([1, 2], index=index, dtype="int64[pyarrow]")], NULLED)
    assert (str(backed.dtype), backed.index.tolist(), backed.isna().tolist()) == (
        "int32[pyarrow]",
        ["p", "q"],
        [False, True],
    )
    nullable = lift_batch(f, [pd.Series([1, 2], index=index)], NULLED)
    assert (str(nullable.dtype), nullable.index.tolist()) == ("Int32", ["p", "q"])


def test_texts_come_back_as_the_callers_kind_of_text() -> None:
    f, texts = function(wit.STRING), result("日", None, "c")
    for column, dtype in (
        (pd.Series(["a", "b", "c"]), "str"),
        (pd.Series(["a", "b", "c"], dtype="string"), "string"),
        (pd.Series(["a", "b", "c"], dtype=object), "str"),
        (pd.Series([1, 2, 3]), "str"),
        (pd.Series(["a", "b", "c"], dtype="string[pyarrow]"), "string"),
        (pd.Series(["a"] * 3, dtype=pd.ArrowDtype(pa.string())), "string[pyarrow]"),
        (pd.Series(["a"] * 3, dtype=pd.ArrowDtype(pa.large_string())), "large_string[pyarrow]"),
        (pd.Series([1, 2, 3], dtype="int64[pyarrow]"), "string[pyarrow]"),
    ):
        found = lift_batch(f, [column], texts)
        assert (str(found.dtype), found.isna().tolist(), found[0]) == (dtype, [False, True, False], "日")
    assert lift_batch(f, [pa.array(["a"] * 3)], texts).equals(pa.array(["日", None, "c"]))
    assert lift_batch(f, [pa.array(["a"] * 3, pa.large_string())], texts).type == pa.large_string()
    assert lift_batch(f, [pl.Series("x", ["a"] * 3)], texts).to_list() == ["日", None, "c"]
    assert lift_batch(f, [np.array(["a"] * 3, object)], texts).tolist() == ["日", None, "c"]
    several = BatchValue((*result("a", "b").values, *result("c").values), np.array([True, False, True]))
    assert lift_batch(f, [pa.array([1, 2, 3])], several).equals(pa.array(["a", None, "c"]))


def test_numpy_arrays_go_along_with_any_kind() -> None:
    f, plain = function(wit.F64, wit.F64), np.zeros(2)
    assert isinstance(lift_batch(f, [plain, plain], WHOLE), np.ndarray)
    assert isinstance(lift_batch(f, [plain, pd.Series([1, 2])], WHOLE), pd.Series)
    assert isinstance(lift_batch(f, [plain, pa.array([1, 2])], WHOLE), pa.Array)
    assert isinstance(lift_batch(f, [pl.Series([1, 2]), pd.Series([1, 2])], WHOLE), pl.Series)


def test_numbers_are_not_copied() -> None:
    f, values = function(wit.F64), WHOLE.values
    assert lift_batch(f, [np.zeros(2)], WHOLE) is values
    assert np.shares_memory(lift_batch(f, [pd.Series([1, 2])], WHOLE).to_numpy(), values)
    assert lift_batch(f, [pa.array([1, 2])], WHOLE).buffers()[1].address == values.ctypes.data
    assert np.shares_memory(lift_batch(f, [pl.Series([1, 2])], WHOLE).to_numpy(), values)


# ---------------------------------------------------------------- without pyarrow


def in_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_pyarrow_everything_else_works() -> None:
    out = in_process("""
import sys
sys.modules["pyarrow"] = None  # as if it were not installed
import numpy as np, pandas as pd
from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Function, Parameter
from akatsuki_wasm.errors import MissingExtraError
from akatsuki_wasm.values.columns import lower_batch
assert "polars" not in sys.modules
f = Function("f", (Parameter("a", wit.STRING),), wit.STRING, batch="b")
print(lower_batch(f, [pd.Series(["a", None])]).columns[0].values)
import polars as pl
try:
    lower_batch(f, [pl.Series(["a"])])
except MissingExtraError as exc:
    print(exc, "|", exc.hint)
""")
    assert out == "['a', '']\nArrow columns need pyarrow, which is not installed | pip install 'akatsuki-wasm[arrow]'\n"
