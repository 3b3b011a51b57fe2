"""How late the deadline is for hostile modules, and how soon the others are answered: pass or short for each.

The target is 100 ms past the time limit on an idle machine. Each case is executed in turns, and its best turn counts:
what the others add is the machine's. The cases of the suite may use 64 MiB; the last lines have the default limit of
1 GiB, and a memory that is as large as any.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from _harness import Run, main

from akatsuki_wasm.contracts import MIB, Control, Limits
from akatsuki_wasm.errors import ExecutionTimeout
from akatsuki_wasm.testing import hostile
from akatsuki_wasm.testing.hostile_wasm import wat
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin

LATE_MS = 100.0
TURNS = 3
SLOW_MS = 500.0
"""What is executed once only."""


def large(name: str, pages: int, body: str) -> hostile.Case:
    """An endless loop of one bulk operation over a memory of so many pages."""
    text = f'(memory (export "memory") {pages}) (func (export "f") (loop $on {body} (br $on)))'
    limits = Limits(timeout_ms=100, memory_bytes=pages * 65536)
    return hostile.Case(name, "large", name, partial(wat, text), errors=(ExecutionTimeout,), limits=limits)


def large_cases() -> tuple[hostile.Case, ...]:
    """One bulk operation cannot be interrupted, so what it takes is what the deadline may be late."""
    found = []
    for mib in (64, 128, 256, 512, 1024):
        size = mib * MIB
        found.append(
            large(f"fill-of-{mib}-mib", size // 65536, f"(memory.fill (i32.const 0) (i32.const 1) (i32.const {size}))")
        )
    half = 512 * MIB
    found.append(large("copy-of-512-mib", 16384, f"(memory.copy (i32.const {half}) (i32.const 0) (i32.const {half}))"))
    return tuple(found)


def late_ms(case: hostile.Case) -> tuple[float, str]:
    """Milliseconds past the limit in the best turn, and the answer."""
    execute = WasmtimePlugin().akatsuki_execute
    if case.built_here:  # compiling is no part of the time limit
        hostile.run_case(execute, replace(case, limits=replace(case.limits, timeout_ms=100)))
    best, answer = float("inf"), ""
    for _ in range(TURNS):
        outcome = hostile.run_case(execute, case)
        if outcome.problem and "it took" not in outcome.problem:
            raise AssertionError(f"{case.name}: {outcome.problem}")
        best, answer = min(best, outcome.late_ms), outcome.answer
        if outcome.seconds * 1000 > SLOW_MS + case.limits.timeout_ms:
            break
    return best, answer


def good_ms() -> float:
    """A good call after all of it."""
    started = time.perf_counter()
    result = WasmtimePlugin().akatsuki_execute(hostile.GOOD.module, hostile.GOOD.call, Limits(), Control())
    assert result is not None
    assert result.value == hostile.GOOD.value
    return (time.perf_counter() - started) * 1000


def measure(run: Run) -> None:
    """Prints a line for each case that meets a deadline; judges the latest of them."""
    timed, latest, quick = 0, (0.0, ""), 0.0
    print(f"{'case':<34} {'answer':<28} {'late by':>10}")
    groups = [group for group in hostile.GROUPS if group != "bombs"]
    for case in (*hostile.cases(*groups), *large_cases()):
        late, answer = late_ms(case)
        if answer != "ExecutionTimeout":
            quick = max(quick, late + case.limits.timeout_ms)
            continue
        timed += 1
        latest = max(latest, (late, case.name))
        print(f"{case.name:<34} {answer:<28} {late:7.1f} ms", flush=True)
    print(f"\nall others are answered within {quick:.0f} ms; a good call afterwards takes {good_ms():.2f} ms")
    run.judge(
        f"latest deadline of {timed} hostile modules",
        f"{latest[0]:.0f} ms ({latest[1]})",
        "",
        "",
        f"at most {LATE_MS:g} ms late",
        passed=latest[0] <= LATE_MS,
    )


if __name__ == "__main__":
    main(measure)
