"""The least that a call can cost from Python: the C API's functions alone, bound here, on the sandbox's own engine.

Two ways: `plain` takes wasmtime-py's own bindings, as anyone would who leaves its objects; `fresh` and `kept` bind the
functions anew, with plain addresses, and give the GIL away only where a guest may run. Nothing but traps is checked.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import POINTER, addressof, byref, c_bool, c_char_p, c_int64, c_size_t, c_uint64, c_void_p
from typing import TYPE_CHECKING, Any

from wasmtime import _ffi

if TYPE_CHECKING:
    from collections.abc import Callable

    import wasmtime

EXPORT = b"add"
MEMORY, TABLE, TICKS = 256 << 20, 10_000, 1000
TWO, ONE = struct.Struct("<I12xI12x"), struct.Struct("<I")


def _held(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.PYFUNCTYPE(result, *arguments)((f"wasmtime_{name}", _ffi.dll))


def _free(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *arguments)((f"wasmtime_{name}", _ffi.dll))


_store_new = _held("store_new", c_void_p, c_void_p, c_void_p, c_void_p)
_store_context = _held("store_context", c_void_p, c_void_p)
_store_limiter = _held("store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)
_deadline = _held("context_set_epoch_deadline", None, c_void_p, c_uint64)
_export_get = _held("instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
_instantiate = _free("instance_pre_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
_call = _free("func_call_unchecked", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)
_store_delete = _free("store_delete", None, c_void_p)


def plain(engine: wasmtime.Engine, pre: wasmtime.InstancePre) -> Callable[[], int]:
    """As `fresh`, by wasmtime-py's bindings."""
    no_finalizer = ctypes.CFUNCTYPE(None, c_void_p)(0)

    def call() -> int:
        store = _ffi.wasmtime_store_new(engine.ptr(), None, no_finalizer)
        try:
            context = _ffi.wasmtime_store_context(store)
            _ffi.wasmtime_store_limiter(store, MEMORY, TABLE, 1, 1, 1)
            _ffi.wasmtime_context_set_epoch_deadline(context, TICKS)
            instance, trap, extern = _ffi.wasmtime_instance_t(), POINTER(_ffi.wasm_trap_t)(), _ffi.wasmtime_extern_t()
            if _ffi.wasmtime_instance_pre_instantiate(pre.ptr(), context, byref(instance), byref(trap)) or trap:
                raise RuntimeError("no instance")
            if not _ffi.wasmtime_instance_export_get(context, byref(instance), EXPORT, len(EXPORT), byref(extern)):
                raise RuntimeError("no export")
            slots = (_ffi.wasmtime_val_raw_t * 2)()
            slots[0].i32, slots[1].i32 = 40, 2
            if _ffi.wasmtime_func_call_unchecked(context, byref(extern.of.func), slots, 2, byref(trap)) or trap:
                raise RuntimeError("trap")
            return slots[0].i32
        finally:
            _ffi.wasmtime_store_delete(store)

    return call


class _Places:
    """The native structures of one contestant, and their addresses."""

    def __init__(self) -> None:
        self.cell, self.buffer = c_void_p(), (c_uint64 * 4)()
        self._keep = _ffi.wasmtime_instance_t(), _ffi.wasmtime_extern_t()
        self.instance, self.extern = map(addressof, self._keep)
        self.function = self.extern + _ffi.wasmtime_extern.of.offset
        self.trap, self.slots = addressof(self.cell), addressof(self.buffer)


def fresh(engine: wasmtime.Engine, pre: wasmtime.InstancePre) -> Callable[[], int]:
    """A store with limits and a deadline, an instance, the export by name, one call, the store's end."""
    engine_at, pre_at, at = _address(engine), _address(pre), _Places()

    def call() -> int:
        store = _store_new(engine_at, None, None)
        try:
            context = _store_context(store)
            _store_limiter(store, MEMORY, TABLE, 1, 1, 1)
            _deadline(context, TICKS)
            if _instantiate(pre_at, context, at.instance, at.trap) or at.cell.value:
                raise RuntimeError("no instance")
            if not _export_get(context, at.instance, EXPORT, len(EXPORT), at.extern):
                raise RuntimeError("no export")
            TWO.pack_into(at.buffer, 0, 40, 2)
            if _call(context, at.function, at.slots, 2, at.trap) or at.cell.value:
                raise RuntimeError("trap")
            return ONE.unpack_from(at.buffer, 0)[0]
        finally:
            _store_delete(store)

    return call


def kept(engine: wasmtime.Engine, pre: wasmtime.InstancePre) -> Callable[[], int]:
    """One call on an instance that is there, with a new deadline; the store lives as long as the process."""
    context, at = _store_context(_store_new(_address(engine), None, None)), _Places()
    _deadline(context, TICKS)
    if _instantiate(_address(pre), context, at.instance, at.trap) or at.cell.value:
        raise RuntimeError("no instance")
    if not _export_get(context, at.instance, EXPORT, len(EXPORT), at.extern):
        raise RuntimeError("no export")

    def call() -> int:
        _deadline(context, TICKS)
        TWO.pack_into(at.buffer, 0, 40, 2)
        if _call(context, at.function, at.slots, 2, at.trap) or at.cell.value:
            raise RuntimeError("trap")
        return ONE.unpack_from(at.buffer, 0)[0]

    return call


def _address(managed: Any) -> int:
    return ctypes.cast(managed.ptr(), c_void_p).value or 0
