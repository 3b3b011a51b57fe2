"""The service's journal: rows are written on the event loop, or by a thread where another connection is writing."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from akatsuki_wasm.errors import AkatsukiError, StorageError
from akatsuki_wasm.registry.journal import ExecutionRecord
from akatsuki_wasm.registry.registry import Registry
from akatsuki_wasm.server import loop_journal
from akatsuki_wasm.server.loop_journal import LoopJournal

from .server_kit import BOB

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path / 'registry.db'}", (tmp_path / "blobs").as_uri()) as found:
        yield found


def record(number: int, **more: Any) -> ExecutionRecord:
    return ExecutionRecord(uuid4(), None, BOB, f"f{number}", "success", 0.5, **more)


class Waiting:
    """Waiters that are futures, as the service has them."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    def settled(self, waiters: Sequence[asyncio.Future[None]], error: AkatsukiError | None) -> None:
        self.groups.append(len(waiters))
        for each in waiters:
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)


def run(registry: Registry, use: Callable[[Any, Waiting], Awaitable[None]]) -> Waiting:
    waiting = Waiting()

    async def main() -> None:
        journal: LoopJournal[asyncio.Future[None]] = LoopJournal(registry.database, waiting.settled)
        await use(journal, waiting)
        assert await journal.close()

    asyncio.run(main())
    return waiting


def submit(journal: LoopJournal[asyncio.Future[None]], *records: ExecutionRecord) -> list[asyncio.Future[None]]:
    futures = []
    for each in records:
        future = asyncio.get_running_loop().create_future()
        journal.submit(each, future)
        futures.append(future)
    return futures


def names(registry: Registry) -> list[str]:
    return sorted(row.function_name for row in registry.executions(BOB).list_own(limit=10_000))


def test_what_comes_together_is_one_group_and_committed_before_it_is_settled(registry: Registry) -> None:
    async def use(journal: LoopJournal[asyncio.Future[None]], waiting: Waiting) -> None:
        await submit(journal, record(0))[0]
        assert names(registry) == ["f0"]
        await asyncio.gather(*submit(journal, *(record(number) for number in range(1, 41))))
        assert len(names(registry)) == 41

    assert run(registry, use).groups == [1, 40]


def test_a_thread_writes_what_would_have_to_wait_for_another_connection(registry: Registry, tmp_path: Path) -> None:
    async def use(journal: LoopJournal[asyncio.Future[None]], waiting: Waiting) -> None:
        await submit(journal, record(0))[0]
        other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        futures = submit(journal, record(1), record(2))
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in futures)
        assert waiting.groups == [1]
        other.execute("ROLLBACK")
        await asyncio.gather(*futures)
        other.close()
        await submit(journal, record(3))[0]  # here again

    run(registry, use)
    assert names(registry) == ["f0", "f1", "f2", "f3"]


def test_a_database_that_fails_is_told_and_used_again_when_it_is_back(registry: Registry, tmp_path: Path) -> None:
    async def use(journal: LoopJournal[asyncio.Future[None]], waiting: Waiting) -> None:
        await submit(journal, record(0))[0]
        with sqlite3.connect(tmp_path / "registry.db") as other:
            other.execute("ALTER TABLE wasm_executions RENAME TO away")
        other.close()
        with pytest.raises(StorageError):
            await submit(journal, record(1))[0]
        with sqlite3.connect(tmp_path / "registry.db") as other:
            other.execute("ALTER TABLE away RENAME TO wasm_executions")
        other.close()
        await submit(journal, record(2))[0]

    run(registry, use)
    assert names(registry) == ["f0", "f2"]


def test_a_row_that_is_refused_costs_no_other(registry: Registry) -> None:
    twice = record(1)

    async def use(journal: LoopJournal[asyncio.Future[None]], waiting: Waiting) -> None:
        await submit(journal, twice)[0]
        good, bad = submit(journal, record(2), twice)
        await good
        with pytest.raises(StorageError):
            await bad
        gone = submit(journal, ExecutionRecord(uuid4(), uuid4(), BOB, "f3", "success", 0.5))[0]
        await gone  # its module was deleted: the row is kept without it

    run(registry, use)
    assert names(registry) == ["f1", "f2", "f3"]


def test_the_log_is_brought_back_into_the_file(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_journal, "CHECKPOINT_ROWS", 200)
    sizes = []

    async def use(journal: LoopJournal[asyncio.Future[None]], waiting: Waiting) -> None:
        for _ in range(40):
            await asyncio.gather(*submit(journal, *(record(number, output_summary="x" * 2000) for number in range(50))))
            await asyncio.sleep(0.01)
            sizes.append((tmp_path / "registry.db-wal").stat().st_size)

    run(registry, use)
    assert len(names(registry)) == 2000
    # 2,000 rows take 4 MB and more; the log begins anew now and then, so it does not grow with them.
    assert max(sizes) < 3_000_000


def test_what_waits_is_written_when_it_is_closed(registry: Registry) -> None:
    async def use(journal: LoopJournal[asyncio.Future[None]], waiting: Waiting) -> None:
        submit(journal, *(record(number) for number in range(5)))

    run(registry, use)
    assert len(names(registry)) == 5
