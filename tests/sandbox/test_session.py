"""Sessions: direct calls on an instance that stays agree with executions, and fail and end as they do."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm.contracts import Call, Control, Limits
from akatsuki_wasm.errors import (
    ArgumentError,
    ExecuteError,
    ExecutionCancelled,
    ExecutionTimeout,
    FunctionNotFoundError,
    GuestTrap,
)
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

CORE = {"s64": "i64", "u64": "i64", "f32": "f32", "f64": "f64"}
TYPES = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "bool", "char"]
IDENTITIES = guest(
    "".join(
        f'(func (export "same-{type_}") (param $x {(core := CORE.get(type_, "i32"))}) (result {core}) (local.get $x))'
        for type_ in TYPES
    ),
    *(function(f"same_{type_}", f"x: {type_}", type_) for type_ in TYPES),
)
WORK = guest(
    ALLOCATOR
    + """(global $seen (mut i32) (i32.const 0))
    (func (export "count") (param i32) (result i32)
      (local $n i32)
      (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
      (loop $on (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $n) (local.get 0))))
      (local.get $n))
    (func (export "spin") (loop $on (br $on)))
    (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func (export "text") (param i32 i32))
    (func $deep (export "deep") (param i64) (result i64)
      (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))""",
    function("count", "n: u32", "u32"),
    function("spin"),
    function("divide", "a: s32; b: s32", "s32"),
    function("text", "text: string"),
    function("deep", "n: s64", "s64"),
)
VALUES = st.one_of(
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.booleans(),
    st.characters(codec="utf-8"),
    st.sampled_from([None, "ab", "", -128, 255, 256, 65535, 2**31, 2**32 - 1, 2**63, 2**64 - 1, -(2**63), b"a"]),
)
SANDBOX = Sandbox()


def outcome(call: Callable[[], Any]) -> tuple[str, str]:
    try:
        return "value", repr(call())
    except ArgumentError as exc:
        return str(exc), exc.hint


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(TYPES), VALUES)
def test_a_direct_call_gives_what_an_execution_gives(type_: str, value: Any) -> None:
    name = f"same_{type_}"
    with SANDBOX.session(IDENTITIES) as session:
        same = session.function(name)
        expected = outcome(lambda: SANDBOX.execute(IDENTITIES, Call(name, (value,))).value)
        assert outcome(lambda: same(value)) == expected
        assert outcome(lambda: same(value)) == expected


def test_functions_are_found_by_either_name_and_kept(sandbox: Sandbox) -> None:
    with sandbox.session(IDENTITIES) as session:
        assert session.function("same-u8") is session.function("same_u8")
        with pytest.raises(FunctionNotFoundError, match=r"^there is no function 'sam_u8'"):
            session.function("sam_u8")
        with pytest.raises(TypeError):
            session.function("same_u8")(1, 2)


def test_a_trap_is_an_error_and_the_next_call_works(sandbox: Sandbox) -> None:
    with sandbox.session(WORK) as session:
        divide = session.function("divide")
        for _ in range(3):
            assert divide(7, 2) == 3
            with pytest.raises(GuestTrap, match=r"^divide trapped: integer division by zero"):
                divide(7, 0)


def test_recursion_ends_in_a_trap(sandbox: Sandbox) -> None:
    with sandbox.session(WORK) as session:
        deep = session.function("deep")
        for _ in range(2):
            with pytest.raises(GuestTrap) as caught:
                deep(1)
            assert caught.value.kind == "stack_overflow"


@pytest.mark.parametrize("kilobytes", [64, 1024])
def test_on_a_thread_with_a_small_stack(sandbox: Sandbox, kilobytes: int) -> None:
    """Direct calls there would crash the process: they are sliced ones, with the same answers."""
    found: list[Any] = []

    def run() -> None:
        with sandbox.session(WORK) as session:
            found.append(session.function("count")(5))
            try:
                session.function("deep")(1)
            except GuestTrap as trap:
                found.append(trap.kind)
            with pytest.raises(ArgumentError):
                session.function("count")(-1)

    before = threading.stack_size(kilobytes * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found == [5, "stack_overflow"]


def test_a_call_that_outlasts_its_slice_is_made_whole(sandbox: Sandbox) -> None:
    with sandbox.session(WORK, Limits(timeout_ms=30_000)) as session:
        count = session.function("count")
        assert count(400_000_000) == 400_000_000
        assert count(10) == 10


def test_many_calls_go_on_over_many_slices(sandbox: Sandbox) -> None:
    """Each slice ends in a trap, and none of them is seen."""
    with sandbox.session(WORK) as session:
        count = session.function("count")
        until = time.monotonic() + 0.5
        calls = 0
        while time.monotonic() < until:
            assert count(1000) == 1000
            calls += 1
        assert calls > 100


def test_deadline_and_cancellation(sandbox: Sandbox) -> None:
    with sandbox.session(WORK, Limits(timeout_ms=200)) as session:
        spin = session.function("spin")
        with pytest.raises(ExecutionTimeout, match=r"^spin ran past its limit of 200 ms$"):
            spin()
        assert session.function("count")(10) == 10
    control = Control()
    threading.Timer(0.2, control.cancel).start()
    with (
        sandbox.session(WORK, Limits(timeout_ms=30_000), control) as session,
        pytest.raises(ExecutionCancelled, match=r"^spin was cancelled$"),
    ):
        session.function("spin")()


def test_a_handler_that_raises_ends_a_direct_call(sandbox: Sandbox) -> None:
    class AlarmError(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with sandbox.session(WORK, Limits(timeout_ms=30_000)) as session, pytest.raises(AlarmError):
            session.function("spin")()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert process_engine().clock.active == 0


def test_one_session_does_not_see_another(sandbox: Sandbox) -> None:
    module = guest(
        """(global $n (mut i32) (i32.const 0))
        (func (export "next") (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))""",
        function("next", "", "s32"),
    )
    with sandbox.session(module) as first, sandbox.session(module) as second:
        assert [first.function("next")(), first.function("next")()] == [1, 2]
        assert second.function("next")() == 1
        assert sandbox.execute(module, Call("next")).value == 1


def test_what_a_session_refuses(sandbox: Sandbox) -> None:
    with sandbox.session(WORK) as session:
        with pytest.raises(ArgumentError, match=r"^text takes or gives more than numbers, bools and chars$"):
            session.function("text")
        count = session.function("count")
        caught: list[str] = []

        def elsewhere() -> None:
            try:
                count(1)
            except ExecuteError as exc:
                caught.append(str(exc))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert caught == ["count is called on another thread than the one that its session was opened on"]
    with pytest.raises(ExecuteError, match=r"^the session of count is closed$"):
        count(1)
    assert process_engine().clock.active == 0
