"""Hostile cases of the batch lane: exports that lie about lengths, pointers, offsets and failed rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.contracts import BatchCall, Column, Limits
from akatsuki_wasm.errors import (
    ExecutionTimeout,
    GuestTrap,
    InvalidModuleError,
    MemoryLimitError,
    ResultTooLargeError,
)
from akatsuki_wasm.testing.hostile_case import QUICK, SHORT, Case
from akatsuki_wasm.testing.hostile_wasm import ALLOCATOR, allocator, function, wat

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS = 3
_EXPORT = "akatsuki:batch/f"


def _word(index: int, value: int | str) -> str:
    """Writes a word of the frame, whose address is ``$f``."""
    value = f"(i32.const {value})" if isinstance(value, int) else value
    return f"(i32.store offset={index * 4} (local.get $f) {value})"


def _offset(index: int, value: int) -> str:
    """Writes an offset of a string."""
    return f"(i32.store offset={index * 4} (i32.load offset=8 (local.get $f)) (i32.const {value}))"


def _lying(name: str, about: str, body: str, result: str = "f64", **facts: Any) -> Case:
    text = f"""{facts.pop("setup", ALLOCATOR)} (func (export "f") (param f64) (result f64) (local.get 0))
    (func $batch (export "{_EXPORT}") (param $f i32) {body})"""
    rows = facts.pop("rows", _ROWS)
    call = BatchCall("f", (Column(np.arange(1.0, rows + 1)),), rows)
    functions = (function("f", "a: f64", result, batch=_EXPORT),)
    facts.setdefault("errors", (GuestTrap,))
    return Case(name, "batch", about, partial(wat, text), functions, call, **facts)


_FAILED = "(i32.store (i32.const 64) (i32.const {}))"


def batch() -> Iterator[Case]:
    """Words 4 to 7 of the frame are the guest's: text data, its length, failed rows, their records."""
    yield _lying("batch-that-traps", "traps", "unreachable", kinds=("unreachable",))
    yield _lying("batch-that-never-ends", "never ends", "(loop $on (br $on))", errors=(ExecutionTimeout,), limits=SHORT)
    yield _lying(
        "batch-that-recurses", "calls itself for ever", "(call $batch (i32.const 0))", kinds=("stack_overflow",)
    )
    many: dict[str, Any] = {"rows": 300_000}
    yield _lying("batch-of-chunks-that-trap", "traps, in a batch that several threads share", "unreachable", **many)
    yield _lying(
        "batch-of-chunks-that-never-end",
        "never ends, in a batch that several threads share",
        "(loop $on (br $on))",
        errors=(ExecutionTimeout,),
        limits=SHORT,
        **many,
    )
    yield _lying(
        "batch-of-chunks-that-lie",
        "more failed rows than rows, in a batch that several threads share",
        _word(6, -1),
        kinds=("list_out_of_bounds",),
        **many,
    )
    for count in (4, -1, 0x7FFFFFFF):
        yield _lying(f"batch-of-{count & 0xFFFFFFFF:x}-failures", f"{count} failed rows of 3", _word(6, count))
    yield _lying("batch-failures-outside", "failed rows at -4", _word(6, 1) + _word(7, -4))
    yield _lying("batch-failures-misaligned", "failed rows at an odd address", _word(6, 1) + _word(7, 65))
    for row in (3, -1):
        yield _lying(
            f"batch-failed-row-{row & 0xFFFFFFFF:x}",
            f"the failed row {row} of 3",
            _word(6, 1) + _word(7, 64) + _FAILED.format(row),
        )
    yield _lying(
        "batch-failure-text-outside",
        "a failed row whose text lies outside",
        _word(6, 1) + _word(7, 64) + _FAILED.format(0) + "(i64.store (i32.const 68) (i64.const 0x7fffffff7fffffff))",
        errors=(GuestTrap, ResultTooLargeError),
    )
    text = partial(_lying, result="string", errors=(GuestTrap, ResultTooLargeError))
    yield text("batch-offsets-in-disorder", "offsets of strings that go down", _offset(1, 9))
    yield text("batch-offsets-outside", "strings that end past their data", _offset(3, 9))
    yield text("batch-offsets-negative", "an offset of -1", _offset(0, -1))
    yield text("batch-text-outside", "200,000 bytes of text in a memory of 128 KiB", _word(5, 200_000))
    yield text("batch-text-of-4-gib", "4 GiB of text", _word(5, -1))
    yield text(
        "batch-text-that-wraps", "text that begins before the end and goes on past it", _word(4, -8) + _word(5, 16)
    )
    yield text(
        "batch-text-of-no-utf8",
        "text that is no UTF-8",
        _word(4, 64)
        + _word(5, 1)
        + "(i32.store8 (i32.const 64) (i32.const 255))"
        + "".join(_offset(index, 1) for index in (1, 2, 3))
        + "".join(
            f"(i32.store8 offset={index} (i32.load offset=12 (local.get $f)) (i32.const 1))" for index in range(3)
        ),
    )
    yield text(
        "batch-text-cut-in-a-character",
        "two strings that share a character",
        _word(4, 64)
        + _word(5, 2)
        + "(i32.store16 (i32.const 64) (i32.const 0xa9c3))"
        + _offset(1, 1)
        + _offset(2, 2)
        + _offset(3, 2)
        + "".join(
            f"(i32.store8 offset={index} (i32.load offset=12 (local.get $f)) (i32.const 1))" for index in range(3)
        ),
    )
    yield text(
        "batch-text-past-the-limit",
        "more text than a result may have",
        _word(5, 1001),
        limits=Limits(QUICK.timeout_ms, QUICK.memory_bytes, 1000),
    )
    yield _lying(
        "batch-of-no-characters",
        "a column of characters with a surrogate in it",
        "(i64.store (i32.load offset=8 (local.get $f)) (i64.const 0xd800))"
        "(i32.store8 (i32.load offset=12 (local.get $f)) (i32.const 1))",
        "char",
    )
    yield _lying(
        "batch-that-changes-the-hosts-words",
        "rewrites the words of the frame that are the host's: they are not read back",
        "".join(_word(index, -8) for index in (0, 1, 2, 3, 8, 9, 10, 11)),
        "option<f64>",
        errors=(),
        value=_Nulls(),
    )
    yield _lying(
        "batch-allocator-that-traps",
        "its cabi_realloc traps",
        "",
        errors=(MemoryLimitError, GuestTrap),
        setup=allocator("unreachable"),
    )
    yield _lying(
        "batch-allocator-that-gives-0",
        "its cabi_realloc gives 0",
        "",
        errors=(MemoryLimitError, GuestTrap),
        setup=allocator("(i32.const 0)"),
    )
    yield _lying(
        "batch-allocator-that-never-ends",
        "its cabi_realloc never ends",
        "",
        errors=(ExecutionTimeout,),
        limits=SHORT,
        setup=allocator("(loop $on (br $on)) unreachable"),
    )
    yield _lying(
        "batch-that-grows",
        "grows its memory until it is refused, so that all addresses of the host's are stale",
        "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))",
        "option<f64>",
        errors=(),
        value=_Nulls(),
    )
    wrong = Case(
        "batch-of-another-type",
        "batch",
        "a batch export that takes 64 bits",
        partial(
            wat,
            f'{ALLOCATOR} (func (export "f") (param f64) (result f64) (local.get 0))'
            f'(func (export "{_EXPORT}") (param i64))',
        ),
        (function("f", "a: f64", "f64", batch=_EXPORT),),
        BatchCall("f", (Column(np.array([1.0])),), 1),
        (InvalidModuleError,),
    )
    yield wrong


class _Nulls:
    """A batch's value of `_ROWS` nulls without errors."""

    def accepts(self, value: object) -> bool:
        valid = getattr(value, "valid", None)
        return valid is not None and len(valid) == _ROWS and not valid.any() and not getattr(value, "errors", None)

    def __repr__(self) -> str:
        return f"{_ROWS} nulls"
