"""Guests that cargo built from plain Rust: every contract type both ways, panics, errors, memory, the batch lane."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
import pytest
from hypothesis import given, settings
from test_roundtrip import same, values

from akatsuki_wasm import wit
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.contracts import (
    MIB,
    BatchCall,
    BuildOptions,
    Call,
    Column,
    ExecutableModule,
    GuestProject,
    GuestSource,
    Limits,
    RowError,
)
from akatsuki_wasm.errors import (
    ArgumentError,
    ExecutionTimeout,
    GuestError,
    GuestTrap,
    MemoryLimitError,
    ResultTooLargeError,
    ToolchainError,
)
from akatsuki_wasm.sandbox.batch.texts import encode

if TYPE_CHECKING:
    from akatsuki_wasm.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.toolchain
CACHE = os.environ.get("AKATSUKI_TEST_TOOLCHAIN_CACHE") or str(platformdirs.user_cache_path("akatsuki_wasm"))

PRIMITIVES = {
    **{name: name.replace("s", "i") for name in wit.INTEGER_RANGES},
    "bool": "bool", "f32": "f32", "f64": "f64", "char": "char", "string": "String",
}  # fmt: skip
POINT = wit.Record("point", (("x", wit.F64), ("label", wit.STRING), ("size", wit.Option(wit.U16))))
TYPES: dict[str, tuple[wit.Type, str]] = {
    **{name: (wit.Primitive(name), rust) for name, rust in PRIMITIVES.items()},
    **{f"list_{name}": (wit.List(wit.Primitive(name)), f"Vec<{rust}>") for name, rust in PRIMITIVES.items()},
    **{f"option_{name}": (wit.Option(wit.Primitive(name)), f"Option<{rust}>") for name, rust in PRIMITIVES.items()},
    "tuple": (wit.Tuple((wit.U8, wit.F64, wit.STRING)), "(u8, f64, String)"),
    "record": (POINT, "Point"),
    "records": (wit.List(POINT), "Vec<Point>"),
    "nested": (wit.List(wit.List(wit.S16)), "Vec<Vec<i16>>"),
    "option_list": (wit.Option(wit.List(wit.F32)), "Option<Vec<f32>>"),
    "option_record": (wit.Option(POINT), "Option<Point>"),
    "options": (wit.List(wit.Option(wit.STRING)), "Vec<Option<String>>"),
    "deep": (
        wit.List(wit.Tuple((wit.CHAR, wit.Option(wit.List(POINT))))),
        "Vec<(char, Option<Vec<Point>>)>",
    ),
    "image": (wit.IMAGE, "Image"),
}

SOURCE = (
    """//! Gives back what it gets.
pub struct Point { pub x: f64, pub label: String, pub size: Option<u16> }
"""
    + "\n".join(f"pub fn same_{name}(value: {rust}) -> {rust} {{ value }}" for name, (_, rust) in TYPES.items())
    + """
