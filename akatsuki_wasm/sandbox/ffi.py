"""The seam to wasmtime's C API: the one file that touches ``wasmtime._ffi``.

wasmtime-py's own objects are kept where time does not count (configuration, compiling). A call goes through the
functions below instead, because ``Func.__call__`` rebuilds its type at every call (28 us) and ``Instance.exports``
walks every export (290 us), where the raw functions take under a microsecond each.

The functions are bound anew, not taken from ``wasmtime._ffi``, for two reasons: plain integer addresses as arguments
cost less than ctypes pointers, and it lets each one say whether it gives the GIL away. Those that may run guest code or
wait for the kernel do (`_free`); the others keep it (`_held`), since giving it away costs more than the call, and with
busy threads around means waiting up to 5 ms to get it back.

Guests are called through wasmtime's asynchronous functions, which run them on a stack of their own: `poll` goes on
until the guest is done or the epoch has passed its mark, and comes back. Between two polls the caller is ordinary
Python, where a signal handler may raise, a deadline can be looked at and a cancellation heard; a call that is not to go
on is deleted, which unwinds the guest's stack. A callback into Python from inside the guest could do none of that
safely: an exception that is raised in a ctypes callback leaves its result undefined. This costs 0.8 us more than a
plain call, and makes the size of the caller's own stack irrelevant. `call_unchecked` is the plain call, for many short
calls on one instance.

Source: the C API headers, https://docs.wasmtime.dev/c-api/
"""

from __future__ import annotations

import ctypes
import struct
import sys
from ctypes import c_bool, c_char_p, c_int64, c_size_t, c_ssize_t, c_uint8, c_uint64, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import _ffi

from akatsuki_wasm.features import PROPOSALS_OFF

if TYPE_CHECKING:
    from collections.abc import Callable

POINTER_SIZE = 8
RAW_SIZE = 16
"""Bytes of a ``wasmtime_val_raw_t``: as wide as a v128, whatever it holds."""
SLOT_SIZE = ctypes.sizeof(_ffi.wasmtime_val_t)
"""Bytes of a ``wasmtime_val_t``: a kind, and `SLOT_VALUE` bytes after its start, the value."""
SLOT_VALUE = int(_ffi.wasmtime_val_t.of.offset)
KINDS = {
    "i32": _ffi.WASMTIME_I32.value,
    "i64": _ffi.WASMTIME_I64.value,
    "f32": _ffi.WASMTIME_F32.value,
    "f64": _ffi.WASMTIME_F64.value,
}
"""Core types as a ``wasmtime_val_t`` names them."""

_EXTERN_OF = _ffi.wasmtime_extern.of.offset
EXTERN_FUNC = _ffi.WASMTIME_EXTERN_FUNC.value
EXTERN_GLOBAL = _ffi.WASMTIME_EXTERN_GLOBAL.value
EXTERN_MEMORY = _ffi.WASMTIME_EXTERN_MEMORY.value
CORE_TYPES = {
    _ffi.WASM_I32.value: "i32",
    _ffi.WASM_I64.value: "i64",
    _ffi.WASM_F32.value: "f32",
    _ffi.WASM_F64.value: "f64",
}


def _held(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, _ffi.dll))


def _free(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *arguments)((name, _ffi.dll))


