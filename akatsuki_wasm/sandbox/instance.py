"""One execution's store, instance and memory: made fresh, limited before anything runs, freed at the end."""

from __future__ import annotations

import struct
import threading
import time
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import GuestTrap, InvalidModuleError
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.lift import Reader
from akatsuki_wasm.sandbox.limits import (
    MAX_ADDRESSABLE,
    MAX_INSTANCES,
    MAX_MEMORIES,
    MAX_TABLE_ELEMENTS,
    MAX_TABLES,
    out_of_memory,
)
from akatsuki_wasm.sandbox.slots import ONE_I32, SlotLayout, slot_layout
from akatsuki_wasm.sandbox.traps import error_of_instantiation, error_of_trap

if TYPE_CHECKING:
    from types import TracebackType

    from akatsuki_wasm.contracts import Limits
    from akatsuki_wasm.errors import AkatsukiError
    from akatsuki_wasm.sandbox.compiled import CompiledModule
    from akatsuki_wasm.sandbox.watch import Watch

_REALLOC_SIGNATURE = (("i32", "i32", "i32", "i32"), ("i32",))
_REALLOC = slot_layout(("i32", "i32", "i32", "i32"))
_U32 = struct.Struct("<I")
_local = threading.local()


def _take_scratch() -> ffi.Scratch:
    """The thread's spare structures, or new ones: a signal handler may execute something between two slices."""
    found: ffi.Scratch | None = getattr(_local, "spare", None)
    if found is None:
        return ffi.Scratch()
    _local.spare = None
    found.trap_cell.value = found.error_cell.value = None
    return found


