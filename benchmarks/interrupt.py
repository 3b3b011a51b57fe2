"""How soon a running module stops when it is told to: by another thread, Ctrl-C, an interrupt of a Jupyter kernel.

Each figure is the time from the request to the moment at which the caller's code goes on, worst of several.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import wasmtime
from _guests import workspace
from _harness import Run, main

from akatsuki_wasm.errors import ExecutionCancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.module import Module

LIMIT_S = 0.1
TURNS, QUICK_TURNS = 20, 3
KERNEL = Path(__file__).parents[1] / "tests" / "notebook" / "interrupt_kernel.py"
SPIN = """(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "spin") (param i32) (result i32) (loop $on (br $on)) (i32.const 1)))"""


def cancelled(module: Module) -> float:
    """From `Execution.cancel` to the error."""
    execution = module.start("spin", 1, timeout_ms=30_000)
    time.sleep(0.1)
    started = time.perf_counter()
    execution.cancel()
    try:
        execution.value()
    except ExecutionCancelled:
        return time.perf_counter() - started
    raise AssertionError("it was not cancelled")


def interrupted(call: Callable[[], object]) -> float:
    """From SIGINT to the KeyboardInterrupt, as Ctrl-C does it."""
    sent = []

    def send() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.1, send).start()
    try:
        call()
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    raise AssertionError("it was not interrupted")


def kernels() -> dict[str, float]:
    """From a kernel's interrupt to the KeyboardInterrupt in the cell."""
    with tempfile.TemporaryDirectory(prefix="akatsuki-bench-") as folder:
        done = subprocess.run([sys.executable, KERNEL, folder], stdout=subprocess.PIPE, text=True, check=True)
    return {name: seconds for name, (seconds, _) in json.loads(done.stdout).items()}


def measure(run: Run) -> None:
    """Everything that stops a module, one after the other."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts programs in the background without it
    turns = QUICK_TURNS if run.quick else TURNS
    with workspace() as made:
        module = made.deploy(bytes(wasmtime.wat2wasm(SPIN)), name="plain")
        cancelled(module)  # the first of a process loads what a failure and its row in the history need
        found = {
            "Execution.cancel() from another thread": max(cancelled(module) for _ in range(turns)),
            "Ctrl-C in a call": max(
                interrupted(lambda: module.call("spin", 1, timeout_ms=30_000)) for _ in range(turns)
            ),
            "Ctrl-C in a map over two threads": max(
                interrupted(lambda: list(module.map(range(4), function="spin", threads=2, timeout_ms=30_000)))
                for _ in range(turns)
            ),
        }
        if module.add(1, 2) != 3:
            raise AssertionError("the process is not usable afterwards")
    if not run.quick:
        found |= {f"interrupt of a Jupyter kernel in {name}": seconds for name, seconds in kernels().items()}
    for name, seconds in found.items():
        run.judge(name, f"{seconds * 1e3:.0f} ms", "", "", f"at most {LIMIT_S * 1e3:.0f} ms", passed=seconds <= LIMIT_S)


if __name__ == "__main__":
    main(measure)
