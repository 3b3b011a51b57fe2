"""The repositories of executions and generations: recording, who sees what, figures."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_kit import ADMIN, BOB, EVE

from akatsuki_wasm.errors import NotFoundError, PermissionDeniedError, StorageError
from akatsuki_wasm.registry import retention
from akatsuki_wasm.registry.execution_rows import MAX_TEXT_CHARS

if TYPE_CHECKING:
    from uuid import UUID

    from registry_kit import Bench


def test_an_execution_is_recorded_with_all_of_its_facts(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    when = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    made = executions.record(
        stored,
        "add",
        status="success",
        execution_time_ms=1.25,
        memory_used_bytes=131_072,
        cache_hit=True,
        input_summary={"a": 1},
        output_summary="2",
        executed_at=when,
    )
    (row,) = executions.list_own()
    assert (row.id, row.module_id, row.executor_id) == (made, stored.id, BOB.id)
    assert (row.module_name, row.module_version, row.function_name) == ("tool", "1.0.0", "add")
    assert (row.status, row.error_message, row.cache_hit) == ("success", None, True)
    assert (row.execution_time_ms, row.memory_used_bytes) == (1.25, 131_072)
    assert (row.input_summary, row.output_summary, row.executed_at) == ({"a": 1}, "2", when)


def test_a_guests_long_error_is_clipped(bench: Bench) -> None:
    executions = bench.registry.executions(BOB)
    executions.record(None, "f", status="error", execution_time_ms=0, error_message="\0" + "x" * 10_000)
    (row,) = executions.list_own()
    assert row.error_message == "\N{REPLACEMENT CHARACTER}" + "x" * (MAX_TEXT_CHARS - 2) + "…"


def test_history_is_newest_first_and_limited(bench: Bench) -> None:
    executions = bench.registry.executions(BOB)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for minute in (3, 1, 2):
        executions.record(
            None, f"f{minute}", status="success", execution_time_ms=1, executed_at=start + timedelta(minutes=minute)
        )
    assert [row.function_name for row in executions.list_recent(limit=2)] == ["f3", "f2"]


def test_history_outlives_its_module_and_a_module_deleted_meanwhile(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    executions.record(stored, "before", status="success", execution_time_ms=1)
    bench.registry.modules(BOB).delete(stored.id)
    executions.record(stored, "after", status="success", execution_time_ms=1)
    assert [(row.function_name, row.module_id, row.module_name) for row in executions.list_own()] == [
        ("after", None, None),
        ("before", None, None),
    ]


def test_who_sees_which_executions(bench: Bench) -> None:
    stored = bench.store(BOB, "tool", is_public=True)
    bench.registry.executions(BOB).record(stored, "by_bob", status="success", execution_time_ms=1)
    bench.registry.executions(EVE).record(stored, "by_eve", status="error", execution_time_ms=2)
    for user, seen in ((BOB, {"by_bob"}), (EVE, {"by_eve"}), (ADMIN, {"by_bob", "by_eve"})):
        executions = bench.registry.executions(user)
        assert {row.function_name for row in executions.list_by_module(stored)} == seen
        assert {row.function_name for row in executions.list_by_module(stored.id)} == seen
        assert {row.function_name for row in executions.list_recent()} == seen
    assert bench.registry.executions(ADMIN).list_own() == []
    assert [bench.registry.executions(user).stats(stored).count for user in (BOB, EVE, ADMIN)] == [2, 1, 2]


def test_figures_of_a_module(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    empty = executions.stats(stored)
    assert (empty.count, empty.success_rate, empty.p50_ms, empty.p95_ms) == (0, None, None, None)
    for time in range(1, 21):
        executions.record(stored, "f", status="success", execution_time_ms=time)
    for status in ("error", "error", "error", "timeout", "timeout"):
        executions.record(stored, "f", status=status, execution_time_ms=9999)  # type: ignore[arg-type] # literals
    stats = executions.stats(stored)
    assert (stats.count, stats.success_rate) == (25, 0.8)
    assert stats.by_status == {"success": 20, "error": 3, "timeout": 2}
    assert (stats.p50_ms, stats.p95_ms) == (10, 19)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_the_median_is_the_lower_median(bench: Bench, times: list[float]) -> None:
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    for time in times:
        executions.record(stored, "f", status="success", execution_time_ms=time)
    assert executions.stats(stored).p50_ms == statistics.median_low(times)


def test_figures_of_an_unreadable_module_are_those_of_an_absent_one(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    for wanted in (stored.id, uuid4()):
        with pytest.raises(NotFoundError) as caught:
            bench.registry.executions(EVE).stats(wanted)
        assert str(caught.value) == f"there is no module with the id {wanted}"


def test_what_is_no_json_is_one_line(bench: Bench) -> None:
    with pytest.raises(StorageError) as caught:
        bench.registry.executions(BOB).record(None, "f", status="success", execution_time_ms=1, input_summary={1j})
    assert "\n" not in str(caught.value)
    assert "is not JSON serializable" in str(caught.value)


def test_a_generation_is_recorded_and_private(bench: Bench) -> None:
    generations = bench.registry.generations(BOB)
    made = generations.record(
        "ビンテージ風フィルターを作って",
        generator="offline",
        status="success",
        seconds=1.5,
        source_name="vintage-filter",
        attempts=[{"diagnostics": [], "seconds": 0.5}],
        usage={"tokens": 12},
    )
    failed = generations.record("nonsense", generator="offline", status="error", seconds=0.1, error_message="no match")
    assert [row.id for row in generations.list()] == [failed.id, made.id]
    assert [row.id for row in generations.list(limit=1)] == [failed.id]
    found = bench.registry.generations(ADMIN).get(made.id)
    assert (found.prompt, found.attempts, found.usage, found.seconds) == (
        "ビンテージ風フィルターを作って",
        [{"diagnostics": [], "seconds": 0.5}],
        {"tokens": 12},
        1.5,
    )
    assert bench.registry.generations(EVE).list() == []
    with pytest.raises(NotFoundError) as caught:
        bench.registry.generations(EVE).get(made.id)
    assert str(caught.value) == f"there is no generation with the id {made.id}"


def test_errors_are_counted_by_kind(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    for status, code in (
        ("success", "of no matter"),
        ("error", "guest-trap"),
        ("error", "guest-trap"),
        ("error", None),
        ("timeout", "timeout"),
        ("timeout", None),
    ):
        executions.record(stored, "f", status=status, execution_time_ms=1, error_code=code)  # type: ignore[arg-type] # literals
    stats = executions.stats(stored)
    assert stats.by_status == {"success": 1, "error": 3, "timeout": 2}
    assert stats.errors == {"guest-trap": 2, "error": 1, "timeout": 2}
    assert [row.error_code for row in executions.list_own(status="success")] == [None]


def test_percentiles_are_of_the_newest_executions(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("akatsuki_wasm.registry.executions.PERCENTILES_OF", 3)
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for minute, time in enumerate((1000, 1, 2, 3)):
        when = start + timedelta(minutes=minute)
        executions.record(stored, "f", status="success", execution_time_ms=time, executed_at=when)
    stats = executions.stats(stored)
    assert (stats.count, stats.p50_ms, stats.p95_ms) == (4, 2, 3)


def test_pages_meet_every_row_once_while_others_come_and_go(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    executions = bench.registry.executions(BOB)
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def record(number: int) -> UUID:
        when = start + timedelta(seconds=number // 3)  # several at one time
        status: Any = ("success", "error")[number % 2]
        return executions.record(stored, "f", status=status, execution_time_ms=1, executed_at=when)

    made = [record(number) for number in range(20)]
    for only, wanted in ((None, made), ("error", made[1::2])):
        for read in (executions.list_own, executions.list_recent, partial(executions.list_by_module, stored)):
            found: list[UUID] = []
            after = None
            while page := read(limit=3, status=only, after=after):
                found += [row.id for row in page]
                after = (page[-1].executed_at, page[-1].id)
                record(100)  # newer than the page
            assert len(found) == len(set(found))
            assert set(wanted) <= set(found)
    assert bench.registry.executions(EVE).list_own(after=(start + timedelta(days=1), made[0])) == []


def test_old_executions_leave_in_batches(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for minute in range(25):
        user = (BOB, EVE)[minute % 2]
        bench.registry.executions(user).record(
            stored, f"f{minute}", status="success", execution_time_ms=1, executed_at=start + timedelta(minutes=minute)
        )
    before = start + timedelta(minutes=20)
    for user in (BOB, EVE):
        for work in (retention.prune, retention.old_executions):
            with pytest.raises(PermissionDeniedError):
                work(bench.registry, user, before)  # type: ignore[operator] # of one shape where they are called so
    assert retention.old_executions(bench.registry, ADMIN, before) == 20
    asked = iter((False, False, True))
    assert retention.prune(bench.registry, ADMIN, before, batch=6, stopping=lambda: next(asked)) == 12
    left = [row.function_name for row in bench.registry.executions(ADMIN).list_recent()]
    assert left == [f"f{minute}" for minute in range(24, 11, -1)]
    assert retention.prune(bench.registry, ADMIN, before, batch=4) == 8
    assert retention.prune(bench.registry, ADMIN, before) == 0
    assert len(bench.registry.executions(ADMIN).list_recent()) == 5
    assert bench.registry.executions(BOB).stats(stored).count == 5