class Instance:
    """A fresh instance in a store of its own; a context manager that is used on one thread.

    Its guest runs on a stack of its own, in slices: between two of them the watch is looked at, and Python's signal
    handlers run. An instance that was left in the middle of a call must be closed, and nothing else.

    It is also the guest memory that arguments are lowered into (`akatsuki_wasm.sandbox.lower.Memory`).

    Args:
        compiled: The module.
        limits: Memory, result size and fuel.
        watch: Says whether it may go on; from before instantiation, as a start function can loop.
        function: The function's name, for messages.

    Raises:
        GuestTrap: The start function trapped.
        ExecutionTimeout: The start function ran past the deadline.
        ExecutionCancelled: It was cancelled in the start function, or while it waited for a slot.
        MemoryLimitError: The module's smallest memory is past the limit.

    Attributes:
        guest_s: Seconds in the guest's function.
        instantiation_s: Seconds that making the store and the instance took.
        view: The whole memory, as `refresh` last saw it.
    """

    __slots__ = (
        "_clock",
        "_context",
        "_realloc_known",
        "_scratch",
        "_store",
        "_watch",
        "compiled",
        "function",
        "guest_s",
        "instantiation_s",
        "limits",
        "view",
    )

    def __init__(self, compiled: CompiledModule, limits: Limits, watch: Watch, function: str) -> None:
        self._store = None
        self.compiled, self.limits, self.function, self._watch = compiled, limits, function, watch
        self.guest_s = self.instantiation_s = 0.0
        self.view = _NO_MEMORY
        self._realloc_known = False
        clock = self._clock = compiled.engine.clock
        while not clock.try_enter():
            watch.look(function)
            clock.wait()
        watch.begin()
        started = time.perf_counter()
        scratch = self._scratch = _take_scratch()
        self._store = ffi.store_new(compiled.engine.address, None, None)
        try:
            self._instantiate(scratch)
        except BaseException:
            self.close()
            raise
        self.instantiation_s = time.perf_counter() - started

    def _instantiate(self, scratch: ffi.Scratch) -> None:
        slice_ = self._watch.slice
        self._set_limits()
        # One epoch more for the first slice: the current one has partly passed.
        ffi.set_epoch_deadline(self._context, slice_ + 1)
        ffi.yield_at_epoch(self._context, slice_)
        pre = self.compiled.pre_address
        self._finish(ffi.instantiate_start(pre, self._context, scratch.instance, scratch.trap, scratch.error))
        self._take_instance()

    def _set_limits(self) -> None:
        limits = self.limits
        self._context = ffi.store_context(self._store)
        ffi.store_limiter(self._store, limits.memory_bytes, MAX_TABLE_ELEMENTS, MAX_INSTANCES, MAX_TABLES, MAX_MEMORIES)
        if limits.fuel is not None:
            ffi.set_fuel(self._context, limits.fuel)

    def _take_instance(self) -> None:
        scratch = self._scratch
        if scratch.error_cell.value:
            raise error_of_instantiation(self._take_error(), self.function, self.limits)
        if scratch.trap_cell.value:
            # No instance came of it, and so no memory to look into: the scratch still names those of an earlier one,
            # which the engine takes for a mix-up of stores and aborts the process.
            raise error_of_trap(self._take_facts(), self.function, self.limits, None, 0, allocating=False)
        if self.compiled.has_memory:
            self._find(b"memory", scratch.memory, ffi.EXTERN_MEMORY)
            self.compiled.engine.prepare_memory(ffi.memory_data(self._context, scratch.memory.of))

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A signal handler that raised between the making and the `with` would otherwise keep one of the slots for ever.
        if self._store is not None:
            self.close()

    def close(self) -> None:
        """Frees the store and all that is in it. Views of the memory end first: they would outlive it."""
        store, self._store = self._store, None
        if store is None:
            return
        try:
            self._release()
            if self.instantiation_s:
                self._watch.count(self)
        finally:
            ffi.store_delete(store)
            _local.spare = self._scratch
            self._clock.leave()

    def _release(self) -> None:
        view, self.view = self.view, _NO_MEMORY
        if view is not _NO_MEMORY:
            view.release()

    # ---------------------------------------------------------------- exports

    def _find(self, name: bytes, into: ffi.Extern, kind: int) -> bool:
        scratch = self._scratch
        found = ffi.export_get(self._context, scratch.instance, name, len(name), into.address)
        return bool(found) and into.kind.value == kind

    def find_function(self, export: bytes, signature: tuple[tuple[str, ...], tuple[str, ...]], *, known: bool) -> None:
        """Makes an exported function the one that `call` calls.

        Args:
            export: Its name.
            signature: Its core type, as the manifest has it.
            known: Whether an earlier execution of this compiled module has compared it already.

        Raises:
            InvalidModuleError: It is not there, or of another type: an unchecked call would corrupt memory.
        """
        func = self._scratch.func
        if not self._find(export, func, ffi.EXTERN_FUNC):
            raise InvalidModuleError(f"the module has no export {export.decode()!r}, which its manifest names")
        if not known:
            self._compare(export, func, signature)

    def _compare(self, export: bytes, func: ffi.Extern, signature: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
        found = ffi.core_signature(self._context, func.of)
        if found != signature:
            raise InvalidModuleError(
                f"the export {export.decode()!r} has the core type {_arrow(found)}, "
                f"where its signature means {_arrow(signature)}",
                hint="the manifest does not belong to this module: build it again",
            )

    # ---------------------------------------------------------------- calls

    def call(self, params: SlotLayout, results: SlotLayout, flat: list[Any]) -> tuple[Any, ...]:
        """Calls the function that was found.

        Args:
            params: Layout of its flat core parameters.
            results: And of its results.
            flat: The parameters.

        Returns:
            The flat core results.

        Raises:
            GuestTrap: It trapped.
            ExecutionTimeout: It ran past the deadline.
            ExecutionCancelled: It was cancelled.
            MemoryLimitError: It was refused memory and gave up.
            FuelLimitError: It used up its fuel.
        """
        started = time.perf_counter()
        try:
            return self._call(self._scratch.func, params, results, flat, allocating=False)
        finally:
            self.guest_s += time.perf_counter() - started

    def _call(
        self, func: ffi.Extern, params: SlotLayout, results: SlotLayout, flat: list[Any], *, allocating: bool
    ) -> tuple[Any, ...]:
        scratch = self._scratch
        count = params.count
        if count + results.count > scratch.capacity:
            scratch.reserve(count + results.count)
        params.pack_into(scratch.buffer, flat)
        after = count * ffi.SLOT_SIZE
        self._finish(
            ffi.call_start(
                self._context,
                func.of,
                scratch.slots,
                count,
                scratch.slots + after,
                results.count,
                scratch.trap,
                scratch.error,
            )
        )
        if scratch.trap_cell.value:
            raise self._take_trap(allocating=allocating)
        if scratch.error_cell.value:
            raise GuestTrap(f"{self.function} failed: {self._take_error()}", kind="error")
        return results.unpack_from(scratch.buffer, after)

    def _finish(self, future: int) -> None:
        """Runs a call to its end, and looks after each slice whether it may go on."""
        try:
            while not ffi.poll(future):
                self._watch.look(self.function)
        finally:
            ffi.future_delete(future)

    def _take_error(self) -> str:
        scratch = self._scratch
        error, scratch.error_cell.value = scratch.error_cell.value, None
        return ffi.take_error(error or 0)

    def _take_facts(self) -> ffi.TrapFacts:
        scratch = self._scratch
        trap, scratch.trap_cell.value = scratch.trap_cell.value, None
        return ffi.take_trap(trap or 0)

    def _take_trap(self, *, allocating: bool) -> AkatsukiError:
        return self._error_of(self._take_facts(), allocating=allocating)

    def _error_of(self, facts: ffi.TrapFacts, *, allocating: bool) -> AkatsukiError:
        panic, used = self._panic_text(), self.memory_bytes
        return error_of_trap(facts, self.function, self.limits, panic, used, allocating=allocating)

    # ---------------------------------------------------------------- memory

    @property
    def memory_bytes(self) -> int:
        """Size of the linear memory now, which never shrinks; 0 for a module without one."""
        if not self.compiled.has_memory:
            return 0
        return int(ffi.memory_data_size(self._context, self._scratch.memory.of))

    @property
    def fuel_used(self) -> int | None:
        """Units of work so far, or None where there is no such limit."""
        fuel = self.limits.fuel
        return None if fuel is None else fuel - ffi.fuel_left(self._context)

    def refresh(self) -> memoryview:
        """The whole memory as it is now; the view before ends if the memory has grown since."""
        if not self.compiled.has_memory:
            raise InvalidModuleError("the module exports no memory, which strings, lists and records need")
        size = self.memory_bytes
        if size != len(self.view):
            self._release()
            self.view = ffi.view(ffi.memory_data(self._context, self._scratch.memory.of), size)
        return self.view

    def allocate(self, size: int, alignment: int) -> int:
        """Address of new bytes in the guest, by its ``cabi_realloc``; `view` is fresh afterwards."""
        return self.reallocate(0, 0, alignment, size)

    def reallocate(self, old: int, old_size: int, alignment: int, size: int) -> int:
        """Grows what `allocate` gave; checked as nothing that the guest says is trusted.

        Raises:
            MemoryLimitError: It is past the limit, or the guest found no room.
            GuestTrap: The guest trapped, or gave back an address that is not aligned or not in its memory.
        """
        if size > self.limits.memory_bytes or size >= MAX_ADDRESSABLE:
            raise out_of_memory(self.function, self.limits)
        if not self._realloc_known:
            self._find_realloc()
        flat = [old, old_size, alignment, size]
        address: int = self._call(self._scratch.realloc, _REALLOC, ONE_I32, flat, allocating=True)[0]
        view = self.refresh()
        if address == 0 and size:
            raise out_of_memory(self.function, self.limits)
        if address % alignment or address + size > len(view):
            raise GuestTrap(
                f"{self.function} got no room for its arguments: cabi_realloc gave {address:#x} for {size:,} bytes, "
                f"{alignment}-aligned, in a memory of {len(view):,} bytes",
                kind="pointer_out_of_bounds",
                hint="the module breaks the Canonical ABI: build it again",
            )
        return address

    def _find_realloc(self) -> None:
        realloc = self._scratch.realloc
        if not self._find(b"cabi_realloc", realloc, ffi.EXTERN_FUNC):
            raise InvalidModuleError("the module exports no cabi_realloc, which strings, lists and records need")
        if not self.compiled.realloc_checked:
            self._compare(b"cabi_realloc", realloc, _REALLOC_SIGNATURE)
            self.compiled.realloc_checked = True
        self._realloc_known = True

    def reader(self) -> Reader:
        """The memory for lifting results out of it."""
        return Reader(self.refresh(), self.function, self.limits, self._watch.look)

    def _panic_text(self) -> str | None:
        """What the guest's panic hook left, ``""`` if it left nothing, None for a module without such a hook.

        ``AKATSUKI_PANIC`` is a global with the address of ``{len: u32, bytes: [u8; 1020]}``.
        """
        other = self._scratch.other
        if not self.compiled.has_memory or not self._find(b"AKATSUKI_PANIC", other, ffi.EXTERN_GLOBAL):
            return None
        address = ffi.global_i32(self._context, other)
        if address is None:
            return None
        view = self.refresh()
        if address + 1024 > len(view):
            return None
        length = min(_U32.unpack_from(view, address)[0], 1020)
        return " ".join(str(view[address + 4 : address + 4 + length], "utf-8", "replace").split())


_NO_MEMORY = memoryview(b"")
"""Shared by all instances, so never released."""


def _arrow(signature: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    return f"({', '.join(signature[0])}) -> ({', '.join(signature[1])})"
