"""The journal on PostgreSQL: rows as the user whose they are, and none lost when the server is killed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import AkatsukiError, StorageError
from akatsuki_wasm.registry import Registry
from akatsuki_wasm.registry.journal import ExecutionRecord, Journal, execution_id

from .pg_kit import Server, TestDatabase, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ADA = User.local("ada", is_admin=True)
BOB, EVE = User.local("bob"), User.local("eve")


class Told:
    """What a journal tells: waiters by how they fared."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.failed: list[Any] = []
        self.errors: list[AkatsukiError] = []

    def __call__(self, waiters: Sequence[Any], error: AkatsukiError | None) -> None:
        if error is None:
            self.done += waiters
        else:
            self.errors.append(error)
            self.failed += waiters


def record(user: User, module_id: UUID | None = None, **facts: Any) -> ExecutionRecord:
    plain: dict[str, Any] = {"function_name": "add", "status": "success", "execution_time_ms": 1.5}
    return ExecutionRecord(id=execution_id(), module_id=module_id, user=user, **{**plain, **facts})


@pytest.fixture
def registry(postgres: TestDatabase, tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(postgres.url(), (tmp_path / "blobs").as_uri()) as found:
        yield found


def test_rows_of_several_users_and_kinds_are_one_transaction(registry: Registry, postgres: TestDatabase) -> None:
    told = Told()
    journal: Journal[int] = Journal(registry.database, told)
    absent = uuid4()
    with postgres.connect() as other:
        other.autocommit = False
        other.execute("LOCK TABLE wasm_executions IN EXCLUSIVE MODE")
        journal.submit(record(BOB), 0)
        deadline = time.monotonic() + 20
        while journal.waiting and time.monotonic() < deadline:
            time.sleep(0.002)
        for number in range(1, 60):
            user = (ADA, BOB, EVE)[number % 3]
            journal.submit(
                record(
                    user,
                    absent if number % 10 == 0 else None,
                    function_name=f"f{number}",
                    input_summary={"a": [1, None, "ビン\0\ud800"]},
                    output_summary="2",
                    status="error",
                    error_message="it failed",
                    error_code="guest-trap",
                    memory_used_bytes=2**70,
                    cache_hit=True,
                ),
                number,
            )
        twice = record(EVE)
        for waiter, each in ((100, twice), (101, record(BOB, status="unheard-of")), (102, twice)):
            journal.submit(each, waiter)
        other.rollback()
    assert journal.flush(30)
    assert journal.close()
    assert sorted(told.done) == [*range(60), 100]
    assert sorted(told.failed) == [101, 102]
    rows = registry.executions(ADA).list_recent(limit=1000)
    assert len(rows) == 61
    for row in rows:
        if row.function_name != "add":
            number = int(row.function_name[1:])
            assert row.executor_id == (ADA, BOB, EVE)[number % 3].id
            assert row.module_id is None
            assert (row.input_summary, row.output_summary) == ({"a": [1, None, "ビン\ufffd\ufffd"]}, "2")
            assert (row.error_message, row.error_code, row.cache_hit) == ("it failed", "guest-trap", True)
            assert row.memory_used_bytes == 2**63 - 1
    assert {row.executor_id for row in registry.executions(BOB).list_recent(limit=1000)} == {BOB.id}


def test_a_server_that_is_killed_loses_nothing_acknowledged_and_the_journal_goes_on(tmp_path: Path) -> None:
    server = Server()
    try:
        with (
            fresh_database(server=server) as database,
            Registry.open(database.url(), (tmp_path / "blobs").as_uri()) as registry,
        ):
            killed(server, registry)
    finally:
        server.remove()


def killed(server: Server, registry: Registry) -> None:
    told = Told()
    free = threading.Semaphore(64)

    def settled(waiters: Sequence[UUID], error: AkatsukiError | None) -> None:
        told(waiters, error)
        if error is not None:  # the server needs the processor to come back
            time.sleep(0.05)
        free.release(len(waiters))

    journal: Journal[UUID] = Journal(registry.database, settled)
    ending = threading.Event()

    def load() -> None:
        number = 0
        while not ending.is_set():
            if free.acquire(timeout=0.1):
                each = record((ADA, BOB, EVE)[number % 3])
                journal.submit(each, each.id)
                number += 1

    thread = threading.Thread(target=load)
    thread.start()

    def wait_for(what: list[Any]) -> None:
        before, deadline = len(what), time.monotonic() + 30
        while len(what) < before + 100:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    try:
        wait_for(told.done)
        server.kill()
        wait_for(told.failed)
        server.start()
        wait_for(told.done)
    finally:
        ending.set()
        thread.join()
        assert journal.close()
    assert all(isinstance(error, StorageError) for error in told.errors)
    kept = {row.id for row in registry.executions(ADA).list_recent(limit=10**6)}
    assert set(told.done) <= kept
