"""A function's ``batch``: errors of rows, threads, progress, whole tables of several kinds, and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.errors import ArgumentError, ExecutionTimeout, GuestError, GuestTrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.module import Module

pytestmark = pytest.mark.toolchain

SHOP = """\
/// Items that go into each box.
pub fn per_box(items: i32, boxes: i32) -> Result<i32, String> {
    if items == 13 { panic!("bad luck"); }
    if boxes == 0 { return Err(format!("no box for {items}")); }
    Ok(items / boxes)
}

/// In capitals.
pub fn shout(text: &str) -> String { text.to_uppercase() }

/// Takes its time.
/// * `x`: 0.0..=10.0. Anything.
pub fn slow(x: f64) -> f64 { (0..20_000).fold(x, |x, _| (x * 1.000001).sin()) }
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Module]:
    with ak.open(data_dir=tmp_path_factory.mktemp("data")) as workspace:
        yield workspace.deploy(workspace.build(SHOP), name="shop")


def last(module: Module) -> Any:
    return module._workspace.history("shop")[0]


def test_errors_of_rows_raise_or_become_nulls_or_are_collected(shop: Module) -> None:
    items, boxes = pd.Series([10, 20, 30, None], index=list("abcd"), dtype="Int32"), pa.array([5, 0, 0, 1])
    message = r"^row 1: no box for 20 \(1 more row failed\)$"
    for fails in (shop.per_box, shop.per_box.batch):
        with pytest.raises(GuestError, match=message):
            fails(items, boxes)
        assert (last(shop).status, last(shop).error_message) == (
            "error",
            "row 1: no box for 20 (1 more row failed)",
        )
    nulls = shop.per_box.batch(items, boxes, on_error="null")
    assert nulls.index.tolist() == list("abcd")
    assert nulls.isna().tolist() == [False, True, True, True]
    assert (last(shop).status, last(shop).input_summary, last(shop).output_summary) == ("success", "4 rows", "4 rows")
    values, errors = shop.batch("per-box", items, boxes=boxes, on_error="collect")
    assert values.equals(nulls)
    assert errors == [(1, "no box for 20"), (2, "no box for 30")]
    assert errors[0].row == 1


def test_rows_that_fail_by_the_hundred_thousand(shop: Module) -> None:
    items = np.arange(100, 200_100, dtype=np.int32)
    values, errors = shop.per_box.batch(items, 0, on_error="collect")
    assert values.mask.all()
    assert [error.row for error in errors] == list(range(200_000))
    assert errors[150_000].message == "no box for 150100"
    with pytest.raises(GuestError, match=r"^row 0: no box for 100 \(199,999 more rows failed\)$"):
        shop.per_box(items, 0)


def test_a_panic_fails_the_batch(shop: Module) -> None:
    with pytest.raises(GuestTrap, match=r"^per_box panicked: bad luck, line 3$"):
        shop.per_box.batch(np.array([1, 13]), 1, on_error="null")
    assert last(shop).status == "error"


def test_text_that_is_not_utf8_is_the_callers_error(shop: Module) -> None:
    broken = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xff"))
    with pytest.raises(ArgumentError) as caught:
        shop.shout(broken)
    assert str(caught.value) == "argument text of shout: expected string (UTF-8), got bytes that are not UTF-8"


def test_progress_and_threads(shop: Module) -> None:
    told: list[tuple[int, int]] = []
    numbers = np.linspace(0, 1, 8_000)
    alone = shop.slow.batch(
        numbers, threads=1, progress=lambda done, rows: told.append((done, rows)), timeout_ms=30_000
    )
    assert told[-1] == (8_000, 8_000)
    assert len(told) > 2
    assert np.array_equal(shop.slow.batch(numbers, threads=3, timeout_ms=30_000), alone)


def test_what_the_progress_callback_raises_ends_the_batch(shop: Module) -> None:
    def full(done: int, rows: int) -> None:
        raise LookupError(f"{done <= rows}")

    for rows in (10, 100_000):
        with pytest.raises(LookupError, match=r"^True$"):
            shop.slow.batch(np.zeros(rows), progress=full)
    assert (last(shop).status, last(shop).error_message) == ("error", "slow was cancelled")


def test_the_time_limit_is_for_the_whole_batch(shop: Module) -> None:
    with pytest.raises(ExecutionTimeout, match=r"^slow ran past its limit of 200 ms$"):
        shop.slow.batch(np.zeros(100_000), timeout_ms=200)
    assert last(shop).status == "timeout"


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((1, 2), {}, "no argument of per_box is a column"),
        (([1, 2], 1), {}, "no argument of per_box is a column"),
        ((pd.Series([1]), 1), {"on_error": "ignore"}, "on_error is 'ignore': expected 'raise', 'null', 'collect'"),
        ((pd.Series([1]), 1), {"threads": 0}, "threads is 0: expected 1 or more"),
        ((pd.Series([1]), 1), {"threads": "all"}, "threads is 'all': expected 1 or more"),
        ((pd.Series([1]), 1), {"timeout_ms": 1}, "timeout_ms is 1: expected 100 to 30000"),
        ((pd.Series([1]), pl.Series([1, 2])), {}, "boxes has 2 rows: expected 1, as the column before it"),
        ((pd.Series([1]),), {}, "per_box needs 'boxes' (a whole number, s32)"),
    ],
)
def test_bad_calls(shop: Module, arguments: tuple[Any, ...], options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        shop.per_box.batch(*arguments, **options)
    assert str(caught.value) == text
    assert caught.value.hint


def test_a_million_texts_of_arrow(shop: Module) -> None:
    texts = pa.chunked_array([["aé"] * 300_000, ["b", None] * 350_000])
    found = shop.shout(texts)
    assert isinstance(found, pa.ChunkedArray)
    assert found.null_count == 350_000
    assert found.equals(pa.chunked_array([["AÉ"] * 300_000, ["B", None] * 350_000]))
    frame = pl.DataFrame({"text": texts})
    assert frame.with_columns(shop.shout(frame["text"]))["shout"].to_arrow().null_count == 350_000