/// Borrowed forms.
pub fn total(values: &[f64], text: &str) -> f64 { values.iter().sum::<f64>() + text.len() as f64 }
pub fn many(a: String, b: String, c: String, d: String, e: String, f: String, g: String, h: String, i: u8) -> String {
    format!("{a}{b}{c}{d}{e}{f}{g}{h}{i}")
}
pub fn invert(image: &Image) -> Image {
    Image { width: image.width, height: image.height, pixels: image.pixels.iter().map(|v| 255 - v).collect() }
}
pub fn nothing(value: u32) { assert!(value < 10, "too large: {value}"); }
pub fn divide(a: i32, b: i32) -> Result<i32, String> {
    if b == 0 { return Err(String::from("division by zero")); }
    Ok(a / b)
}
pub fn at(values: Vec<u32>, index: u32) -> u32 { values[index as usize] }
pub fn fill(count: u32) -> u64 {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for _ in 0..count { all.push(vec![1; 1 << 20]); }
    all.iter().map(|each| each.len() as u64).sum()
}
pub fn spin(count: u64) -> u64 {
    let mut state = count;
    loop { state = state.wrapping_mul(6364136223846793005).wrapping_add(1); if state == 42 { return state; } }
}
pub fn tail(text: &str, more: u32) -> u64 { text.len() as u64 + u64::from(more) }
pub fn shout(text: &str) -> String { text.to_uppercase() }
pub fn margin(price: f64, cost: f64) -> f64 { (price - cost) / price }
pub fn first(text: &str) -> Option<char> { text.chars().next() }
pub fn either(a: Option<i64>, b: i64) -> i64 { a.unwrap_or(b) }
pub fn narrow(a: i32) -> Result<u8, String> { u8::try_from(a).map_err(|_| format!("{a} is no byte")) }
pub fn slow(a: f64) -> f64 { let mut x = a; for _ in 0..2_000_000 { x = (x * 1.0000001).sin(); } x }
"""
)


@pytest.fixture(scope="session")
def guests() -> ExecutableModule:
    from akatsuki_wasm_plugins.cargo import CargoPlugin

    plugin = CargoPlugin()
    plugin.akatsuki_configure(load_settings(cache_dir=Path(CACHE)))
    project = GuestProject("guests", GuestSource(SOURCE, "guests", "", "test"))
    try:
        artifact = plugin.akatsuki_build(project, BuildOptions(timeout_s=120))
    except ToolchainError as exc:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Rust toolchain: {exc}")
    wasm = artifact.wasm
    return ExecutableModule(
        hashlib.sha256(wasm).hexdigest(), artifact.manifest, lambda: wasm, "guests", built_here=True
    )


@pytest.mark.parametrize("name", TYPES)
def test_every_type_comes_back_as_it_went(sandbox: Sandbox, guests: ExecutableModule, name: str) -> None:
    type_ = TYPES[name][0]

    @settings(max_examples=15, deadline=None)
    @given(values(type_))
    def check(value: Any) -> None:
        got = sandbox.execute(guests, Call(f"same_{name}", (value,))).value
        assert same(type_, got, value)

    check()


def test_borrowed_forms_and_spilled_parameters(sandbox: Sandbox, guests: ExecutableModule) -> None:
    assert sandbox.execute(guests, Call("total", (np.array([1.5, 2.5]), "abc"))).value == 7.0
    assert sandbox.execute(guests, Call("many", (*"abcdefgh", 9))).value == "abcdefgh9"
    assert sandbox.execute(guests, Call("nothing", (1,))).value is None


def test_an_image(sandbox: Sandbox, guests: ExecutableModule) -> None:
    pixels = np.arange(48, dtype=np.uint8)
    got = sandbox.execute(guests, Call("invert", ({"width": 4, "height": 3, "pixels": pixels},))).value
    assert (got.width, got.height, got.pixels.tolist()) == (4, 3, (255 - pixels).tolist())


def test_an_err(sandbox: Sandbox, guests: ExecutableModule) -> None:
    assert sandbox.execute(guests, Call("divide", (7, 2))).value == 3
    with pytest.raises(GuestError, match=r"^division by zero$"):
        sandbox.execute(guests, Call("divide", (7, 0)))


def test_a_panic_has_its_text_and_line(sandbox: Sandbox, guests: ExecutableModule) -> None:
    lines = SOURCE.splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if text.startswith("pub fn nothing"))
    with pytest.raises(GuestTrap) as caught:
        sandbox.execute(guests, Call("nothing", (12,)))
    assert str(caught.value) == f"nothing panicked: too large: 12, line {line}"
    line = 1 + next(number for number, text in enumerate(lines) if text.startswith("pub fn at("))
    with pytest.raises(GuestTrap) as caught:
        sandbox.execute(guests, Call("at", ([1, 2, 3], 7)))
    assert str(caught.value) == (f"at panicked: index out of bounds: the len is 3 but the index is 7, line {line}")


def test_memory_and_time(sandbox: Sandbox, guests: ExecutableModule) -> None:
    limits = Limits(memory_bytes=64 * MIB)
    assert sandbox.execute(guests, Call("fill", (20,)), limits).value == 20 * MIB
    with pytest.raises(MemoryLimitError, match=r"^fill needs more memory than its limit of 64 MiB$"):
        sandbox.execute(guests, Call("fill", (100,)), limits)
    with pytest.raises(ExecutionTimeout, match=r"^spin ran past its limit of 100 ms$"):
        sandbox.execute(guests, Call("spin", (1,)), Limits(timeout_ms=100))


# ---------------------------------------------------------------- batch lane


def batch(sandbox: Sandbox, guests: ExecutableModule, name: str, *columns: Column, rows: int) -> Any:
    return sandbox.execute(guests, BatchCall(name, columns, rows)).value


def test_columns_of_numbers_over_many_chunks(sandbox: Sandbox, guests: ExecutableModule) -> None:
    rows = 200_001
    price, cost = np.linspace(1, 9, rows), np.linspace(0, 3, rows)
    got = batch(sandbox, guests, "margin", Column(price), Column(cost), rows=rows)
    assert got.values.tolist() == ((price - cost) / price).tolist()
    assert (got.valid, got.errors) == (None, ())


def test_one_value_for_all_rows(sandbox: Sandbox, guests: ExecutableModule) -> None:
    got = batch(sandbox, guests, "margin", Column(np.array([2.0, 4.0])), Column(1, broadcast=True), rows=2)
    assert got.values.tolist() == [0.5, 0.75]


def test_a_null_skips_the_row(sandbox: Sandbox, guests: ExecutableModule) -> None:
    price = Column(np.array([2.0, np.nan, 4.0]), np.array([True, False, True]))
    cost = Column(np.array([1, 1, 1]), np.array([True, True, False]))
    got = batch(sandbox, guests, "margin", price, cost, rows=3)
    assert got.values[0] == 0.5
    assert got.valid.tolist() == [True, False, False]


def test_an_option_takes_the_null(sandbox: Sandbox, guests: ExecutableModule) -> None:
    a = Column(np.array([1, 2, 3]), np.array([True, False, True]))
    got = batch(sandbox, guests, "either", a, Column(9, broadcast=True), rows=3)
    assert (got.values.tolist(), got.valid) == ([1, 9, 3], None)
    got = batch(sandbox, guests, "either", Column(None, broadcast=True), Column(np.array([4, 5])), rows=2)
    assert got.values.tolist() == [4, 5]


def test_columns_of_text(sandbox: Sandbox, guests: ExecutableModule) -> None:
    texts = [f"text {n} {'é' if n % 7 == 0 else ''}" for n in range(70_000)]
    got = batch(sandbox, guests, "shout", Column(texts), rows=len(texts))
    assert got.tolist() == [text.upper() for text in texts]
    got = batch(sandbox, guests, "shout", Column(["a", None, "c"], np.array([True, False, True])), rows=3)
    assert (got.tolist(), got.valid.tolist()) == (["A", None, "C"], [True, False, True])
    assert batch(sandbox, guests, "shout", Column([]), rows=0).tolist() == []


def test_an_option_result_is_null_where_it_is_none(sandbox: Sandbox, guests: ExecutableModule) -> None:
    got = batch(sandbox, guests, "first", Column(np.array(["あか", "", "x"], object)), rows=3)
    assert (got.tolist(), got.valid.tolist()) == (["あ", None, "x"], [True, False, True])


def test_failed_rows_have_their_place_in_the_whole_batch(sandbox: Sandbox, guests: ExecutableModule) -> None:
    numbers = np.zeros(150_000, np.int32)
    numbers[[3, 70_000, 149_999]] = [300, -1, 256]
    got = batch(sandbox, guests, "narrow", Column(numbers), rows=len(numbers))
    assert got.errors == (
        RowError(3, "300 is no byte"),
        RowError(70_000, "-1 is no byte"),
        RowError(149_999, "256 is no byte"),
    )
    assert np.flatnonzero(~got.valid).tolist() == [3, 70_000, 149_999]
    assert got.values.dtype == np.uint8


def test_as_many_errors_as_are_wanted(sandbox: Sandbox, guests: ExecutableModule) -> None:
    numbers = Column(np.arange(-70_000, 70_000, dtype=np.int32))
    wanted = {0: (), 2: (RowError(0, "-70000 is no byte"), RowError(1, "-69999 is no byte"))}
    for most, errors in wanted.items():
        call = BatchCall("narrow", (numbers,), 140_000, max_errors=most)
        got = sandbox.execute(guests, call, Limits(result_bytes=1000)).value
        assert (got.errors, got.unlisted) == (errors, 140_000 - 256 - most)
        assert np.count_nonzero(got.valid) == 256
    with pytest.raises(ResultTooLargeError):
        sandbox.execute(guests, BatchCall("narrow", (numbers,), 140_000), Limits(result_bytes=1000))


def test_the_result_limit_is_for_all_threads_together(sandbox: Sandbox, guests: ExecutableModule) -> None:
    texts = Column(encode(["x" * 100] * 300_000, None))
    call = BatchCall("shout", (texts,), 300_000, threads=4)
    assert sandbox.execute(guests, call, Limits(result_bytes=30_000_000)).value.rows == 300_000
    with pytest.raises(ResultTooLargeError):
        sandbox.execute(guests, call, Limits(result_bytes=29_999_999))


@pytest.mark.parametrize(
    ("name", "columns", "text"),
    [
        ("margin", [Column(np.array([1.0, 2.0]))], "margin takes 2 arguments (price: f64, cost: f64), got 1"),
        (
            "margin",
            [Column(np.array([1.0])), Column(1.0, broadcast=True)],
            "argument price of margin: expected a column of 2 rows, got 1",
        ),
        (
            "narrow",
            [Column(np.array([1, 2**40]))],
            f"argument a[1] of narrow: expected s32 (-2147483648 to 2147483647), got {2**40} (int64)",
        ),
        (
            "narrow",
            [Column(np.array([1.0, 2.0]))],
            "argument a of narrow: expected a column of s32, got an array of float64 of shape (2,)",
        ),
        ("shout", [Column(["a", 5])], "argument text[1] of shout: expected string, got 5 (int)"),
        ("shout", [Column("ab")], "argument text of shout: expected a column of string, got 'ab' (str)"),
        (
            "total",
            [Column([1.0, 2.0]), Column(["a", "b"])],
            "total cannot be applied to columns: its types are not all numbers, bools, chars and strings",
        ),
    ],
)
def test_columns_that_do_not_fit(
    sandbox: Sandbox, guests: ExecutableModule, name: str, columns: list[Column], text: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        batch(sandbox, guests, name, *columns, rows=2)
    assert str(caught.value) == text


def test_the_deadline_is_for_the_whole_batch(sandbox: Sandbox, guests: ExecutableModule) -> None:
    call = BatchCall("slow", (Column(np.ones(10_000)),), 10_000)
    with pytest.raises(ExecutionTimeout, match=r"^slow ran past its limit of 200 ms$"):
        sandbox.execute(guests, call, Limits(timeout_ms=200))


def test_one_long_text_for_all_rows_is_not_cut(sandbox: Sandbox, guests: ExecutableModule) -> None:
    """17 MiB, of which copies for each of 2,000 rows would not be done in time."""
    call = BatchCall("tail", (Column("x" * (17 * MIB), broadcast=True), Column(np.arange(2000))), 2000)
    assert sandbox.execute(guests, call).value.values.tolist() == [17 * MIB + row for row in range(2000)]


def test_long_texts_go_in_smaller_chunks(sandbox: Sandbox, guests: ExecutableModule) -> None:
    """A hundred texts of 1 MB need 200 MB at once, and pass in 128."""
    texts = ["x" * MIB] * 100
    result = sandbox.execute(guests, BatchCall("shout", (Column(texts),), 100), Limits(memory_bytes=128 * MIB))
    assert result.value.tolist() == ["X" * MIB] * 100