increment_epoch = _held("wasmtime_engine_increment_epoch", None, c_void_p)
store_new = _held("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
store_context = _held("wasmtime_store_context", c_void_p, c_void_p)
store_limiter = _held("wasmtime_store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)
set_epoch_deadline = _held("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
export_get = _held("wasmtime_instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
memory_data = _held("wasmtime_memory_data", c_void_p, c_void_p, c_void_p)
memory_data_size = _held("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p)
global_get = _held("wasmtime_global_get", None, c_void_p, c_void_p, c_void_p)

yield_at_epoch = _held("wasmtime_context_epoch_deadline_async_yield_and_update", c_void_p, c_void_p, c_uint64)
"""A store whose deadline passes gives control back and goes on later, with a new deadline so many epochs away; without
this it traps."""
instantiate_start = _held(
    "wasmtime_instance_pre_instantiate_async", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
call_start = _held(
    "wasmtime_func_call_async",
    c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_void_p,
)  # fmt: skip
poll = _free("wasmtime_call_future_poll", c_bool, c_void_p)
"""Runs what `instantiate_start` or `call_start` began; True when it has ended."""
future_delete = _free("wasmtime_call_future_delete", None, c_void_p)
"""Frees a call; one that has not ended is unwound."""
set_fuel = _held("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64)
_get_fuel = _held("wasmtime_context_get_fuel", c_void_p, c_void_p, c_void_p)
_image_range = _held("wasmtime_module_image_range", None, c_void_p, c_void_p, c_void_p)

instantiate = _free("wasmtime_instance_pre_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
"""Gives the GIL away: a start function may run for ever, and the thread that ends it needs the GIL."""
call_unchecked = _free("wasmtime_func_call_unchecked", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)
store_delete = _free("wasmtime_store_delete", None, c_void_p)
"""Gives the GIL away: handing a large memory back to the kernel takes milliseconds."""

_val_unroot = _held("wasmtime_val_unroot", None, c_void_p)
_trap_code = _held("wasmtime_trap_code", c_bool, c_void_p, c_void_p)
_trap_message = _held("wasm_trap_message", None, c_void_p, c_void_p)
_trap_trace = _held("wasm_trap_trace", None, c_void_p, c_void_p)
_trap_delete = _held("wasm_trap_delete", None, c_void_p)
_frame_name = _held("wasmtime_frame_func_name", c_void_p, c_void_p)
_frames_delete = _held("wasm_frame_vec_delete", None, c_void_p)
_error_message = _held("wasmtime_error_message", None, c_void_p, c_void_p)
_error_delete = _held("wasmtime_error_delete", None, c_void_p)
_bytes_delete = _held("wasm_byte_vec_delete", None, c_void_p)
_func_type = _held("wasmtime_func_type", c_void_p, c_void_p, c_void_p)
_functype_delete = _held("wasm_functype_delete", None, c_void_p)
_functype_params = _held("wasm_functype_params", c_void_p, c_void_p)
_functype_results = _held("wasm_functype_results", c_void_p, c_void_p)
_valtype_kind = _held("wasm_valtype_kind", c_uint8, c_void_p)

_view = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)
_WRITABLE = 0x200  # PyBUF_WRITE


def view(address: int, size: int) -> memoryview:
    """A writable view of native memory.

    It keeps nothing alive: touching it after the store is freed is a segmentation fault, so its maker must release it
    first. Cheaper than ``(c_char * size).from_address``, which makes a new type for every size.
    """
    return _view(address, size, _WRITABLE)  # type: ignore[no-any-return]  # ctypes is untyped here


_MADV_HUGEPAGE = 14
_madvise = ctypes.CDLL(None).madvise if sys.platform == "linux" else None
if _madvise is not None:
    _madvise.argtypes, _madvise.restype = (c_void_p, c_size_t, ctypes.c_int), ctypes.c_int


def advise_huge_pages(address: int, size: int) -> None:
    """Asks the kernel to back an area with huge pages; one that cannot or will not does what it always does.

    Args:
        address: Where a linear memory begins, which is the beginning of a page.
        size: Bytes that it may grow to.
    """
    if _madvise is not None:
        _madvise(address, size, _MADV_HUGEPAGE)


class Extern:
    """Room for one export that was found: a function, a memory or a global.

    Attributes:
        address: Of the whole structure, for `export_get`.
        of: Of the item in it, for the calls that use it.
    """

    __slots__ = ("_keep", "address", "kind", "of")

    def __init__(self) -> None:
        self._keep = _ffi.wasmtime_extern_t()
        self.address = ctypes.addressof(self._keep)
        self.of = self.address + _EXTERN_OF
        self.kind = c_uint8.from_address(self.address)


class Scratch:
    """The small native structures that one execution needs, used again by the next one on the same thread.

    Attributes:
        instance: Address of the instance handle.
        trap: Address of the cell that a trap's address is written to.
        trap_cell: That cell; it stays set after a trap until it is zeroed.
        error: Address of the cell that an error's address is written to.
        error_cell: That cell.
        slots: Address of the values of a call, parameters first, `SLOT_SIZE` bytes each.
        capacity: How many of them there is room for.
        buffer: The same memory, to pack into.
        func: The function of the call.
        realloc: ``cabi_realloc``.
        memory: The linear memory.
        other: Any other export.
    """

    __slots__ = (
        "_keep", "buffer", "capacity", "error", "error_cell", "func", "instance", "memory", "other", "realloc", "slots",
        "trap", "trap_cell",
    )  # fmt: skip

    def __init__(self) -> None:
        instance = _ffi.wasmtime_instance_t()
        self._keep = instance
        self.instance = ctypes.addressof(instance)
        self.trap_cell = c_void_p()
        self.trap = ctypes.addressof(self.trap_cell)
        self.error_cell = c_void_p()
        self.error = ctypes.addressof(self.error_cell)
        self.func, self.realloc, self.memory, self.other = Extern(), Extern(), Extern(), Extern()
        self.reserve(16)

    def reserve(self, slots: int) -> None:
        """Makes room for a call of so many parameters and results."""
        self.capacity = slots
        self.buffer = (c_uint64 * (slots * SLOT_SIZE // 8))()
        self.slots = ctypes.addressof(self.buffer)


def library() -> Path:
    """The file of the native library."""
    return Path(_ffi.dll._name)


def address(managed: Any) -> int:
    """The native address behind one of wasmtime-py's objects."""
    return ctypes.cast(managed.ptr(), c_void_p).value or 0


def image_bytes(module: int) -> int:
    """Size of a compiled module's image in memory."""
    start, end = c_void_p(), c_void_p()
    _image_range(module, ctypes.addressof(start), ctypes.addressof(end))
    return (end.value or 0) - (start.value or 0)


def fuel_left(context: int) -> int:
    """What is left of the fuel that a store was given."""
    left = c_uint64()
    error = _get_fuel(context, ctypes.addressof(left))
    if error:
        raise RuntimeError(take_error(error))
    return left.value


def global_i32(context: int, item: Extern) -> int | None:
    """An i32 global's value as an unsigned number, or None for a global of another type."""
    value = _ffi.wasmtime_val_t()
    global_get(context, item.of, ctypes.addressof(value))
    if int(value.kind) != int(_ffi.WASMTIME_I32.value):
        _val_unroot(ctypes.addressof(value))
        return None
    return int(value.of.i32) & 0xFFFFFFFF


@dataclass(frozen=True)
class TrapFacts:
    """What a native trap or error says of itself.

    Attributes:
        kind: The trap code in lower case, or ``error`` for an error that is no trap.
        message: wasmtime's text.
        frames: Names of the wasm functions on the stack that have one, innermost first.
    """

    kind: str
    message: str
    frames: tuple[str, ...] = ()


def take_trap(trap: int) -> TrapFacts:
    """Reads a native trap and frees it."""
    try:
        code = ctypes.c_int32()
        kind = "unknown"
        if _trap_code(trap, ctypes.addressof(code)):
            try:
                kind = wasmtime.TrapCode(code.value & 0xFF).name.lower()
            except ValueError:
                kind = f"code_{code.value}"
        message = _text(_trap_message, trap).rstrip("\0")
        return TrapFacts(kind, message, _frames(trap))
    finally:
        _trap_delete(trap)


def take_error(error: int) -> str:
    """Reads a native error's message and frees it."""
    try:
        return _text(_error_message, error)
    finally:
        _error_delete(error)


def _text(read: Callable[..., Any], item: int) -> str:
    vector = _ffi.wasm_byte_vec_t()
    read(item, ctypes.addressof(vector))
    try:
        return ctypes.string_at(vector.data, vector.size).decode("utf-8", "replace") if vector.size else ""
    finally:
        _bytes_delete(ctypes.addressof(vector))


def _frames(trap: int) -> tuple[str, ...]:
    vector = _ffi.wasm_frame_vec_t()
    _trap_trace(trap, ctypes.addressof(vector))
    try:
        names = []
        for index in range(min(vector.size, 16)):  # a stack overflow has tens of thousands
            name = _frame_name(ctypes.cast(vector.data[index], c_void_p).value)
            if name:
                size, data = struct.unpack("=QQ", ctypes.string_at(name, 16))
                names.append(ctypes.string_at(data, min(size, 200)).decode("utf-8", "replace"))
        return tuple(names)
    finally:
        _frames_delete(ctypes.addressof(vector))


def core_signature(context: int, func: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The engine's own word on a function's core type: (parameters, results).

    An unchecked call with slots of another type is memory corruption, so this is compared before the first such call.
    """
    kind = _func_type(context, func)
    try:
        return _kinds(_functype_params(kind)), _kinds(_functype_results(kind))
    finally:
        _functype_delete(kind)


def _kinds(vector: int) -> tuple[str, ...]:
    size, data = struct.unpack("=QQ", ctypes.string_at(vector, 16))
    if not size:
        return ()
    pointers = struct.unpack(f"={size}Q", ctypes.string_at(data, size * POINTER_SIZE))
    return tuple(CORE_TYPES.get(_valtype_kind(pointer), "other") for pointer in pointers)


def turn_off_proposals(config: wasmtime.Config) -> None:
    """Turns off every proposal of `PROPOSALS_OFF`; some have no setter on wasmtime-py's ``Config``."""
    for name in PROPOSALS_OFF:
        getattr(_ffi, f"wasmtime_config_{name}_set")(config.ptr(), False)


def use_guest_stacks(config: wasmtime.Config, size: int) -> None:
    """How large the stacks are that guests run on, in bytes."""
    _ffi.wasmtime_config_async_stack_size_set(config.ptr(), size)


def use_memory_reservation(config: wasmtime.Config, reserved: int, guard: int) -> None:
    """How much address space each memory takes beyond what it uses, in bytes."""
    _ffi.wasmtime_config_memory_reservation_set(config.ptr(), reserved)
    _ffi.wasmtime_config_memory_guard_size_set(config.ptr(), guard)


def use_pooling(config: wasmtime.Config, settings: dict[str, int]) -> None:
    """Sets the pooling allocator, which wasmtime-py's ``Config`` does not offer.

    Args:
        config: Not yet given to an engine.
        settings: ``wasmtime_pooling_allocation_config_<key>_set`` values.
    """
    pool = _ffi.wasmtime_pooling_allocation_config_new()
    try:
        for key, value in settings.items():
            getattr(_ffi, f"wasmtime_pooling_allocation_config_{key}_set")(pool, value)
        _ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    finally:
        _ffi.wasmtime_pooling_allocation_config_delete(pool)
