"""A batch on several threads: order, the first failure, progress, cancellation, interrupts, the deadline."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm.contracts import BatchCall, BatchValue, Call, Column, Control, ExecutionResult, Limits
from akatsuki_wasm.errors import ArgumentError, ExecutionCancelled, ExecutionTimeout, FuelLimitError, GuestTrap
from akatsuki_wasm.sandbox.batch.feed import CHUNK_ROWS, FIRST_ROWS, LEAST_CHUNK_ROWS, Feed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.sandbox.sandbox import Sandbox

TWICE = guest(
    ALLOCATOR
    + """
    (func (export "twice") (param f64) (result f64) (f64.add (local.get 0) (local.get 0)))
    (func (export "akatsuki:batch/twice") (param $f i32)
      (local $row i32) (local $turns i32) (local $x f64)
      (block $done (loop $rows
        (br_if $done (i32.ge_u (local.get $row) (i32.load (local.get $f))))
        (local.set $x (f64.load (i32.add (i32.load offset=32 (local.get $f)) (i32.shl (local.get $row) (i32.const 3)))))
        (local.set $turns (i32.const 2000))
        (loop $wait
          (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
          (br_if $wait (local.get $turns)))
        (if (f64.eq (local.get $x) (f64.const -1)) (then unreachable))
        (if (f64.eq (local.get $x) (f64.const -2))
          (then (drop (i32.div_u (i32.const 1) (local.get $turns)))))
        (f64.store (i32.add (i32.load offset=8 (local.get $f)) (i32.shl (local.get $row) (i32.const 3)))
          (f64.add (local.get $x) (local.get $x)))
        (i32.store8 (i32.add (i32.load offset=12 (local.get $f)) (local.get $row)) (i32.const 1))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $rows)))
      (i32.store offset=24 (local.get $f) (i32.const 0)))
    """,
    function("twice", "x: f64", "f64", batch="akatsuki:batch/twice"),
)
"""Takes about a microsecond for each row; a row of -1 traps, and so does one of -2, in another way."""
ROWS = 300_000


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [each.name for each in threading.enumerate() if each.name.startswith("akatsuki-batch")] == []


def run(
    sandbox: Sandbox, values: Any, threads: int | None = None, control: Control | None = None, timeout_ms: int = 30_000
) -> ExecutionResult:
    call = BatchCall("twice", (Column(values),), len(values), threads)
    return sandbox.execute(TWICE, call, Limits(timeout_ms=timeout_ms), control)


class Seen:
    """A column that notes which threads read it."""

    def __init__(self, values: Any) -> None:
        self.values, self.threads = values, set()

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int) -> Column:
        self.threads.add(threading.current_thread().name)
        return Column(self.values[start:stop])


def test_rows_keep_their_order_on_several_threads(sandbox: Sandbox) -> None:
    values = np.arange(float(ROWS))
    shared = Seen(values)
    assert np.array_equal(run(sandbox, shared, 4).value.values, values * 2)
    here, workers = threading.current_thread().name, {f"akatsuki-batch-{index}" for index in range(4)}
    assert here in shared.threads  # for the first rows
    assert len(shared.threads & workers) > 1
    assert shared.threads <= {here} | workers


def test_one_thread_where_no_more_are_wanted_or_worth_it(sandbox: Sandbox) -> None:
    for rows, most in ((ROWS, 1), (500, 4)):
        alone = Seen(np.arange(float(rows)))
        assert run(sandbox, alone, most).value.values[-1] == 2 * (rows - 1)
        assert alone.threads == {threading.current_thread().name}


def test_guest_memory_does_not_grow_with_the_rows(sandbox: Sandbox) -> None:
    """Not even one of the two columns is there as a whole."""
    assert run(sandbox, np.ones(ROWS), 1).memory_used_bytes < 8 * ROWS


def test_the_error_is_that_of_the_first_row(sandbox: Sandbox) -> None:
    values = np.ones(ROWS)
    values[150_000] = -2
    values[150_001::5000] = -1
    for _ in range(5):
        with pytest.raises(GuestTrap, match=r"^twice trapped: integer division by zero$"):
            run(sandbox, values, 4)
    assert sandbox.execute(TWICE, Call("twice", (1.0,))).value == 2.0


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_is_told_on_the_callers_thread(sandbox: Sandbox, threads: int) -> None:
    told: list[tuple[int, int]] = []
    where = set()

    def progress(done: int, rows: int) -> None:
        told.append((done, rows))
        where.add(threading.current_thread())

    run(sandbox, np.ones(ROWS), threads, Control(progress))
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == (ROWS, ROWS)
    assert where == {threading.current_thread()}


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_the_progress_callback_ends_the_batch(sandbox: Sandbox, threads: int) -> None:
    def progress(done: int, rows: int) -> None:
        if done > 50_000:
            raise LookupError("enough")

    with pytest.raises(LookupError, match=r"^enough$"):
        run(sandbox, np.ones(10 * ROWS), threads, Control(progress))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_is_cancelled_from_another_thread(sandbox: Sandbox, threads: int) -> None:
    control = Control()
    timer = threading.Timer(0.1, control.cancel)
    timer.start()
    with pytest.raises(ExecutionCancelled, match=r"^twice was cancelled$"):
        run(sandbox, np.ones(30 * ROWS), threads, control)
    timer.join()


@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_ends_the_batch_and_leaves_the_sandbox_usable(sandbox: Sandbox, threads: int) -> None:
    main = threading.main_thread().ident or 0
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(sandbox, np.ones(30 * ROWS), threads)
    timer.join()
    assert run(sandbox, np.ones(10)).value.values.tolist() == [2.0] * 10


@pytest.mark.parametrize("threads", [1, 3])
def test_the_deadline_is_for_all_threads_together(sandbox: Sandbox, threads: int) -> None:
    with pytest.raises(ExecutionTimeout, match=r"^twice ran past its limit of 200 ms$"):
        run(sandbox, np.ones(30 * ROWS), threads, timeout_ms=200)


def test_a_batch_with_a_fuel_limit_takes_the_same_fuel_every_time(sandbox: Sandbox) -> None:
    call = BatchCall("twice", (Column(np.ones(ROWS)),), ROWS, 4)
    limits = Limits(timeout_ms=30_000, fuel=10**12)
    used = {sandbox.execute(TWICE, call, limits).fuel_used for _ in range(3)}
    assert len(used) == 1
    with pytest.raises(FuelLimitError):
        sandbox.execute(TWICE, call, Limits(timeout_ms=30_000, fuel=(used.pop() or 0) // 2))


def test_threads_must_be_one_or_more(sandbox: Sandbox) -> None:
    with pytest.raises(ArgumentError, match=r"^threads is 0: expected 1 or more$"):
        run(sandbox, np.ones(2), 0)


def test_batches_of_several_threads_at_once(sandbox: Sandbox) -> None:
    found: list[BatchValue] = []
    values = np.arange(100_000.0)
    callers = [threading.Thread(target=lambda: found.append(run(sandbox, values, 4).value)) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 6
    assert all(np.array_equal(each.values, values * 2) for each in found)


def test_the_feed_hands_out_every_row_once() -> None:
    feed = Feed(1_000_000, 48)
    taken = [feed.take()]
    feed.share(3)
    while taken[-1] is not None:
        feed.finish(taken[-1], 1e-7 * len(taken[-1]), 1e-7 * len(taken[-1]))
        taken.append(feed.take())
    ranges = [each for each in taken if each is not None]
    assert [row for each in ranges for row in (each.start, each.stop)][1:-1:2] == [each.start for each in ranges[1:]]
    assert (ranges[0].start, len(ranges[0]), ranges[-1].stop) == (0, FIRST_ROWS, 1_000_000)
    assert max(map(len, ranges)) == 64 * 1024
    assert len(ranges[-2]) < 64 * 1024  # the end is shared out in smaller parts
    assert feed.done == 1_000_000


def test_wide_rows_are_handed_out_in_smaller_numbers() -> None:
    sizes = []
    for row_bytes in (8, 48, 1000):
        feed = Feed(1_000_000, row_bytes)
        first = feed.take()
        assert first is not None
        feed.finish(first, 0, 0)
        sizes.append(len(feed.take() or ()))
    assert sizes == [CHUNK_ROWS, 64 * 1024, LEAST_CHUNK_ROWS]


def test_cheap_rows_are_not_shared() -> None:
    feed = Feed(10_000_000, 24)
    first = feed.take()
    assert first is not None
    assert not feed.worth_sharing  # nothing is known yet
    feed.finish(first, 0, 1e-8 * len(first))  # looks dearer than it is, as nothing is in the caches
    assert not feed.worth_sharing
    second = feed.take()
    assert second is not None
    feed.finish(second, 0, 1e-9 * len(second))
    assert not feed.worth_sharing
    feed.finish(second, 0, 1e-8 * len(second))
    assert feed.worth_sharing


def test_slow_rows_are_handed_out_in_small_numbers() -> None:
    feed = Feed(1_000_000, 48)
    first = feed.take()
    assert first is not None
    feed.finish(first, 0.001 * len(first), 0)
    second = feed.take()
    assert second is not None
    assert len(second) == 20
    feed.stop()
    assert feed.take() is None
