"""The seam to wasmtime's C API for components: what `akatsuki_wasm.sandbox.ffi` is for core modules.

A component is called through the asynchronous functions too, so that its guest comes back between slices.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import _ffi, component

from akatsuki_wasm.sandbox import ffi

if TYPE_CHECKING:
    from collections.abc import Callable

Instance = _ffi.wasmtime_component_instance_t
Function = _ffi.wasmtime_component_func_t
VAL_SIZE = ctypes.sizeof(_ffi.wasmtime_component_val_t)


def _held(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, _ffi.dll))


instantiate_start = _held(
    "wasmtime_component_linker_instantiate_async", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
call_start = _held(
    "wasmtime_component_func_call_async",
    c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p,
)  # fmt: skip
get_function = _held("wasmtime_component_instance_get_func", c_bool, c_void_p, c_void_p, c_void_p, c_void_p)
_get_index = _held("wasmtime_component_get_export_index", c_void_p, c_void_p, c_void_p, c_char_p, c_size_t)
index_delete = _held("wasmtime_component_export_index_delete", None, c_void_p)
val_delete = _held("wasmtime_component_val_delete", None, c_void_p)

_TURNED_OFF = (
    "wasm_component_model_async",
    "wasm_component_model_more_async_builtins",
    "wasm_component_model_async_stackful",
    "wasm_component_model_map",
    "wasm_component_model_implements",
    "wasm_component_model_canonical_names",
    "wasm_component_model_accessors",
)
"""Parts of the component model that nothing here calls; each is attack surface."""


def use_components(config: wasmtime.Config) -> None:
    """Turns the component model on, and off what goes beyond plain functions and values."""
    for name in _TURNED_OFF:
        getattr(_ffi, f"wasmtime_config_{name}_set")(config.ptr(), False)
    _ffi.wasmtime_config_wasm_component_model_set(config.ptr(), True)


def export_index(made: component.Component, interface: str, name: str) -> int | None:
    """Native address of an export's index, to be deleted, or None where there is no such export."""
    address = ffi.address(made)
    if not interface:
        return _get_index(address, None, name.encode(), len(name.encode())) or None
    outer = _get_index(address, None, interface.encode(), len(interface.encode()))
    if not outer:
        return None
    try:
        return _get_index(address, outer, name.encode(), len(name.encode())) or None
    finally:
        index_delete(outer)


_TRAPS = (
    ("call stack exhausted", "stack_overflow"),
    ("out of bounds memory access", "memory_out_of_bounds"),
    ("out of bounds table access", "table_out_of_bounds"),
    ("uninitialized element", "indirect_call_to_null"),
    ("indirect call type mismatch", "bad_signature"),
    ("integer overflow", "integer_overflow"),
    ("integer divide by zero", "integer_division_by_zero"),
    ("invalid conversion to integer", "bad_conversion_to_integer"),
    ("`unreachable` instruction executed", "unreachable"),
    ("all fuel consumed", "out_of_fuel"),
    ("wasm trap: interrupt", "interrupt"),
    ("unaligned atomic", "heap_misaligned"),
)
"""A component's call gives an error and no trap, so its kind is told by wasmtime's words for it."""


def take_failure(error: int) -> ffi.TrapFacts:
    """Reads a native error of a component's call and frees it; `kind` is ``error`` where it is no trap."""
    message = ffi.take_error(error)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kind = next((kind for words, kind in _TRAPS if words in message), "error")
    frames = tuple(
        line.rpartition("!")[2].strip() for line in lines if line[:1].isdigit() and "!" in line and "<wasm" not in line
    )
    return ffi.TrapFacts(kind, " ".join(" ".join(lines).split())[:300], frames[:16])
