"""A running guest is stopped: by who waits for it, by another thread, by a signal. The process stays usable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm.contracts import Call, Control, Limits
from akatsuki_wasm.errors import ExecutionCancelled, FuelLimitError
from akatsuki_wasm.sandbox.engine import process_engine

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import ExecutableModule
    from akatsuki_wasm.sandbox.sandbox import Sandbox

SPIN = guest(
    """(func (export "spin") (loop $on (br $on)))
    (func (export "count") (param i32) (result i32)
      (local $n i32)
      (loop $on (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $n) (local.get 0))))
      (local.get $n))""",
    function("spin"),
    function("count", "n: u32", "u32"),
)
STARTS = guest('(func $spin (loop $on (br $on))) (start $spin) (func (export "f"))', function("f"))
ALLOCATES = guest(
    """(memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $on (br $on)) (i32.const 8))
    (func (export "f") (param i32 i32))""",
    function("f", "text: string"),
)
LONG = Limits(timeout_ms=30_000)


@pytest.mark.parametrize(
    ("module", "call"),
    [(SPIN, Call("spin")), (STARTS, Call("f")), (ALLOCATES, Call("f", ("a",)))],
    ids=["a function", "a start function", "cabi_realloc"],
)
def test_cancel_from_another_thread(sandbox: Sandbox, module: ExecutableModule, call: Call) -> None:
    control = Control()
    threading.Timer(0.2, control.cancel).start()
    started = time.monotonic()
    with pytest.raises(ExecutionCancelled, match=rf"^{call.function} was cancelled$") as caught:
        sandbox.execute(module, call, LONG, control)
    assert time.monotonic() - started < 10, "it ran to its time limit"
    assert caught.value.hint == "start it again if you still want its result"
    assert sandbox.execute(SPIN, Call("count", (10,))).value == 10


def test_one_control_ends_all_its_executions_and_no_other(sandbox: Sandbox) -> None:
    control, other = Control(), Control()
    ended: list[str] = []

    def work(mine: Control, name: str) -> None:
        with pytest.raises(ExecutionCancelled):
            sandbox.execute(SPIN, Call("spin"), LONG, mine)
        ended.append(name)

    threads = [threading.Thread(target=work, args=(control, "first")) for _ in range(3)]
    spared = threading.Thread(target=work, args=(other, "spared"))
    for thread in (*threads, spared):
        thread.start()
    time.sleep(0.2)
    control.cancel()
    for thread in threads:
        thread.join()
    assert ended == ["first"] * 3
    assert spared.is_alive()
    other.cancel()
    spared.join()


def test_a_control_that_was_cancelled_before_ends_what_runs_long_enough_to_look(sandbox: Sandbox) -> None:
    control = Control()
    control.cancel()
    with pytest.raises(ExecutionCancelled):
        sandbox.execute(SPIN, Call("spin"), LONG, control)


def test_a_handler_that_raises_ends_the_guest(sandbox: Sandbox) -> None:
    """As Ctrl-C does, and as the alarm of a test runner does."""

    class AlarmError(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        for module, call in [(SPIN, Call("spin")), (STARTS, Call("f")), (ALLOCATES, Call("f", ("a",)))]:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            started = time.monotonic()
            with pytest.raises(AlarmError):
                sandbox.execute(module, call, LONG)
            assert time.monotonic() - started < 10
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert process_engine().clock.active == 0
    assert sandbox.execute(SPIN, Call("count", (10,))).value == 10


def test_a_handler_may_execute_something_itself(sandbox: Sandbox) -> None:
    """Between two slices a signal handler is ordinary Python: its execution must not disturb the one under way."""
    inner: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: inner.append(sandbox.execute(SPIN, Call("count", (123,))).value))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        assert sandbox.execute(SPIN, Call("count", (400_000_000,)), LONG).value == 400_000_000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert inner
    assert set(inner) == {123}


MANY = """
import os, signal, sys, threading, time
sys.path.insert(0, "tests/sandbox")
from test_interrupt import SPIN, LONG
from akatsuki_wasm.contracts import Call
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.sandbox import Sandbox
box = Sandbox()
box.execute(SPIN, Call("count", (10,)))
caught = 0
for turn in range(100):
    try:
        threading.Timer(0.002 + 0.0007 * turn, os.kill, (os.getpid(), signal.SIGINT)).start()
        box.execute(SPIN, Call("spin"), LONG)
    except KeyboardInterrupt:
        caught += 1
for _ in range(2000):
    assert box.execute(SPIN, Call("count", (10,))).value == 10
print(caught, process_engine().clock.active)
"""


def test_a_hundred_interrupts_lose_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=120, env=os.environ)
    assert (done.stdout, done.stderr) == ("100 0\n", "")


def test_fuel_is_the_same_every_time(sandbox: Sandbox) -> None:
    call = Call("count", (1000,))
    first, second = (sandbox.execute(SPIN, call, Limits(fuel=1_000_000)).fuel_used for _ in range(2))
    assert first == second
    assert first is not None
    assert 1000 < first < 100_000
    assert sandbox.execute(SPIN, call).fuel_used is None
    assert sandbox.execute(SPIN, call, Limits(fuel=first)).value == 1000
    with pytest.raises(FuelLimitError, match=rf"^count used up its fuel of {first // 2:,}$"):
        sandbox.execute(SPIN, call, Limits(fuel=first // 2))


def test_the_bill_is_complete(sandbox: Sandbox) -> None:
    module = guest(
        ALLOCATOR
        + """(func (export "f") (drop (memory.grow (i32.const 30))) (call $busy))
        (func $busy (local $n i32) (loop $on (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $on (i32.lt_u (local.get $n) (i32.const 10000000)))))""",
        function("f"),
    )
    first, second = (sandbox.execute(module, Call("f")) for _ in range(2))
    assert [first.cache_hit, second.cache_hit] == [False, True]
    for result in (first, second):
        assert result.memory_used_bytes == 32 * 65536
        assert 0 < result.instantiation_time_ms < result.total_time_ms
        assert 1 < result.execution_time_ms < result.total_time_ms
