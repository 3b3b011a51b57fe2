"""Runs one command on a thread of its own, while the caller waits in a way that a signal can interrupt."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from akatsuki_wasm.command import ENTRY
from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.limits import MAX_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES
from akatsuki_wasm.sandbox.stack import start_large
from akatsuki_wasm.sandbox.traps import error_of_instantiation, error_of_trap
from akatsuki_wasm.sandbox.wasi import ffi as wasi_ffi
from akatsuki_wasm.sandbox.wasi.host import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import Limits
    from akatsuki_wasm.sandbox.engine import ProcessEngine
    from akatsuki_wasm.sandbox.wasi.host import Process
    from akatsuki_wasm.sandbox.watch import Watch

T = TypeVar("T")
_PATIENCE_S = 5.0
"""How long one who was interrupted waits for the guest to be gone: a tick, and whatever one instruction takes."""


def on_own_thread(work: Callable[[], T], interrupt: Callable[[], None]) -> T:
    """Calls `work` on a new thread with a large stack, and waits for it.

    Args:
        work: What is done there; what it raises is raised here.
        interrupt: Called when waiting is interrupted (Ctrl-C): makes `work` end soon.
    """
    done, answers, errors = threading.Event(), [], []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as exc:  # noqa: BLE001 - handed to the caller, which raises it
            errors.append(exc)
        finally:
            done.set()

    try:
        start_large(run, "akatsuki-command")
        done.wait()
    except BaseException:
        interrupt()
        done.wait(_PATIENCE_S)
        raise
    if errors:
        raise errors[0]
    return answers[0]


class CommandInstance:
    """A fresh instance of a command in a store of its own; used on the thread that makes it.

    Args:
        engine: The process's.
        pre: Native address of the pre-linked instance.
        process: The streams and functions that it gets.
        limits: Memory and fuel.
        watch: Its clock begins when the instance has its slot.

    Attributes:
        guest_s: Seconds in the command, host functions included.
        instantiation_s: Seconds that making store and instance took.
        memory_bytes: Linear memory at the end.
        fuel_used: Units of work done, or None where they are not counted.
        code: Exit code.
    """

    def __init__(self, engine: ProcessEngine, pre: int, process: Process, limits: Limits, watch: Watch) -> None:
        self._engine, self._pre, self._process = engine, pre, process
        self._limits, self._watch, self._name = limits, watch, process.name
        self._scratch = ffi.Scratch()
        self.guest_s = self.instantiation_s = 0.0
        self.memory_bytes = self.code = 0
        self.fuel_used: int | None = None

    def run(self) -> None:
        """Runs the command from its start to its exit.

        Raises:
            ExecuteError: As `akatsuki_wasm.sandbox.wasi.sandbox.CommandSandbox.execute` says; an exit code is none.
        """
        clock = self._engine.clock
        while not clock.try_enter():
            self._process.look()
            clock.wait()
        try:
            self._watch.begin()
            store = ffi.store_new(self._engine.address, None, None)
            wasi_ffi.current.process, wasi_ffi.current.stop = self._process, None
            try:
                self._run(store)
            except Exit as exit_:
                self.code = exit_.code
            finally:
                wasi_ffi.current.process = wasi_ffi.current.stop = None
                ffi.store_delete(store)
        finally:
            clock.leave()

    def _run(self, store: int) -> None:
        started = time.perf_counter()
        context, limits, scratch = ffi.store_context(store), self._limits, self._scratch
        ffi.store_limiter(store, limits.memory_bytes, MAX_TABLE_ELEMENTS, MAX_INSTANCES, MAX_TABLES, MAX_MEMORIES)
        wasi_ffi.look_at_each_epoch(store, context)
        if limits.fuel is not None:
            ffi.set_fuel(context, limits.fuel)
        error = ffi.instantiate(self._pre, context, scratch.instance, scratch.trap)
        self.instantiation_s = time.perf_counter() - started
        self._check(context, error, starting=True)
        entry = ENTRY.encode()
        if not ffi.export_get(context, scratch.instance, entry, len(entry), scratch.func.address) or (
            scratch.func.kind.value != ffi.EXTERN_FUNC or ffi.core_signature(context, scratch.func.of) != ((), ())
        ):
            raise InvalidModuleError(f"the module exports no function {ENTRY} without parameters and results")
        started = time.perf_counter()
        error = ffi.call_unchecked(context, scratch.func.of, scratch.slots, 0, scratch.trap)
        self.guest_s = time.perf_counter() - started
        self._measure(context)
        self._check(context, error, starting=False)

    def _measure(self, context: int) -> None:
        memory = self._scratch.memory
        found = ffi.export_get(context, self._scratch.instance, b"memory", 6, memory.address)
        if found and memory.kind.value == ffi.EXTERN_MEMORY:
            self.memory_bytes = ffi.memory_data_size(context, memory.of)
        if self._limits.fuel is not None:
            self.fuel_used = self._limits.fuel - ffi.fuel_left(context)

    def _check(self, context: int, error: int | None, *, starting: bool) -> None:
        """Raises what the guest or a host function ended with, if it did not end by itself."""
        said = ffi.take_error(error) if error else ""
        trap, self._scratch.trap_cell.value = self._scratch.trap_cell.value, None
        facts = ffi.take_trap(trap) if trap else None
        stop = wasi_ffi.current.stop
        if stop is not None:
            raise stop
        if facts is not None:
            lines = first_lines(self._process.stderr)
            raise error_of_trap(facts, self._name, self._limits, lines, self.memory_bytes, allocating=False)
        if error:
            if starting:
                raise error_of_instantiation(said, self._name, self._limits)
            raise InvalidModuleError(f"{self._name} cannot be called: {' '.join(said.split())}")


def first_lines(stderr: bytes | bytearray) -> str:
    """The beginning of what a command said on standard error, as one line."""
    text = bytes(stderr[:2_000]).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()][:3]
    shown = " | ".join("".join(each if each.isprintable() else " " for each in line) for line in lines)
    return shown if len(shown) <= 300 else f"{shown[:299]}…"
