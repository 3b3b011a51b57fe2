"""Threads, forks, the clock's sleep, and a clean exit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm.contracts import Call, Limits
from akatsuki_wasm.errors import ExecutionTimeout
from akatsuki_wasm.sandbox.base import SandboxConfig
from akatsuki_wasm.sandbox.engine import SLOTS, process_engine
from akatsuki_wasm.sandbox.sandbox import Sandbox, process_sandbox

ECHO = guest(
    ALLOCATOR
    + """(func (export "same") (param i32 i32) (result i32)
      (i32.store (i32.const 64) (local.get 0)) (i32.store (i32.const 68) (local.get 1)) (i32.const 64))
    (func (export "spin") (loop $on (br $on)))""",
    function("same", "text: string", "string"),
    function("spin"),
)


def test_many_threads_at_once(sandbox: Sandbox) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(200):
            text = f"{number}-{turn}" * 20
            got = sandbox.execute(ECHO, Call("same", (text,))).value
            if got != text:
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_more_threads_than_slots_wait_for_one(sandbox: Sandbox) -> None:
    kinds: list[type] = []

    def work() -> None:
        try:
            sandbox.execute(ECHO, Call("spin"), Limits(timeout_ms=200))
        except ExecutionTimeout as exc:
            kinds.append(type(exc))

    threads = [threading.Thread(target=work) for _ in range(SLOTS + 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds == [ExecutionTimeout] * (SLOTS + 8)


def test_the_clock_sleeps_when_nothing_executes(sandbox: Sandbox) -> None:
    sandbox.execute(ECHO, Call("same", ("a",)))
    clock = process_engine().clock
    assert clock.ticking
    deadline = time.monotonic() + 10
    while clock.ticking and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not clock.ticking
    with pytest.raises(ExecutionTimeout):
        sandbox.execute(ECHO, Call("spin"), Limits(timeout_ms=100))


def test_one_sandbox_for_each_configuration() -> None:
    assert process_sandbox(SandboxConfig(cache_size=3)) is process_sandbox(SandboxConfig(cache_size=3))
    assert process_sandbox() is not process_sandbox(SandboxConfig(cache_size=3))


FORKS = """
import os, sys, threading, time
sys.path.insert(0, "tests/sandbox")
from test_processes import ECHO
from akatsuki_wasm.contracts import Call, Limits
from akatsuki_wasm.errors import ExecutionTimeout
from akatsuki_wasm.sandbox.sandbox import Sandbox
box = Sandbox()
assert box.execute(ECHO, Call("same", ("parent",))).value == "parent"
spinner = threading.Thread(target=lambda: [box.execute(ECHO, Call("same", (str(n),))) for n in range(3000)])
spinner.start()
for n in range(5):
    child = os.fork()
    if child == 0:
        ok = box.execute(ECHO, Call("same", ("child",))).value == "child"
        try:
            box.execute(ECHO, Call("spin"), Limits(timeout_ms=100))
        except ExecutionTimeout:
            os._exit(0 if ok else 3)
        os._exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
spinner.join()
print(box.execute(ECHO, Call("same", ("parent",))).value)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_executes_too() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (run.stdout.split(), run.stderr) == (["0"] * 5 + ["parent"], "")


def test_a_process_ends_at_once_with_a_guest_still_running() -> None:
    program = """
import sys, threading
sys.path.insert(0, "tests/sandbox")
from test_processes import ECHO
from akatsuki_wasm.contracts import Call, Limits
from akatsuki_wasm.sandbox.sandbox import Sandbox
box = Sandbox()
box.execute(ECHO, Call("same", ("a",)))
threading.Thread(target=lambda: box.execute(ECHO, Call("spin"), Limits(timeout_ms=30000)), daemon=True).start()
"""
    started = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert time.perf_counter() - started < 15
