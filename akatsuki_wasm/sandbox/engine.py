"""The wasmtime engine of the process: configuration, pooling allocator, fork and exit."""

from __future__ import annotations

import atexit
import logging
import mmap
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Literal

import wasmtime

from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.clock import Clock
from akatsuki_wasm.sandbox.limits import MAX_TABLE_ELEMENTS

log = logging.getLogger(__name__)

MAX_WASM_STACK = 1024 * 1024
"""Bytes of native stack that a guest may use, of the `_GUEST_STACK` that each has for itself. The caller's own stack
does not count, except in a session; see `akatsuki_wasm.sandbox.stack`."""
_GUEST_STACK = 2 * 1024 * 1024
SLOTS = 64
"""Instances in use at once; more wait. Each reserves address space (not memory) of `_SLOT_BYTES`."""
KEEP_RESIDENT = 4 << 20
"""Bytes of a memory that are zeroed in place for the next execution; what is above goes back to the kernel and is
faulted in again. docs/explanation/sandbox.md has the measurements."""
Memory = Literal["pool", "reserved", "grown"]
"""Where linear memories come from: slots of a pool, 4 GiB of address space for each, or no more than is used."""
_GIB = 1 << 30
_GUARD = 32 << 20
_SLOT_BYTES = 4 * _GIB + 2 * _GUARD


@dataclass(frozen=True)
class ProcessEngine:
    """An engine with its clock.

    Attributes:
        engine: wasmtime's.
        clock: Sets its epochs.
        address: Native address of the engine.
        linker: Has no definitions: guests import nothing.
        memory: Where linear memories come from.
        pid: The process that made it.
        fuel: Whether guests are counted in units of work, which costs them time.
        prepared: Where the memories begin that `prepare_memory` has seen; the pool's come again.
    """

    engine: wasmtime.Engine
    clock: Clock
    address: int
    linker: wasmtime.Linker
    memory: Memory
    pid: int
    fuel: bool
    prepared: set[int] = field(default_factory=set)

    def prepare_memory(self, address: int) -> None:
        """Has a linear memory backed by huge pages as it grows.

        Faulting in a picture's memory, or what one `memory.fill` touches, by 4 KiB takes several times as long as the
        work itself; and a single such instruction cannot be interrupted.
        """
        if address in self.prepared or self.memory == "grown":
            return
        ffi.advise_huge_pages(address, 4 * _GIB)
        if self.memory == "pool":
            self.prepared.add(address)


_lock = threading.Lock()
_current: dict[bool, ProcessEngine] = {}
_forked = False


def process_engine(*, fuel: bool = False) -> ProcessEngine:
    """The engine of this process, made at first use. A forked child gets one of its own.

    Args:
        fuel: Whether to count units of work. That is another engine, since it is compiled into the guests.
    """
    return _current.get(fuel) or _make_once(fuel)


def _make_once(fuel: bool) -> ProcessEngine:
    with _lock:
        found = _current.get(fuel)
        if found is None:
            found = _current[fuel] = _make(fuel)
        return found


def _make(fuel: bool) -> ProcessEngine:
    memory: Memory = "pool"
    if not _can_reserve(SLOTS * _SLOT_BYTES):
        log.warning(
            "no pooling allocator: %d GiB of address space cannot be reserved (ulimit -v?); executions start slower",
            SLOTS * _SLOT_BYTES >> 30,
        )
        memory = "reserved" if _can_reserve(_SLOT_BYTES) else "grown"
    engine = wasmtime.Engine(configuration(memory, fuel=fuel))
    return ProcessEngine(
        engine, Clock(engine, SLOTS), ffi.address(engine), wasmtime.Linker(engine), memory, os.getpid(), fuel
    )


def configuration(memory: Memory, *, fuel: bool) -> wasmtime.Config:
    """The configuration of every engine of ours.

    Args:
        memory: ``pool`` and ``reserved`` lead to the same compiled code.
        fuel: Whether to count units of work.
    """
    config = wasmtime.Config()
    ffi.turn_off_proposals(config)
    config.epoch_interruption = True
    config.consume_fuel = fuel
    config.max_wasm_stack = MAX_WASM_STACK
    ffi.use_guest_stacks(config, _GUEST_STACK)
    if _forked:
        # The compile threads of the parent did not come along through the fork: waiting for them would never end.
        config.parallel_compilation = False
    if memory == "pool":
        settings = {
            "total_core_instances": SLOTS,
            "total_memories": SLOTS,
            "total_tables": SLOTS,
            "total_stacks": SLOTS,
            "async_stack_keep_resident": 64 * 1024,
            "max_memories_per_module": 1,
            "max_tables_per_module": 1,
            "table_elements": MAX_TABLE_ELEMENTS,
            "max_memory_size": 4 * _GIB,  # each store's limiter sets the limit that counts
            "linear_memory_keep_resident": KEEP_RESIDENT,
            "table_keep_resident": 64 * 1024,
        }
        ffi.use_pooling(config, settings)
    elif memory == "grown":
        ffi.use_memory_reservation(config, 0, 0)
    return config


def _can_reserve(size: int) -> bool:
    """Whether so much address space is to be had: an engine that fails to reserve its pool ends the process."""
    if sys.platform == "win32":
        return True
    no_reserve = 0x4000 if sys.platform == "linux" else 0
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve, prot=0).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _after_fork_in_child() -> None:
    """Forgets the parent's engine without freeing it: its threads are gone and its locks may be held for ever."""
    global _lock, _current, _forked
    _leaked.append(_current)
    _lock, _current, _forked = threading.Lock(), {}, True


_leaked: list[dict[bool, ProcessEngine]] = []


@atexit.register
def _stop() -> None:
    for each in _current.values():
        if each.pid == os.getpid():
            each.clock.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
