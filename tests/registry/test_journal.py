"""The journal: what it writes is what the repository reads, and what goes wrong is told to who waits for it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_kit import ADMIN, BOB, EVE
from sqlalchemy import insert

from akatsuki_wasm.errors import AkatsukiError, OverloadedError, StorageError
from akatsuki_wasm.registry import journal as journals
from akatsuki_wasm.registry.execution_rows import MAX_NAME_CHARS, MAX_TEXT_CHARS, prepare, write
from akatsuki_wasm.registry.journal import ExecutionRecord, Journal, execution_id
from akatsuki_wasm.registry.models import WasmExecution, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry_kit import Bench

    from akatsuki_wasm.contracts import User

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Told:
    """What a journal tells."""

    def __init__(self) -> None:
        self.groups: list[tuple[list[Any], AkatsukiError | None]] = []

    def __call__(self, waiters: Sequence[Any], error: AkatsukiError | None) -> None:
        self.groups.append((list(waiters), error))

    @property
    def done(self) -> list[Any]:
        return [waiter for waiters, error in self.groups if error is None for waiter in waiters]

    @property
    def failed(self) -> list[Any]:
        return [waiter for waiters, error in self.groups if error is not None for waiter in waiters]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def journal(bench: Bench, told: Told) -> Iterator[Journal[Any]]:
    made: Journal[Any] = Journal(bench.registry.database, told)
    yield made
    assert made.close(20)


def record(user: User = BOB, module_id: UUID | None = None, **facts: Any) -> ExecutionRecord:
    plain: dict[str, Any] = {"function_name": "add", "status": "success", "execution_time_ms": 1.5}
    return ExecutionRecord(id=execution_id(), module_id=module_id, user=user, **{**plain, **facts})


@pytest.fixture
def held(bench: Bench) -> Iterator[Callable[[], None]]:
    """Another connection has the database's write lock until this is called, or the test ends."""
    other = sqlite3.connect(bench.folder / "registry.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def release() -> None:
        if other.in_transaction:
            other.execute("ROLLBACK")

    yield release
    release()
    other.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_row_is_read_with_all_of_its_facts(bench: Bench, journal: Journal[Any], told: Told) -> None:
    stored = bench.store(BOB, "tool")
    given = record(
        module_id=stored.id,
        status="timeout",
        execution_time_ms=2.25,
        memory_used_bytes=131_072,
        cache_hit=True,
        input_summary={"a": [1, None, "ビン"]},
        output_summary="2",
        error_message="it took too long",
        error_code="timeout",
        executed_at=WHEN.astimezone(timezone(timedelta(hours=9))),
    )
    journal.submit(given, "me")
    assert journal.flush(20)
    assert told.groups == [(["me"], None)]
    (row,) = bench.registry.executions(BOB).list_own()
    assert (row.id, row.module_id, row.executor_id, row.module_name) == (given.id, stored.id, BOB.id, "tool")
    assert (row.function_name, row.status, row.cache_hit) == ("add", "timeout", True)
    assert (row.execution_time_ms, row.memory_used_bytes, row.executed_at) == (2.25, 131_072, WHEN)
    assert (row.input_summary, row.output_summary) == ({"a": [1, None, "ビン"]}, "2")
    assert (row.error_message, row.error_code) == ("it took too long", "timeout")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given=JSON_VALUES,
    milliseconds=st.floats(0, 1e9),
    memory=st.integers(0, 2**63 - 1),
    hit=st.booleans(),
    at=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    error=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
)
def test_the_driver_is_given_what_the_models_types_would_give_it(
    bench: Bench, given: Any, milliseconds: float, memory: int, hit: bool, at: datetime, error: str | None
) -> None:
    ours = record(
        status="error",
        input_summary=given,
        execution_time_ms=milliseconds,
        memory_used_bytes=memory,
        cache_hit=hit,
        executed_at=at,
        error_message=error,
    )
    database = bench.registry.database
    assert write(database, [prepare(ours, sqlite=True)]) == []
    by_orm = uuid4()
    with database.write_light(BOB) as session:
        facts = {name: getattr(ours, name) for name in ExecutionRecord.__slots__ if name not in {"user", "id"}}
        session.execute(insert(WasmExecution), [{"id": by_orm, "executor_id": BOB.id, **facts}])
    with sqlite3.connect(bench.folder / "registry.db") as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(wasm_executions)") if row[1] != "id"]
        query = f"SELECT typeof(id), {', '.join(f'{each}, typeof({each})' for each in columns)} FROM wasm_executions "
        rows = [raw.execute(f"{query} WHERE id = ?", [each.hex]).fetchone() for each in (ours.id, by_orm)]
    raw.close()
    assert rows[0] is not None
    assert rows[0] == rows[1]


