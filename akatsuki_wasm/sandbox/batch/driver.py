"""The batch lane: one function over whole columns, in chunks through reused buffers of an instance for each thread.

The guest's loop is the export ``akatsuki:batch/<name>``, which gets the address of a frame of u32 words::

    [0] rows   [1] mask   [2] output values, or offsets of strings   [3] output validity
    [4] [5] string data and its length, written by the guest   [6] [7] failed rows and their records, likewise
    then for each parameter   [+0] values   [+1] string offsets   [+2] option's validity   [+3] 1 column, 0 broadcast

A function of plain scalars without that export (a plain module) is called row by row.

The first few thousand rows are computed by the caller's thread, which shows what a row takes. Where the rest is worth
it, threads share it, each with an instance of its own; the caller waits, reports progress and can be interrupted.
"""

from __future__ import annotations

import math
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.sandbox.batch.columns import host_column
from akatsuki_wasm.sandbox.batch.feed import CHUNK_S, Feed
from akatsuki_wasm.sandbox.batch.lanes import GuestLane, RowLane
from akatsuki_wasm.sandbox.batch.output import Output
from akatsuki_wasm.sandbox.batch.workers import Workers
from akatsuki_wasm.sandbox.instance import Instance
from akatsuki_wasm.sandbox.scalars import DTYPES, Mismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import BatchCall, BatchValue, Control, Function, Limits
    from akatsuki_wasm.sandbox.batch.lanes import Lane, MakeInstance
    from akatsuki_wasm.sandbox.plans import CallPlan
    from akatsuki_wasm.sandbox.watch import Watch

MAX_THREADS = 32
"""Half of the instances that a process may have at once: a batch leaves room for other callers."""


def run(
    plan: CallPlan,
    make_instance: MakeInstance,
    call: BatchCall,
    *,
    limits: Limits,
    watch: Watch,
    control: Control,
) -> BatchValue:
    """Applies the function to every row.

    Args:
        plan: Of the function.
        make_instance: Gives a fresh instance of a class for the calling thread.
        call: The columns.
        limits: Of the execution.
        watch: Says whether it may go on, which is asked before each chunk.
        control: Hears how far it is, on this thread. Cancelled where this thread is interrupted while others compute.

    Raises:
        ArgumentError: A column does not fit its parameter, or the function has no batch lane.
        ExecuteError: The guest trapped, or met a limit; the deadline is for the whole batch. Where several rows would
            fail it, the error is that of the first.
    """
    function = plan.function
    if len(call.columns) != len(function.params):
        raise plan.wrong_count(len(call.columns))
    result = _result_type(function)
    if result is None or (function.batch is None and not _is_scalar(function)):
        raise _no_lane(plan)
    columns = []
    for index, (param, column) in enumerate(zip(function.params, call.columns, strict=True)):
        try:
            columns.append(host_column(param.type, column, call.rows))
        except Mismatch as mismatch:
            raise plan.refuse(index, mismatch) from mismatch
    output = Output(result, call.rows, plan.name, limits, call.max_errors)

    def make_lane() -> Lane:
        if function.batch is None:
            return RowLane(plan, make_instance, columns, output, limits)
        return GuestLane(plan, make_instance(Instance), columns, output, result)

    types = [param.type for param, each in zip(function.params, call.columns, strict=True) if not each.broadcast]
    # Fuel is the same on every machine only if the calls are.
    chunk_s, threads = (CHUNK_S, _threads(function, call)) if limits.fuel is None else (math.inf, 1)
    feed = Feed(call.rows, sum(map(_row_bytes, [*types, result])), chunk_s)
    _Batch(make_lane, lambda: watch.look(plan.name), control).run(feed, threads)
    return output.value()


def _no_lane(plan: CallPlan) -> ArgumentError:
    return ArgumentError(
        f"{plan.name} cannot be applied to columns: its types are not all numbers, bools, chars and strings",
        hint="call it once for each row",
    )


def _result_type(function: Function) -> wit.Primitive | None:
    """The primitive that a row's result is, without its option or result; None where it is none."""
    result = function.result
    if isinstance(result, wit.Result):
        result = result.ok
    if isinstance(result, wit.Option):
        result = result.inner
    return result if isinstance(result, wit.Primitive) else None


def _is_scalar(function: Function) -> bool:
    """Whether every row can be called without guest memory."""
    types = [param.type for param in function.params] + [function.result]
    return bool(function.params) and all(isinstance(each, wit.Primitive) and each != wit.STRING for each in types)


def _row_bytes(type_: wit.Type) -> int:
    """What a row takes in the guest; of a text, what one of common length does."""
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    return 32 if inner == wit.STRING else DTYPES[str(inner)].itemsize


def _threads(function: Function, call: BatchCall) -> int:
    """How many threads may compute. Calls for each row spend their time in Python, where threads only wait."""
    if call.threads is not None and call.threads < 1:
        raise ArgumentError(f"threads is {call.threads}: expected 1 or more", hint="leave it out for all cores")
    if function.batch is None:
        return 1
    return min(MAX_THREADS, cores() if call.threads is None else call.threads)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Batch:
    """One batch under way."""

    def __init__(self, make_lane: Callable[[], Lane], look: Callable[[], None], control: Control) -> None:
        self._make_lane, self._look, self._control = make_lane, look, control
        self._failures: list[tuple[int, BaseException]] = []

    def run(self, feed: Feed, threads: int) -> None:
        with closing(self._make_lane()) as lane:
            while threads == 1 or not feed.worth_sharing:
                found = feed.take()
                if found is None:
                    return
                self._compute(feed, found, lane)
                self._report(feed)
        self._share(feed, threads)

    def _share(self, feed: Feed, threads: int) -> None:
        feed.share(threads)
        workers = Workers(lambda: self._work(feed, workers))
        try:
            workers.run(threads, None if self._control.progress is None else lambda: self._report(feed))
        except BaseException:
            feed.stop()
            self._control.cancel()
            raise
        finally:
            workers.join()
        # A thread that waited in vain for one of the process's instances does not matter where the others did all rows.
        if feed.done < feed.rows:
            raise min(self._failures, key=lambda failure: failure[0])[1]

    def _work(self, feed: Feed, workers: Workers) -> None:
        """What each thread does: takes rows until none are left. The first failure ends all of them."""
        place = feed.rows
        try:
            with closing(self._make_lane()) as lane:
                while (found := feed.take()) is not None:
                    place = found.start
                    self._compute(feed, found, lane)
                    if self._control.progress is not None:
                        workers.tell()
        except BaseException as exc:  # noqa: BLE001 - handed to the thread that waits, which raises it
            feed.stop()
            self._failures.append((place, exc))

    def _compute(self, feed: Feed, rows: range, lane: Lane) -> None:
        self._look()
        started, guest_s = time.perf_counter(), lane.guest_s
        lane.compute(rows.start, rows.stop)
        feed.finish(rows, time.perf_counter() - started, lane.guest_s - guest_s)

    def _report(self, feed: Feed) -> None:
        if self._control.progress is not None:
            self._control.progress(feed.done, feed.rows)
