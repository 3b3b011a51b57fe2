"""Hostile cases of the instruction set: every trap that a module can cause, and what is turned off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import GuestTrap, InvalidModuleError, MemoryLimitError
from akatsuki_wasm.testing.hostile_case import Case
from akatsuki_wasm.testing.hostile_wasm import HEADER, function, leb128, section, vector, wat

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRAPS = (
    ("unreachable", "unreachable", "unreachable"),
    ("division-by-zero", "integer_division_by_zero", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
    ("remainder-by-zero", "integer_division_by_zero", "(drop (i64.rem_s (i64.const 1) (i64.const 0)))"),
    ("integer-overflow", "integer_overflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
    ("nan-to-integer", "bad_conversion_to_integer", "(drop (i32.trunc_f64_s (f64.const nan)))"),
    ("infinity-to-integer", "bad_conversion_to_integer integer_overflow", "(drop (i64.trunc_f32_u (f32.const inf)))"),
    ("load-past-the-end", "memory_out_of_bounds", "(drop (i32.load (i32.const 65533)))"),
    ("store-past-4-gib", "memory_out_of_bounds", "(i64.store offset=0xffffffff (i32.const -1) (i64.const 0))"),
    ("vector-past-the-end", "memory_out_of_bounds", "(drop (v128.load (i32.const 65521)))"),
    ("fill-past-the-end", "memory_out_of_bounds", "(memory.fill (i32.const 1) (i32.const 1) (i32.const -1))"),
    ("copy-past-the-end", "memory_out_of_bounds", "(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))"),
    ("init-past-the-end", "memory_out_of_bounds", "(memory.init $d (i32.const 0) (i32.const 1) (i32.const 9))"),
    ("element-past-the-end", "table_out_of_bounds", "(drop (table.get $t (i32.const 2)))"),
    ("table-fill-past-the-end", "table_out_of_bounds", "(table.fill $t (i32.const 1) (ref.null func) (i32.const 2))"),
    ("table-copy-past-the-end", "table_out_of_bounds", "(table.copy (i32.const 1) (i32.const 0) (i32.const 2))"),
    ("call-past-the-table", "table_out_of_bounds", "(call_indirect (i32.const -1))"),
    ("call-of-nothing", "indirect_call_to_null", "(call_indirect (i32.const 1))"),
    ("call-of-another-type", "bad_signature", "(drop (call_indirect (result i32) (i32.const 0)))"),
)

_TURNED_OFF = (
    ("memory64", '(memory (export "memory") i64 1) (func (export "f"))'),
    ("shared-memory", '(memory (export "memory") 1 2 shared) (func (export "f"))'),
    (
        "wait-on-shared-memory",
        """(memory 1 1 shared) (func (export "f")
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))""",
    ),
    ("atomics", '(memory 1) (func (export "f") (drop (i32.atomic.rmw.add (i32.const 1) (i32.const 1))))'),
    ("two-memories", '(memory 1) (memory 1) (func (export "f"))'),
    ("tail-calls", '(func $f (export "f") (return_call $f))'),
    ("exceptions", '(tag $e) (func (export "f") (throw $e))'),
    ("function-references", '(type $t (func)) (func (export "f") (call_ref $t (ref.null $t)))'),
    ("garbage-collection", '(type $s (struct (field i32))) (func (export "f") (drop (struct.new_default $s)))'),
    (
        "wide-arithmetic",
        """(func (export "f") (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1))
        drop drop)""",
    ),
    ("page-sizes", '(memory 1 (pagesize 1)) (func (export "f"))'),
    (
        "relaxed-vectors",
        """(func (export "f")
        (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))""",
    ),
    ("stack-switching", '(type $t (func)) (type $c (cont $t)) (func (export "f") (drop (ref.null $c)))'),
)


def traps() -> Iterator[Case]:
    """Every trap of the instructions that are on; stack overflow and deadlines are in `hostile_limits`."""
    for name, kinds, body in _TRAPS:
        text = f"""(memory (export "memory") 1) (data $d "abc") (table $t 2 2 funcref) (elem (i32.const 0) $none)
        (func $none) (func (export "f") {body})"""
        yield Case(
            name,
            "traps",
            " ".join(body.strip("()").split()) if len(body) < 50 else name.replace("-", " "),
            partial(wat, text),
            errors=(GuestTrap,),
            kinds=tuple(kinds.split()),
        )
    yield Case(
        "trap-at-the-start",
        "traps",
        "a start function that traps",
        partial(wat, '(func $s unreachable) (start $s) (func (export "f"))'),
        errors=(GuestTrap, InvalidModuleError),
        kinds=("unreachable",),
    )
    for name, text in (
        ("data", '(memory 1) (data (i32.const 65536) "x")'),
        ("elements", "(table 1 funcref) (func $n) (elem (i32.const 1) $n)"),
    ):
        yield Case(
            f"{name}-past-the-end",
            "traps",
            f"{name} that lie past the end when it is instantiated",
            partial(wat, f'{text} (func (export "f"))'),
            errors=(GuestTrap, InvalidModuleError),
        )


def proposals() -> Iterator[Case]:
    """Features that no module here needs, and that are turned off."""
    for name, text in _TURNED_OFF:
        yield Case(
            name,
            "proposals",
            f"uses {name.replace('-', ' ')}",
            partial(wat, text),
            errors=(InvalidModuleError, MemoryLimitError),
            own_texts=False,
        )


def imports() -> Iterator[Case]:
    """What asks for something of the host's."""
    wanted = {
        "a-file": '(import "wasi_snapshot_preview1" "fd_write" (func))',
        "a-memory": '(import "env" "memory" (memory 1))',
        "a-table": '(import "env" "__indirect_function_table" (table 1 funcref))',
        "a-global": '(import "env" "__stack_pointer" (global (mut i32)))',
        "a-name-in-no-line": '(import "a\\n\\1b[31m" "\\00" (func))',
        "a-thousand": "".join(f'(import "env" "f{index}" (func))' for index in range(1000)),
    }
    for name, text in wanted.items():
        yield Case(
            f"import-of-{name}",
            "imports",
            f"imports {name.replace('-', ' ')}",
            partial(wat, f'{text} (func (export "f"))'),
            errors=(InvalidModuleError,),
        )
    yield Case(
        "import-of-a-long-name",
        "imports",
        "imports something whose name has 100,000 characters",
        lambda: (
            HEADER
            + section(1, vector([b"\x60\0\0"]))
            + section(2, vector([leb128(100_000) + b"x" * 100_000 + leb128(1) + b"y" + b"\0\0"]))
        ),
        errors=(InvalidModuleError,),
    )