def test_texts_that_cannot_be_stored_are_replaced_and_long_ones_clipped(bench: Bench, journal: Journal[Any]) -> None:
    bad = "a\0b\ud800c"
    journal.submit(
        record(
            function_name="f" * 1_000,
            status="error",
            error_message=bad + "x" * 10_000,
            input_summary={bad: [bad, r"\u0000"]},
            output_summary=["y" * 10_000],
        ),
        1,
    )
    journal.submit(record(input_summary=bad, output_summary="z" * 10_000), 2)
    assert journal.flush(20)
    second, first = bench.registry.executions(BOB).list_own()
    good = "a\ufffdb\ufffdc"
    assert first.function_name == "f" * (MAX_NAME_CHARS - 1) + "…"
    assert first.error_message == (good + "x" * 10_000)[: MAX_TEXT_CHARS - 1] + "…"
    assert first.input_summary == {good: [good, r"\u0000"]}
    assert first.output_summary == ('["' + "y" * 10_000)[: MAX_TEXT_CHARS - 1] + "…"
    assert (second.input_summary, second.output_summary) == (good, "z" * (MAX_TEXT_CHARS - 1) + "…")


def test_what_waits_while_a_transaction_commits_is_the_next_transaction(
    bench: Bench, journal: Journal[Any], told: Told, held: Callable[[], None]
) -> None:
    journal.submit(record(), 0)
    wait_until(lambda: journal.waiting == 0)
    for number in range(1, 200):
        journal.submit(record(user=(BOB, EVE)[number % 2]), number)
    assert told.groups == []
    held()
    assert journal.flush(20)
    assert told.groups == [([0], None), (list(range(1, 200)), None)]
    assert [len(bench.registry.executions(user).list_own(limit=1000)) for user in (BOB, EVE, ADMIN)] == [100, 100, 0]


def test_a_deleted_module_costs_its_own_rows_alone(
    bench: Bench, journal: Journal[Any], told: Told, held: Callable[[], None]
) -> None:
    held()
    here, gone = bench.store(BOB, "here"), bench.store(BOB, "gone", 2)
    bench.registry.modules(BOB).delete(gone.id)
    for number in range(100):
        journal.submit(record(module_id=(here.id, gone.id)[number % 10 == 3], function_name=f"f{number}"), number)
    assert journal.flush(20)
    assert told.failed == []
    assert sorted(told.done) == list(range(100))
    found = {row.function_name: row.module_id for row in bench.registry.executions(BOB).list_own(limit=1000)}
    assert found == {f"f{number}": None if number % 10 == 3 else here.id for number in range(100)}


def test_a_row_that_the_database_refuses_costs_no_other_one(
    bench: Bench, journal: Journal[Any], told: Told, held: Callable[[], None]
) -> None:
    journal.submit(record(), "first")
    wait_until(lambda: journal.waiting == 0)
    twice = record()
    for waiter, each in (("a", twice), ("b", record(status="unheard-of")), ("c", twice), ("d", record())):
        journal.submit(each, waiter)
    held()
    assert journal.flush(20)
    assert sorted(told.done) == ["a", "d", "first"]
    assert sorted(told.failed) == ["b", "c"]
    assert [str(error) for _, error in told.groups if error] == ["the database refuses the record of an execution"] * 2
    assert len(bench.registry.executions(BOB).list_own()) == 3


def test_what_cannot_be_stored_is_its_callers_error(journal: Journal[Any], told: Told) -> None:
    with pytest.raises(StorageError, match="a summary cannot be stored: Object of type set is not JSON serializable"):
        journal.submit(record(input_summary={1}), 1)
    with pytest.raises(StorageError, match="has no time zone"):
        journal.submit(record(executed_at=datetime(2026, 1, 1)), 2)
    assert journal.flush(20)
    assert told.groups == []


def test_a_database_that_fails_is_told_to_all_who_wait_and_the_journal_goes_on(
    bench: Bench, journal: Journal[Any], told: Told
) -> None:
    journal.submit(record(), "before")
    assert journal.flush(20)
    database = sqlite3.connect(bench.folder / "registry.db")
    database.execute("ALTER TABLE wasm_executions RENAME TO elsewhere")
    for waiter in ("lost", "lost too"):
        journal.submit(record(), waiter)
    assert journal.flush(20)
    database.execute("ALTER TABLE elsewhere RENAME TO wasm_executions")
    database.close()
    journal.submit(record(), "after")
    assert journal.flush(20)
    assert told.done == ["before", "after"]
    assert sorted(told.failed) == ["lost", "lost too"]
    assert all(
        isinstance(error, StorageError) and "no such table: wasm_executions" in str(error)
        for _, error in told.groups
        if error
    )
    assert len(bench.registry.executions(BOB).list_own()) == 2


