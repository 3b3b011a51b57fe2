"""The batch lane without Rust: plain modules row by row, and batch exports that lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm.contracts import BatchCall, Column, Control, ExecutableModule, Limits
from akatsuki_wasm.errors import (
    ArgumentError,
    ExecutionCancelled,
    ExecutionTimeout,
    FuelLimitError,
    GuestTrap,
    InvalidModuleError,
    ResultTooLargeError,
)
from akatsuki_wasm.sandbox.batch.feed import CHUNK_ROWS
from akatsuki_wasm.sandbox.batch.texts import encode

if TYPE_CHECKING:
    from akatsuki_wasm.sandbox.sandbox import Sandbox

PLAIN = guest(
    """(func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func (export "next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (export "half") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
    (func (export "wait") (param i32) (result i32)
      (loop $on (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $on (local.get 0))) (i32.const 7))
    (func (export "nothing") (result i32) (i32.const 1))""",
    function("divide", "a: s32; b: s32", "s32"),
    function("next", "a: char", "char"),
    function("half", "a: f32", "f32"),
    function("wait", "turns: u32", "s32"),
    function("nothing", "", "s32"),
    kind="core",
)


def run(sandbox: Sandbox, module: ExecutableModule, name: str, *columns: Column, rows: int, **limits: int) -> Any:
    return sandbox.execute(module, BatchCall(name, columns, rows), Limits(**limits)).value


def test_a_plain_module_is_called_row_by_row(sandbox: Sandbox) -> None:
    a = np.arange(70_000)
    got = run(sandbox, PLAIN, "divide", Column(a), Column(-7, broadcast=True), rows=70_000)
    assert got.values.dtype == np.int32
    assert got.values.tolist() == [-(n // 7) for n in range(70_000)]
    assert (got.valid, got.errors) == (None, ())
    assert run(sandbox, PLAIN, "half", Column(np.array([1.0, 3.0])), rows=2).values.tolist() == [0.5, 1.5]


def test_nulls_are_skipped_row_by_row(sandbox: Sandbox) -> None:
    b = Column(np.array([2, 0, 4]), np.array([True, False, True]))
    got = run(sandbox, PLAIN, "divide", Column(np.array([8, 8, 8])), b, rows=3)
    assert (got.values.tolist(), got.valid.tolist()) == ([4, 0, 2], [True, False, True])
    got = run(sandbox, PLAIN, "next", Column(["a", None, "c"], np.array([True, False, True])), rows=3)
    assert (got.tolist(), got.valid.tolist()) == (["b", None, "d"], [True, False, True])


def test_a_trap_ends_the_batch(sandbox: Sandbox) -> None:
    with pytest.raises(GuestTrap, match=r"^divide trapped: integer division by zero$"):
        run(sandbox, PLAIN, "divide", Column(np.array([1, 2])), Column(np.array([1, 0])), rows=2)


@pytest.mark.parametrize("turns", [np.full(1_000_000, 100_000), np.full(2, 2**32 - 1).repeat(100)])
def test_the_deadline_is_for_all_rows(sandbox: Sandbox, turns: Any) -> None:
    """Of many rows that are short each, and of a few that take seconds."""
    with pytest.raises(ExecutionTimeout, match=r"^wait ran past its limit of 300 ms$"):
        run(sandbox, PLAIN, "wait", Column(turns), rows=len(turns), timeout_ms=300)


def test_a_row_that_takes_long_is_computed_all_the_same(sandbox: Sandbox) -> None:
    turns = np.array([5, 400_000_000, 3])
    result = sandbox.execute(PLAIN, BatchCall("wait", (Column(turns),), 3), Limits(timeout_ms=30_000))
    assert result.value.values.tolist() == [7, 7, 7]
    assert result.execution_time_ms > 20


def test_rows_are_cancelled(sandbox: Sandbox) -> None:
    control = Control(lambda done, rows: control.cancel())
    call = BatchCall("wait", (Column(np.full(1_000_000, 1000)),), 1_000_000)
    with pytest.raises(ExecutionCancelled, match=r"^wait was cancelled$"):
        sandbox.execute(PLAIN, call, Limits(timeout_ms=30_000), control)


def test_fuel_is_for_all_rows(sandbox: Sandbox) -> None:
    call = BatchCall("wait", (Column(np.full(5000, 10)),), 5000)
    used = {sandbox.execute(PLAIN, call, Limits(fuel=10**9)).fuel_used for _ in range(2)}
    assert len(used) == 1
    with pytest.raises(FuelLimitError):
        sandbox.execute(PLAIN, call, Limits(fuel=(used.pop() or 0) // 2))


def test_a_function_without_parameters_has_no_lane(sandbox: Sandbox) -> None:
    with pytest.raises(ArgumentError) as caught:
        run(sandbox, PLAIN, "nothing", rows=2)
    assert caught.value.hint == "call it once for each row"


def lying(body: str, result: str) -> ExecutableModule:
    """A batch export that does `body`, with the frame's address in ``$f``."""
    return guest(
        f"""{ALLOCATOR} (func (export "f") (param f64) (result f64) (local.get 0))
        (func (export "akatsuki:batch/f") (param $f i32) {body})""",
        function("f", "a: f64", result, batch="akatsuki:batch/f"),
    )


def words(**at: int) -> str:
    return "".join(f"(i32.store offset={int(k[1:]) * 4} (local.get $f) (i32.const {v}))" for k, v in at.items())


END = "(i32.store offset=8 (i32.load offset=8 (local.get $f)) (i32.const 2))"
OFFSETS = "(i32.store offset=4 (i32.load offset=8 (local.get $f)) (i32.const {}))"


@pytest.mark.parametrize(
    ("body", "result", "text"),
    [
        (words(w6=3), "f64", "3 failed rows of 2"),
        (
            words(w6=1, w7=-4),
            "f64",
            "the failed rows would be 12 bytes at 0xfffffffc, past its memory of 131,072 bytes",
        ),
        (words(w6=1, w7=64) + "(i32.store (i32.const 64) (i32.const 2))", "f64", "a failed row 2 of 2"),
        (OFFSETS.format(9), "string", "offsets of strings are not in order"),
        (words(w5=200000), "string", "strings would be 200,000 bytes at 0x0, past its memory of 131,072 bytes"),
        (
            OFFSETS.format(1) + END + words(w5=2) + "(i32.store8 (i32.const 0) (i32.const 0xff))",
            "string",
            "a string is not UTF-8",
        ),
        (
            # Two bytes of one character, cut between them.
            OFFSETS.format(1) + END + words(w5=2) + "(i32.store16 (i32.const 0) (i32.const 0xa9c3))",
            "string",
            "a string is not UTF-8",
        ),
        (
            "(i64.store (i32.load offset=8 (local.get $f)) (i64.const 0xd800))"
            "(i32.store8 (i32.load offset=12 (local.get $f)) (i32.const 1))",
            "char",
            "a column has a number that is no character",
        ),
    ],
)
def test_a_batch_export_that_lies(sandbox: Sandbox, body: str, result: str, text: str) -> None:
    with pytest.raises(GuestTrap) as caught:
        run(sandbox, lying(body, result), "f", Column(np.array([1.0, 2.0])), rows=2)
    assert str(caught.value) == f"f gave back an invalid result: {text}"


def test_where_results_lie_is_the_hosts_word(sandbox: Sandbox) -> None:
    """Whatever the guest leaves in the host's words of the frame, they are not read back."""
    got = run(sandbox, lying(words(w0=-1, w2=-8, w3=-8), "f64"), "f", Column(np.array([1.0, 2.0])), rows=2)
    assert got.values.tolist() == [0.0, 0.0]


def test_texts_of_a_batch_are_counted(sandbox: Sandbox) -> None:
    with pytest.raises(ResultTooLargeError, match=r"^the result of f is larger than its limit of 1,000 bytes$"):
        run(sandbox, lying(words(w5=1001), "string"), "f", Column(np.array([1.0])), rows=1, result_bytes=1000)


class Counted:
    """A source of numbers that notes what it was asked for."""

    def __init__(self, rows: int) -> None:
        self.rows, self.asked = rows, []

    def __len__(self) -> int:
        return self.rows

    def part(self, start: int, stop: int) -> Column:
        self.asked.append((start, stop))
        rows = np.arange(start, stop, dtype=np.int32)
        return Column(rows, rows % 3 != 0)


def test_a_source_is_read_part_by_part(sandbox: Sandbox) -> None:
    source = Counted(150_000)
    got = run(sandbox, PLAIN, "divide", Column(source), Column(1, broadcast=True), rows=150_000)
    assert got.tolist() == [row if row % 3 else None for row in range(150_000)]
    assert source.asked[0][0] == 0
    assert [stop for _, stop in source.asked[:-1]] == [start for start, _ in source.asked[1:]]
    assert max(stop - start for start, stop in source.asked) <= CHUNK_ROWS


def test_texts_and_sources_that_do_not_fit(sandbox: Sandbox) -> None:
    class Wrong(Counted):
        def part(self, start: int, stop: int) -> Column:
            return Column(np.full(stop - start, 2**40))

    with pytest.raises(ArgumentError) as caught:
        run(sandbox, PLAIN, "next", Column(encode(["a", "bc"], None)), rows=2)
    assert str(caught.value) == "argument a[1] of next: expected char (one character), got 'bc' (str)"
    with pytest.raises(ArgumentError) as caught:
        run(sandbox, PLAIN, "divide", Column(Wrong(2)), Column(1, broadcast=True), rows=2)
    assert str(caught.value) == (f"argument a of divide: expected s32 (-2147483648 to 2147483647), got {2**40} (int64)")
    got = run(sandbox, PLAIN, "next", Column(encode(["a", "é", "日"], None)), rows=3)
    assert got.tolist() == ["b", "ê", "旦"]


def test_a_batch_export_of_another_type(sandbox: Sandbox) -> None:
    module = guest(
        '(func (export "f") (param f64) (result f64) (local.get 0)) (func (export "b") (param i64))',
        function("f", "a: f64", "f64", batch="b"),
    )
    with pytest.raises(InvalidModuleError) as caught:
        run(sandbox, module, "f", Column(np.array([1.0])), rows=1)
    assert str(caught.value) == ("the export 'b' has the core type (i64) -> (), where its signature means (i32) -> ()")
