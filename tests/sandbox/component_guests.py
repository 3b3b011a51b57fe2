"""Components written by hand in WebAssembly text."""

from __future__ import annotations

import hashlib

import wasmtime

from akatsuki_wasm import manifest
from akatsuki_wasm.contracts import ExecutableModule

ALLOCATOR = """
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $p i32)
    (local.set $p (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $p) (local.get 3)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1)))
                        (i32.const -1)) (then unreachable))))
    (local.get $p))
"""
"""A memory of 64 KiB that grows, and a `realloc` that never frees."""


def component(core: str, *functions: str, types: str = "", exports: str = "", allocator: str = ALLOCATOR) -> bytes:
    """A component of one core module.

    Args:
        core: Its functions, as text.
        functions: Lifted and exported, such as ``shout (param "text" string) (result string)``.
        types: Type definitions before them.
        exports: Anything after them.
        allocator: Memory and ``realloc``.
    """
    lifted = "\n".join(
        f'(func ${name} {type_} (canon lift (core func $i "{name}") (memory $memory) (realloc $realloc)))'
        f'(export "{name}" (func ${name}))'
        for name, _, type_ in (each.partition(" ") for each in functions)
    )
    aliases = (
        '(alias core export $i "memory" (core memory $memory)) (alias core export $i "realloc" (core func $realloc))'
    )
    module = f"(core module $m {allocator} {core}) (core instance $i (instantiate $m)) {aliases}"
    return bytes(wasmtime.wat2wasm(f"(component {module} {types} {lifted} {exports})"))


def guest(wasm: bytes, name: str = "test") -> ExecutableModule:
    """A component as an execution plugin gets it."""
    return ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest.for_binary(wasm), lambda: wasm, name)


def echo(name: str, slots: int) -> str:
    """A core function that returns its `slots` i32 parameters in memory."""
    stores = " ".join(f"(i32.store (i32.const {16 + 4 * index}) (local.get {index}))" for index in range(slots))
    return f'(func (export "{name}") (param {"i32 " * slots}) (result i32) {stores} (i32.const 16))'