def names() -> Iterator[Case]:
    """Export names that were made to confuse."""
    odd = {
        "long": "x" * 100_000,
        "nul": "a\0b",
        "escape": "\x1b[31m\n\r",
        "bidi": "a\u202eb\u2066",
        "path": "../../../etc/passwd",
        "format": "%s%n{0}{f.__class__}",
        "cabi": "cabi_post_f",
        "surrogate-like": "\ufffe\U0010ffff",
    }
    for name, export in odd.items():
        yield Case(
            f"name-{name}",
            "names",
            f"exports its function as {export!r}" if len(export) < 40 else "an export name of 100,000 characters",
            partial(named, export),
            (function("f", "", "s32", export=export),),
            errors=(InvalidModuleError,),
            value=7,
        )
        yield Case(
            f"no-name-{name}",
            "names",
            "the same name in the manifest, and no such export",
            partial(wat, '(func (export "g"))'),
            (function("f", "", "s32", export=export),),
            errors=(InvalidModuleError,),
        )


def named(export: str) -> bytes:
    """A module that exports a function which gives 7."""
    name = export.encode()
    return b"".join(
        (
            HEADER,
            section(1, vector([b"\x60\0\1\x7f"])),
            section(3, vector([b"\0"])),
            section(7, vector([leb128(len(name)) + name + b"\0\0"])),
            section(10, vector([b"\4\0\x41\7\x0b"])),
        )
    )
