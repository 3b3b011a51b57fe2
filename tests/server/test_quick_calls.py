"""Which functions are tried on the event loop: those that proved quick, for long not those that broke their word."""

from __future__ import annotations

from akatsuki_wasm.contracts import ExecutionResult, Limits
from akatsuki_wasm.server.quick_calls import LIMIT_MS, MAX_RESULT_BYTES, PENALTY, PROOFS, QUICK_MS, QuickCalls

QUICK = ExecutionResult(1, 0.01, 0, cache_hit=True), QUICK_MS / 2
TIRED = ExecutionResult(1, 0.9, 0, cache_hit=True), QUICK_MS * 2
SLOW = ExecutionResult(1, 9.0, 0, cache_hit=True), 9.0
COLD = ExecutionResult(1, 0.01, 0, cache_hit=False), QUICK_MS / 2
FAILED = None, QUICK_MS / 2


def proved(calls: QuickCalls, digest: str = "a") -> int:
    """How many quick executions it takes until a function is tried on the event loop."""
    count = 0
    while not calls.expects(digest, "f"):
        calls.tell(digest, "f", *QUICK)
        count += 1
    return count


def test_a_function_must_be_quick_several_times_in_a_row() -> None:
    calls = QuickCalls(20)
    assert proved(calls) == PROOFS
    other = QuickCalls(20)
    for result in (QUICK, QUICK, SLOW, QUICK, COLD, QUICK, FAILED):
        other.tell("a", "f", *result)
        assert not other.expects("a", "f")
    assert proved(other) == PROOFS


def test_a_broken_promise_is_remembered_long() -> None:
    for result in (SLOW, FAILED, COLD):
        calls = QuickCalls(20)
        proved(calls)
        calls.tell("a", "f", *result)
        assert not calls.expects("a", "f")
        assert proved(calls) == PENALTY
    # Also when so many other modules were used that it is forgotten otherwise.
    calls = QuickCalls(2)
    proved(calls)
    calls.tell("a", "f", *SLOW)
    proved(calls, "b")
    assert proved(calls) == PENALTY


def test_a_pause_now_and_then_is_soon_forgiven() -> None:
    calls = QuickCalls(20)
    proved(calls)
    calls.tell("a", "f", *TIRED)
    assert proved(calls) == PROOFS


def test_a_module_that_may_have_left_the_cache_must_prove_itself_again() -> None:
    calls = QuickCalls(4)
    proved(calls, "a")
    proved(calls, "b")
    assert calls.expects("a", "f")
    proved(calls, "c")
    assert not calls.expects("a", "f")


def test_only_what_the_guest_cannot_notice_is_limited_more() -> None:
    limits = QuickCalls(20).limits(Limits(5000, 1 << 30, 1 << 29, None))
    assert limits == Limits(LIMIT_MS, 1 << 30, MAX_RESULT_BYTES, None)
