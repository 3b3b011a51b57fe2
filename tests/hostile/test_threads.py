"""Sixteen threads of good and hostile calls at once, each with the right answer."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import collections, json, random, threading
from akatsuki_wasm.contracts import Call, Control, Limits
from akatsuki_wasm.testing import hostile
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin

THREADS, CALLS = 16, 1_000
execute = WasmtimePlugin().akatsuki_execute
groups = ("state", "traps", "answers", "allocators", "panics", "batch", "stack")
# Those that only a deadline ends, or that copy for long, would fill the time; a few of the first are among them below.
chosen = [case for case in hostile.cases(*groups) if case.thread_kib is None and "millions" not in case.name
          and "multiply" not in case.name and case.limits.timeout_ms >= 1000 and "mib" not in case.name]
slow = [case for case in hostile.cases("time") if case.name in ("loop", "memory-fill", "loop-in-the-allocator")]
problems, counted = [], collections.Counter()
for case in (hostile.GOOD, *chosen):
    case.module

def work(number):
    draw = random.Random(number)
    for turn in range(CALLS):
        if turn % 500 == number:
            case = draw.choice(slow)
        else:
            case = hostile.GOOD if draw.random() < 0.6 else draw.choice(chosen)
        if case is hostile.GOOD:
            n = draw.randrange(1_000_000)
            got = execute(case.module, Call("f", (n,)), case.limits, Control()).value
            if got != 2 * n:
                problems.append(f"good: {got} for {n}")
        else:
            outcome = hostile.run_case(execute, case)
            # How late an answer is says nothing here, with sixteen threads on a machine of two cores.
            if outcome.problem and "it took" not in outcome.problem:
                problems.append(f"{case.name}: {outcome.problem}")
        counted[case.group] += 1

threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({"calls": sum(counted.values()), "good": counted["good"], "problems": problems[:20]}))
"""


def test_sixteen_threads_of_a_thousand_calls() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, f"ended with {run.returncode}: {run.stderr[-2000:]}"
    found = json.loads(run.stdout)
    assert found["problems"] == []
    assert found["calls"] == 16_000
    assert found["good"] > 8_000


SMALL = """
import threading
from akatsuki_wasm.contracts import Control, Limits
from akatsuki_wasm.testing.hostile_case import GOOD
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin
threading.stack_size(32 * 1024)
work = lambda: print(WasmtimePlugin().akatsuki_execute(GOOD.module, GOOD.call, Limits(), Control()).value)
for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


def test_the_first_execution_of_a_process_may_be_on_the_smallest_thread() -> None:
    """Its libraries are imported then, which takes more than such a stack has."""
    run = subprocess.run([sys.executable, "-c", SMALL], capture_output=True, text=True, timeout=120, check=False)
    assert (run.stdout, run.stderr, run.returncode) == ("42\n42\n", "", 0)
