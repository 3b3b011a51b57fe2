"""Guests written by hand in WebAssembly text, and their manifests."""

from __future__ import annotations

import hashlib

import wasmtime

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import ExecutableModule, Function, Manifest, ModuleKind, Parameter

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
"""A memory and a `cabi_realloc` that never frees."""


def compiled(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(f"(module {text})"))


def parse(text: str) -> wit.Type:
    return wit.parse(text, {"image": wit.IMAGE})


def function(
    name: str, params: str = "", result: str | wit.Type | None = None, *, batch: str | None = None
) -> Function:
    """`params` such as ``a: s32, b: list<u8>`` (split at ``; `` where a type has a comma)."""
    listed = []
    for param in filter(None, params.split("; ")):
        label, _, type_ = param.partition(": ")
        listed.append(Parameter(label, parse(type_)))
    made = parse(result) if isinstance(result, str) else result
    return Function(wit.snake(name), tuple(listed), made, export=wit.kebab(name), batch=batch)


def guest(
    wasm: str | bytes, *functions: Function, kind: ModuleKind = "akatsuki", built_here: bool = True
) -> ExecutableModule:
    binary = compiled(wasm) if isinstance(wasm, str) else wasm
    digest = hashlib.sha256(binary).hexdigest()
    return ExecutableModule(digest, Manifest(functions, kind=kind), lambda: binary, "test", built_here=built_here)