def test_more_than_a_bound_may_not_wait(
    bench: Bench, journal: Journal[Any], told: Told, held: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MAX_WAITING", 10)
    journal.submit(record(), 0)
    wait_until(lambda: journal.waiting == 0)
    for number in range(1, 11):
        journal.submit(record(), number)
    with pytest.raises(OverloadedError) as caught:
        journal.submit(record(), 11)
    assert caught.value.retry_after
    held()
    assert journal.flush(20)
    journal.submit(record(), 12)
    assert journal.flush(20)
    assert told.done == [*range(11), 12]


def test_threads_hand_in_while_others_write(bench: Bench, journal: Journal[Any], told: Told) -> None:
    def work(number: int) -> None:
        for index in range(100):
            journal.submit(record(), (number, index))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for number in range(20):
        bench.registry.executions(EVE).record(None, f"f{number}", status="success", execution_time_ms=1)
    for each in threads:
        each.join()
    assert journal.flush(20)
    assert sorted(told.done) == [(number, index) for number in range(4) for index in range(100)]
    assert len(bench.registry.executions(BOB).list_own(limit=1000)) == 400
    assert len(bench.registry.executions(EVE).list_own(limit=1000)) == 20


def test_closing_writes_what_waits_and_takes_no_more(bench: Bench, told: Told, held: Callable[[], None]) -> None:
    before = set(threading.enumerate())  # other tests' journals may be at work in this process
    journal: Journal[int] = Journal(bench.registry.database, told)
    assert journal.flush(0)
    for number in range(50):
        journal.submit(record(), number)
    assert not journal.flush(0.01)
    assert not journal.close(0.01)  # the database is locked
    with pytest.raises(StorageError, match="closed"):
        journal.submit(record(), 50)
    held()
    assert journal.close(20)
    assert journal.close(20)
    assert journal.flush(20)
    assert told.done == list(range(50))
    assert not [each for each in set(threading.enumerate()) - before if each.name == "akatsuki-journal"]
    assert len(bench.registry.executions(BOB).list_own(limit=100)) == 50


def test_a_journal_that_was_never_used_has_no_thread(bench: Bench, told: Told) -> None:
    before = threading.active_count()
    journal: Journal[int] = Journal(bench.registry.database, told)
    assert threading.active_count() == before
    assert journal.close()
    with pytest.raises(StorageError, match="closed"):
        journal.submit(record(), 1)


def test_who_is_told_may_fail(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def settled(waiters: Sequence[int], error: AkatsukiError | None) -> None:
        raise RuntimeError("the loop is closed")

    journal: Journal[int] = Journal(bench.registry.database, settled)
    for number in range(2):
        journal.submit(record(), number)
        assert journal.flush(20)
    assert journal.close()
    assert "what waited for the journal could not be told" in caplog.text
    assert len(bench.registry.executions(BOB).list_own()) == 2


def test_a_forked_process_is_refused(journal: Journal[Any]) -> None:
    journal.submit(record(), 1)
    assert journal.flush(20)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            journal.submit(record(), 2)
        except StorageError as error:
            code = 0 if "another process" in str(error) and journal.flush(1) and journal.close(1) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_ids_are_in_the_order_of_time(bench: Bench) -> None:
    first = execution_id()
    time.sleep(0.002)
    second = execution_id()
    assert first < second
    assert {each.version for each in (first, second)} == {7}
    assert len({execution_id() for _ in range(1_000)}) == 1_000


def test_threads_and_forked_processes_make_ids_of_their_own() -> None:
    execution_id()  # the random bytes of this thread's next ones are there
    with ThreadPoolExecutor(4) as pool:
        threads = {each for many in pool.map(lambda _: [execution_id() for _ in range(300)], range(4)) for each in many}
    assert len(threads) == 1_200
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, b"".join(execution_id().bytes[8:] for _ in range(50)))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    theirs = os.read(reading, 400)
    ours = {execution_id().bytes[8:] for _ in range(50)}
    os.close(reading)
    assert len(theirs) == 400
    assert not ours & {theirs[start : start + 8] for start in range(0, 400, 8)}


def test_a_module_is_read_back_by_time_when_rows_come_at_once(bench: Bench, journal: Journal[Any]) -> None:
    start = now()
    for number in range(7):
        journal.submit(record(function_name=f"f{number}", executed_at=start + timedelta(seconds=number // 3)), number)
    assert journal.flush(20)
    executions = bench.registry.executions(BOB)
    whole = executions.list_own()
    paged, after = [], None
    while page := executions.list_own(limit=2, after=after):
        paged += page
        after = (page[-1].executed_at, page[-1].id)
    assert [row.id for row in paged] == [row.id for row in whole]
    assert [row.executed_at for row in whole] == sorted((row.executed_at for row in whole), reverse=True)
