"""The seam between wasmtime's callbacks and `akatsuki_wasm.sandbox.wasi.host`: host functions, and the epoch's call.

ctypes leaves the result of a callback that raises undefined, so each callback here catches whatever happens, keeps it,
and answers with a trap. It is never called on the main thread, where Python's signal handlers would run inside it: a
command has a thread of its own (`akatsuki_wasm.sandbox.wasi.run`), which also tells the execution that a callback
belongs to.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from ctypes import c_bool, c_char_p, c_size_t, c_uint8, c_uint64, c_void_p
from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import _ffi

from akatsuki_wasm.command import FUNCTIONS, MODULE
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.wasi.host import FAULT, Fault, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.sandbox.wasi.host import Process

_HostFunction = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_size_t)
_AtEpoch = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, ctypes.POINTER(c_uint64), ctypes.POINTER(c_uint8))
_TYPES = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64}
_CONTINUE = 0


def _held(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, _ffi.dll))


_define = _held(
    "wasmtime_linker_define_func_unchecked",
    c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p,
)  # fmt: skip
_at_epoch = _held("wasmtime_store_epoch_deadline_callback", None, c_void_p, c_void_p, c_void_p, c_void_p)
_caller_context = _held("wasmtime_caller_context", c_void_p, c_void_p)
_caller_export = _held("wasmtime_caller_export_get", c_bool, c_void_p, c_char_p, c_size_t, c_void_p)
_trap_new = _held("wasmtime_trap_new", c_void_p, c_char_p, c_size_t)
_error_new = _held("wasmtime_error_new", c_void_p, c_char_p)

_STOPPED = b"stopped by the host"
_SLOT = struct.Struct("<Q8x")


class Current(threading.local):
    """The execution of this thread.

    Attributes:
        process: Its streams and functions; None between executions.
        stop: What a callback ended it with.
    """

    process: Process | None = None
    stop: BaseException | None = None


current = Current()


def _stopped() -> int:
    return int(_trap_new(_STOPPED, len(_STOPPED)))


def _host_function(name: str) -> Any:
    params = FUNCTIONS[name]
    masks = [0xFFFFFFFF if each == "i32" else 0xFFFFFFFFFFFFFFFF for each in params]
    room = max(len(params), 1) * ffi.RAW_SIZE
    returns = name != "proc_exit"

    def call(_: int, caller: int, slots: int, count: int) -> int:
        try:
            process = current.process
            if process is None or current.stop is not None:
                return _stopped()
            values = ffi.view(slots, room)
            arguments = [_SLOT.unpack_from(values, 16 * index)[0] & mask for index, mask in enumerate(masks)]
            view = _memory(caller)
            try:
                code = process.function(name)(Memory(view), *arguments)
            except Fault:
                code = FAULT
            finally:
                view.release()
            if returns:
                _SLOT.pack_into(values, 0, code)
            return 0
        except BaseException as exc:  # noqa: BLE001 - nothing may be raised into native code
            current.stop = exc
            return _stopped()

    return _HostFunction(call)


_extern = threading.local()


def _memory(caller: int) -> memoryview:
    """The caller's memory; an empty one where it exports none."""
    found = getattr(_extern, "memory", None)
    if found is None:
        found = _extern.memory = ffi.Extern()
    if not _caller_export(caller, b"memory", 6, found.address) or found.kind.value != ffi.EXTERN_MEMORY:
        return memoryview(bytearray())
    context = _caller_context(caller)
    return ffi.view(ffi.memory_data(context, found.of), ffi.memory_data_size(context, found.of))


_CALLBACKS = {name: _host_function(name) for name in FUNCTIONS}
"""They live as long as the process: linkers keep their addresses."""


def _look(_context: int, _data: int, delta: Any, kind: Any) -> int:
    try:
        if current.process is None or current.stop is not None:
            return int(_error_new(_STOPPED))
        current.process.look()
        delta[0], kind[0] = 1, _CONTINUE
        return 0
    except BaseException as exc:  # noqa: BLE001 - nothing may be raised into native code
        current.stop = exc
        return int(_error_new(_STOPPED))


_LOOK = _AtEpoch(_look)


def look_at_each_epoch(store: int, context: int) -> None:
    """Has the thread's process look at every epoch whether it may go on."""
    _at_epoch(store, ctypes.cast(_LOOK, c_void_p), None, None)
    ffi.set_epoch_deadline(context, 1)


def make_linker(engine: wasmtime.Engine) -> wasmtime.Linker:
    """A linker that provides WASI preview 1, and nothing else."""
    linker = wasmtime.Linker(engine)
    for name, callback in _CALLBACKS.items():
        results = [] if name == "proc_exit" else [wasmtime.ValType.i32()]
        type_ = wasmtime.FuncType([_TYPES[each]() for each in FUNCTIONS[name]], results)
        error = _define(
            ffi.address(linker),
            MODULE.encode(), len(MODULE), name.encode(), len(name),
            ffi.address(type_), ctypes.cast(callback, c_void_p), None, None,
        )  # fmt: skip
        if error:
            raise RuntimeError(ffi.take_error(error))
    return linker
