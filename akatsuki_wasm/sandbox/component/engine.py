"""The engine for components: as the process's engine, but without the pool.

The pool's slots are one instance, one memory and one table each. A component has several core instances, and with them
would take slots from executions that count on theirs.
"""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass

import wasmtime
from wasmtime import component

from akatsuki_wasm.sandbox.clock import Clock
from akatsuki_wasm.sandbox.component import ffi as component_ffi
from akatsuki_wasm.sandbox.engine import Memory, configuration, process_engine

SLOTS = 16
"""Components in execution at once; more wait. Each reserves 4 GiB of address space for every memory."""


@dataclass(frozen=True)
class ComponentEngine:
    """An engine with its clock.

    Attributes:
        engine: wasmtime's.
        clock: Sets its epochs.
        linker: Has no definitions: nothing is provided to a component.
        memory: Where linear memories come from.
        fuel: Whether guests are counted in units of work.
        pid: The process that made it.
    """

    engine: wasmtime.Engine
    clock: Clock
    linker: component.Linker
    memory: Memory
    fuel: bool
    pid: int


def component_configuration(memory: Memory, *, fuel: bool) -> wasmtime.Config:
    """The configuration of the engines for components."""
    config = configuration(memory, fuel=fuel)
    component_ffi.use_components(config)
    return config


_lock = threading.Lock()
_current: dict[bool, ComponentEngine] = {}
_leaked: list[dict[bool, ComponentEngine]] = []


def component_engine(*, fuel: bool = False) -> ComponentEngine:
    """The engine for components of this process, made at first use. A forked child gets one of its own."""
    with _lock:
        found = _current.get(fuel)
        if found is None:
            memory: Memory = "grown" if process_engine().memory == "grown" else "reserved"
            engine = wasmtime.Engine(component_configuration(memory, fuel=fuel))
            linker = component.Linker(engine)
            found = _current[fuel] = ComponentEngine(engine, Clock(engine, SLOTS), linker, memory, fuel, os.getpid())
        return found


def _after_fork_in_child() -> None:
    """Forgets the parent's engine without freeing it: its threads are gone and its locks may be held for ever."""
    global _lock, _current
    _leaked.append(_current)
    _lock, _current = threading.Lock(), {}


@atexit.register
def _stop() -> None:
    for each in _current.values():
        if each.pid == os.getpid():
            each.clock.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
