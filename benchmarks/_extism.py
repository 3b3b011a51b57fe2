"""The guests for extism, written against its kernel's functions so that nothing is done twice.

extism hands input and output over as bytes in a memory of its kernel, from which a guest loads 8 bytes at a time; a kit
for a language copies them into the guest's memory first, and these do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_IMPORTS = """
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $load (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
"""
ADD = f"""(module {_IMPORTS}
  (func (export "add") (result i32)
    (local $at i64) (local $both i64)
    (local.set $both (call $load (i64.const 0)))
    (local.set $at (call $alloc (i64.const 8)))
    (call $store (local.get $at) (i64.extend_i32_u (i32.add
      (i32.wrap_i64 (local.get $both)) (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))))))
    (call $output (local.get $at) (i64.const 4))
    (i32.const 0)))"""
"""Two i32 in, their sum out."""
INVERT = f"""(module {_IMPORTS}
  (func (export "invert") (result i32)
    (local $at i64) (local $size i64) (local $i i64)
    (local.set $size (call $length))
    (local.set $at (call $alloc (local.get $size)))
    (loop $next
      (call $store (i64.add (local.get $at) (local.get $i))
        (i64.xor (call $load (local.get $i)) (i64.const -1)))
      (local.set $i (i64.add (local.get $i) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $i) (local.get $size))))
    (call $output (local.get $at) (local.get $size))
    (i32.const 0)))"""
"""Bytes in, each of them inverted out; a multiple of 8 of them."""


class Extism:
    """One guest, compiled once.

    Args:
        package: The `extism` package.
        text: The guest.
        function: Its export.
        limited: With a time limit and a memory limit, as our sandbox has them always. Without them extism is faster.
    """

    def __init__(self, package: Any, text: str, function: str, *, limited: bool) -> None:
        import wasmtime

        made: dict[str, Any] = {"wasm": [{"data": bytes(wasmtime.wat2wasm(text))}]}
        if limited:
            made |= {"timeout_ms": 5000, "memory": {"max_pages": 16384}}
        self._package, self._function = package.extism, function
        self._compiled = self._package.CompiledPlugin(made, wasi=False, functions=[])

    def fresh(self, data: bytes) -> Callable[[], bytes]:
        """A call that makes a plugin from the compiled one, calls it, and frees it."""
        make, compiled, function = self._package.Plugin, self._compiled, self._function

        def call() -> bytes:
            with make(compiled) as plugin:
                return plugin.call(function, data)

        return call

    def reused(self, data: bytes) -> Callable[[], bytes]:
        """A call on a plugin that stays."""
        plugin, function = self._package.Plugin(self._compiled), self._function
        return lambda: plugin.call(function, data)
