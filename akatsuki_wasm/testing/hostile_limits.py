"""Hostile cases of time, memory, stack and state: loops, bombs, recursion, and what a second call must not see."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import MIB, Call, Limits
from akatsuki_wasm.errors import ExecutionTimeout, FuelLimitError, GuestTrap, InvalidModuleError, MemoryLimitError
from akatsuki_wasm.testing.hostile_case import SHORT, Case
from akatsuki_wasm.testing.hostile_wasm import HEADER, allocator, function, leb128, section, vector, wat

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALLEST_THREAD_KIB = 32
"""The smallest stack that ``threading.stack_size`` allows."""
_PAGES = 1024
_ALL = _PAGES * 65536


def _guest(name: str, group: str, about: str, text: str, **facts: Any) -> Case:
    return Case(name, group, about, partial(wat, text), **facts)


def time() -> Iterator[Case]:
    """What only a deadline ends."""
    loop = partial(_guest, group="time", errors=(ExecutionTimeout,), limits=SHORT)
    spin = "(loop $on (br $on))"
    yield loop("loop", about="an endless loop in the function", text=f'(func (export "f") {spin})')
    yield loop(
        "loop-at-the-start",
        about="an endless loop in the start function",
        text=f'(func $s {spin}) (start $s) (func (export "f"))',
    )
    yield loop(
        "loop-of-calls",
        about="an endless loop that only calls functions",
        text='(func $a (call $b)) (func $b) (func (export "f") (loop $on (call $a) (br $on)))',
    )
    yield loop(
        "endless-recursion-by-table",
        about="two functions that call each other through a table, 2^64 times",
        text="""(table funcref (elem $a $b)) (type $t (func (param i32)))
        (func $a (type $t) (if (i32.lt_u (local.get 0) (i32.const 64)) (then
          (call_indirect (type $t) (i32.add (local.get 0) (i32.const 1)) (i32.const 1))
          (call_indirect (type $t) (i32.add (local.get 0) (i32.const 1)) (i32.const 1)))))
        (func $b (type $t) (call_indirect (type $t) (local.get 0) (i32.const 0)))
        (func (export "f") (call $a (i32.const 0)))""",
    )
    for name, text in (
        ("loop", f'(func (export "f") {spin})'),
        ("start", f'(func $s {spin}) (start $s) (func (export "f"))'),
    ):
        yield _guest(
            f"fuel-for-a-{name}",
            "time",
            f"an endless {name}, with fuel for 100,000 instructions",
            text,
            errors=(FuelLimitError, ExecutionTimeout),
            limits=Limits(timeout_ms=1_000, fuel=100_000),
        )
    memory = f'(memory (export "memory") {_PAGES})'
    bulk = {
        "fill": f"(memory.fill (i32.const 0) (i32.const 1) (i32.const {_ALL}))",
        "copy": f"(memory.copy (i32.const {_ALL // 2}) (i32.const 0) (i32.const {_ALL // 2}))",
        "overlapping-copy": f"(memory.copy (i32.const 1) (i32.const 0) (i32.const {_ALL - 1}))",
    }
    for name, body in bulk.items():
        yield loop(
            f"memory-{name}",
            about=f"memory.{name.rpartition('-')[2]} over the largest memory, endlessly",
            text=f'{memory} (func (export "f") (loop $on {body} (br $on)))',
        )
    yield loop(
        "memory-fill-at-the-start",
        about="the same in the start function",
        text=f'{memory} (func $s (loop $on {bulk["fill"]} (br $on))) (start $s) (func (export "f"))',
    )
    yield loop(
        "memory-init",
        about="memory.init of a data segment of 1 MiB, endlessly",
        text=f"""(memory 16) (data $d "{"x" * 2**20}") (func (export "f")
          (loop $on (memory.init $d (i32.const 0) (i32.const 0) (i32.const {2**20})) (br $on)))""",
    )
    yield loop(
        "table-fill",
        about="table.fill over the largest table, endlessly",
        text="""(table $t 10000 funcref) (func (export "f")
          (loop $on (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000)) (br $on)))""",
    )
    yield loop(
        "touching-pages",
        about="writes to every page of the largest memory, endlessly",
        text=f"""{memory} (func (export "f") (local i32) (loop $on (i32.store (local.get 0) (i32.const 1))
          (local.set 0 (i32.and (i32.add (local.get 0) (i32.const 4096)) (i32.const {_ALL - 1}))) (br $on)))""",
    )
    yield loop(
        "loop-in-the-allocator",
        about="cabi_realloc never comes back",
        text=allocator(f"{spin} unreachable") + '(func (export "f") (param i32 i32))',
        functions=(function("f", "data: list<u8>"),),
        call=Call("f", (b"abc",)),
    )


def memory() -> Iterator[Case]:
    """What wants more than it may have."""
    bomb = partial(_guest, group="memory")
    grow = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const {})) (i32.const -1))))"
    for pages in (1, 1000):
        yield bomb(
            f"memory-bomb-{pages}",
            about=f"grows its memory by {pages} pages until it is refused, and gives up",
            text=f'(memory (export "memory") 1) (func (export "f") {grow.format(pages)} unreachable)',
            errors=(MemoryLimitError,),
        )
    yield bomb(
        "memory-bomb-at-the-start",
        about="the same in the start function",
        text=f'(memory (export "memory") 1) (func $s {grow.format(16)} unreachable) (start $s) (func (export "f"))',
        errors=(MemoryLimitError, GuestTrap),
    )
    yield bomb(
        "memory-bomb-that-goes-on",
        about="grows its memory until it is refused, and says how many pages it has",
        text=f'(memory (export "memory") 1) (func (export "f") (result i32) {grow.format(1)} (memory.size))',
        functions=(function("f", "", "u32"),),
        value=1024,
    )
    yield bomb(
        "a-huge-growth",
        about="grows its memory by 4 GiB less one page, and by -1",
        text="""(memory (export "memory") 1) (func (export "f") (result i32)
          (i32.add (memory.grow (i32.const 65535)) (memory.grow (i32.const -1))))""",
        functions=(function("f", "", "s32"),),
        value=-2,
    )
    for pages in (1025, 65536):
        yield bomb(
            f"memory-of-{pages}-pages",
            about="declares a smallest memory past the limit",
            text=f'(memory (export "memory") {pages}) (func (export "f"))',
            errors=(MemoryLimitError,),
        )
    yield Case(
        "memory-of-65537-pages",
        "memory",
        "declares a memory of more than 4 GiB",
        lambda: HEADER + section(5, vector([b"\0" + leb128(65537)])),
        errors=(InvalidModuleError,),
        own_texts=False,
    )
    yield bomb(
        "table-bomb",
        about="grows its table by 1,000 elements until it is refused",
        text="""(table $t 0 funcref) (func (export "f") (result i32) (local i32)
          (loop $on (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $on (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (local.get 0))""",
        functions=(function("f", "", "s32"),),
        value=11,
    )
    for size in (10_001, 10_000_000):
        yield bomb(
            f"table-of-{size}",
            about="declares a table past the limit",
            text=f'(table {size} funcref) (func (export "f"))',
            errors=(InvalidModuleError, MemoryLimitError),
            own_texts=False,
        )
    yield bomb(
        "two-tables",
        about="declares two tables, each within the limit",
        text='(table 10000 funcref) (table 10000 funcref) (func (export "f"))',
        errors=(InvalidModuleError, MemoryLimitError),
        own_texts=False,
    )
    yield bomb(
        "ninety-memories",
        about="declares 90 memories, each within the limit",
        text="(memory 1000)" * 90 + '(func (export "f"))',
        errors=(InvalidModuleError, MemoryLimitError),
        own_texts=False,
    )
    yield bomb(
        "an-argument-past-the-limit",
        about="is given an argument that its memory may not hold",
        text=allocator("(i32.const 0)") + '(func (export "f") (param i32 i32))',
        functions=(function("f", "data: list<u8>"),),
        call=Call("f", (bytes(3 * MIB),)),
        errors=(MemoryLimitError,),
        limits=Limits(timeout_ms=2000, memory_bytes=2 * MIB),
    )


def stack() -> Iterator[Case]:
    """Recursion, on the caller's thread and on the smallest that there is."""
    deep = "(func $deep (param i64 i64) (call $deep (local.get 1) (local.get 0)) (call $none)) (func $none)"
    enter = "(call $deep (i64.const 1) (i64.const 2))"
    wide = f'(func $w {"(local v128)" * 2000} (call $w) (call $n)) (func $n) (func (export "f") (call $w))'
    texts = {
        "recursion": ("calls itself for ever", f'{deep} (func (export "f") {enter})'),
        "recursion-at-the-start": (
            "recursion in the start function",
            f'{deep} (func $s {enter}) (start $s) (func (export "f"))',
        ),
        "recursion-by-table": (
            "calls itself through a table for ever",
            """(table funcref (elem $a)) (type $t (func (param i64) (result i64)))
            (func $a (type $t) (i64.add (i64.const 1) (call_indirect (type $t) (local.get 0) (i32.const 0))))
            (func (export "f") (drop (call $a (i64.const 0))))""",
        ),
        "recursion-with-large-frames": ("recursion with 2,000 vectors in each frame", wide),
    }
    for name, (about, text) in texts.items():
        facts: Any = {"group": "stack", "text": text, "errors": (GuestTrap,), "kinds": ("stack_overflow",)}
        yield _guest(name, about=f"{about}, on the caller's thread", **facts)
        yield _guest(
            f"{name}-small",
            about=f"{about}, on a thread of {SMALLEST_THREAD_KIB} KiB",
            thread_kib=SMALLEST_THREAD_KIB,
            **facts,
        )
    yield _guest(
        "recursion-in-the-allocator-small",
        group="stack",
        about=f"cabi_realloc calls itself for ever, on a thread of {SMALLEST_THREAD_KIB} KiB",
        text=allocator("(i32.add (call 0 (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1)) (i32.const 1))")
        + '(func (export "f") (param i32 i32))',
        functions=(function("f", "data: list<u8>"),),
        call=Call("f", (b"abc",)),
        errors=(GuestTrap,),
        kinds=("stack_overflow",),
        thread_kib=SMALLEST_THREAD_KIB,
    )


def state() -> Iterator[Case]:
    """What a second call of the same module must not see."""
    kept = partial(_guest, group="state", functions=(function("f", "", "s32"),), times=3)
    yield kept(
        "state-in-a-global",
        about="counts its calls in a global",
        text="""(global $n (mut i32) (i32.const 0)) (func (export "f") (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))""",
        value=1,
    )
    yield kept(
        "state-in-memory",
        about="counts its calls at the beginning, the end and the middle of its memory",
        text="""(memory (export "memory") 100) (data (i32.const 0) "\\05")
        (func $n (param i32) (result i32)
          (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1))) (i32.load (local.get 0)))
        (func (export "f") (result i32)
          (i32.add (call $n (i32.const 0)) (i32.add (call $n (i32.const 3276800)) (call $n (i32.const 6553596)))))""",
        value=8,
    )
    yield kept(
        "state-in-grown-memory",
        about="writes into memory that it grew, having looked whether something is there",
        text="""(memory (export "memory") 1 200) (func (export "f") (result i32) (local i32)
          (local.set 0 (i32.mul (memory.grow (i32.const 100)) (i32.const 65536)))
          (i32.add (memory.size) (i32.load (local.get 0)))
          (i32.store (local.get 0) (i32.const 1000)))""",
        value=101,
    )
    yield kept(
        "state-in-a-table",
        about="puts a function into its table, having looked whether one is there",
        text="""(table $t 10 funcref) (elem declare func $f) (func $f (export "f") (result i32)
          (ref.is_null (table.get $t (i32.const 5))) (table.set $t (i32.const 5) (ref.func $f)))""",
        value=1,
    )
    yield kept(
        "state-in-dropped-segments",
        about="uses a data segment and drops it",
        text="""(memory 1) (data $d "\\07") (func (export "f") (result i32)
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d) (i32.load (i32.const 0)))""",
        value=7,
    )
