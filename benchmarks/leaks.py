"""Resident memory, open files and threads over 100,000 executions of cached modules: all three must stay the same."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from _harness import Run, main

from akatsuki_wasm.contracts import Call, Control, Limits
from akatsuki_wasm.errors import ExecuteError
from akatsuki_wasm.testing import hostile
from akatsuki_wasm.testing.hostile_wasm import ALLOCATOR, function, wat
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin

TOTAL, QUICK_TOTAL = 100_000, 10_000
STEPS = 10
FLAT_MIB = 8.0
"""The allocator's own ups and downs."""
GROUPS = ("traps", "answers", "allocators", "panics", "state")


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    """Descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def echo() -> hostile.Case:
    """A function that gives back its text: memory goes in and out."""
    text = f"""{ALLOCATOR} (func (export "f") (param i32 i32) (result i32)
      (i32.store (i32.const 64) (local.get 0)) (i32.store (i32.const 68) (local.get 1)) (i32.const 64))"""
    return hostile.Case(
        "echo", "good", "", lambda: wat(text), (function("f", "a: string", "string"),), Call("f", ("é" * 500,))
    )


def measure(run: Run) -> None:
    """Good calls and failing ones by turns; prints the three at each step."""
    total = QUICK_TOTAL if run.quick else TOTAL
    execute = WasmtimePlugin().akatsuki_execute
    failing = [case for case in hostile.cases(*GROUPS) if case.limits.timeout_ms >= 1000 and "mib" not in case.name]
    chosen = [hostile.GOOD, echo(), *failing[:17]]  # as many as the cache keeps, so that none is compiled again
    limits = Limits(timeout_ms=2000, result_bytes=2**20)

    def one(number: int) -> None:
        case = chosen[number % 2] if number % 4 else chosen[number // 4 % len(chosen)]
        with contextlib.suppress(ExecuteError):
            result = execute(case.module, case.call, limits, Control())
            if case is hostile.GOOD and (result is None or result.value != hostile.GOOD.value):
                raise AssertionError(f"a good call gave {result}")

    for number in range(2_000):
        one(number)
    before = resident_mib(), open_files(), threading.active_count()
    print(f"{'executions':>12} {'resident':>12} {'files':>6} {'threads':>8}")
    print(f"{0:>12,} {before[0]:8.1f} MiB {before[1]:>6} {before[2]:>8}")
    started = time.perf_counter()
    for number in range(1, total + 1):
        one(number)
        if number % (total // STEPS) == 0:
            now = resident_mib(), open_files(), threading.active_count()
            print(f"{number:>12,} {now[0]:8.1f} MiB {now[1]:>6} {now[2]:>8}", flush=True)
    grown = resident_mib() - before[0]
    same = (open_files(), threading.active_count()) == before[1:]
    flat = grown <= FLAT_MIB and same
    took = (time.perf_counter() - started) / total * 1e6
    print(f"\n{took:.0f} us each")
    run.judge(
        f"resident memory over {total:,} executions",
        f"{grown:+.1f} MiB",
        f"{before[0]:.0f} MiB at the start",
        "",
        f"flat: at most {FLAT_MIB:g} MiB, no file or thread more",
        passed=flat,
    )


if __name__ == "__main__":
    main(measure)
