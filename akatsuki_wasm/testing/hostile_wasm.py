"""What hostile modules are made of: WebAssembly text, an assembler for what text cannot say, and short signatures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from akatsuki_wasm import wit
from akatsuki_wasm.binary import custom_section, leb128
from akatsuki_wasm.contracts import Function, Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALLOCATOR", "HEADER", "allocator", "custom_section", "function", "leb128", "section", "vector", "wat"]

HEADER = b"\0asm\1\0\0\0"

_REALLOC = '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {})'

ALLOCATOR = """
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 4096))
  (func $realloc (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1)))
                        (i32.const -1))
        (then unreachable))))
    (memory.copy (local.get $at) (local.get $old) (local.get $old_size))
    (local.get $at))
"""
"""A memory and an honest `cabi_realloc`, which never frees."""


@cache
def wat(text: str) -> bytes:
    """The binary of a module written as text, without its outer parentheses."""
    from wasmtime import wat2wasm  # an executor's author may only want the list

    return bytes(wat2wasm(f"(module {text})"))


def allocator(body: str, pages: int = 1) -> str:
    """A memory and a `cabi_realloc` that does `body`; its parameters are 0 to 3."""
    return f'(memory (export "memory") {pages}) {_REALLOC.format(body)}'


def function(
    name: str = "f", params: str = "", result: str | None = None, *, export: str = "", batch: str | None = None
) -> Function:
    """A signature.

    Args:
        name: Also its export name where `export` is empty.
        params: Such as ``a: s32; b: list<u8>``.
        result: A WIT type, or None.
        export: The core export.
        batch: The batch lane's core export.
    """
    parsed = []
    for param in filter(None, params.split("; ")):
        label, _, type_ = param.partition(": ")
        parsed.append(Parameter(label, wit.parse(type_, {})))
    made = None if result is None else wit.parse(result, {})
    return Function(name, tuple(parsed), made, export=export or name, batch=batch)


def vector(items: Sequence[bytes]) -> bytes:
    """A count and the items."""
    return leb128(len(items)) + b"".join(items)


def section(code: int, content: bytes) -> bytes:
    """A section of a module."""
    return bytes((code,)) + leb128(len(content)) + content
