"""The journal of executions: many threads or requests hand in records, one thread commits them in groups.

While one transaction commits, others gather; they are the next transaction. So a record waits for at most two commits,
and a commit is shared by all that came meanwhile. Whoever hands in a record names a *waiter*, which is given back once
its row is committed, or with the error when it is not: an answer that waits for it is never missing from the history.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from akatsuki_wasm.errors import AkatsukiError, OverloadedError, StorageError
from akatsuki_wasm.registry.execution_rows import (
    ExecutionRecord,
    Prepared,
    driver_of,
    execution_id,
    light,
    prepare,
    sqlite_failure,
    write,
    write_sqlite,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import PoolProxiedConnection

    from akatsuki_wasm.registry.database import Database

__all__ = ["MAX_WAITING", "ExecutionRecord", "Journal", "execution_id"]

log = logging.getLogger(__name__)

W = TypeVar("W")

MAX_WAITING = 20_000
"""Records that may wait to be written; more are refused. A second of writing at least."""
MAX_BATCH = 512
"""Records in one transaction."""

_WARNING_SECONDS = 5.0


class _Mark(NamedTuple):
    """A place in the queue: everything before it is settled when `passed` is set."""

    passed: threading.Event
    last: bool


class Journal(Generic[W]):
    """Writes executions in groups. Its thread starts with the first record and ends with `close`.

    Args:
        database: Up to date.
        settled: Told once for each group, on the journal's thread: its waiters, and None when their rows are committed,
            else why not. A row that the database refuses for itself is a group of its own. It must not raise.
    """

    def __init__(self, database: Database, settled: Callable[[Sequence[W], AkatsukiError | None], None]) -> None:
        self._database = database
        self._settled = settled
        self._queue: SimpleQueue[Sequence[tuple[Prepared, W]] | _Mark] = SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._closed = False
        self._sqlite = database.is_sqlite
        self._lost = 0
        self._next_warning = 0.0

    @property
    def waiting(self) -> int:
        """Records that no transaction has taken yet."""
        return self._waiting

    def submit(self, record: ExecutionRecord, waiter: W) -> None:
        """Hands in a record; returns at once.

        Args:
            record: It is converted here, so what cannot be stored is its caller's error.
            waiter: Given to `settled` when the record is settled.

        Raises:
            OverloadedError: Too many records wait.
            StorageError: The record cannot be stored, the journal is closed, or it belongs to another process.
        """
        self.submit_all([(self.prepare(record), waiter)])

    def prepare(self, record: ExecutionRecord) -> Prepared:
        """Converts a record for `submit_all`.

        Raises:
            StorageError: It cannot be stored.
        """
        return prepare(record, sqlite=self._sqlite)

    def submit_all(self, entries: Sequence[tuple[Prepared, W]]) -> None:
        """As `submit`, for several that come into the same transaction, with their waiters.

        Raises:
            OverloadedError: Too many records wait.
            StorageError: The journal is closed, or it belongs to another process.
        """
        if self._process and self._process != os.getpid():  # its thread and connection stayed there
            raise StorageError(
                "the journal of executions was begun in another process", hint="Open the registry after the fork."
            )
        with self._lock:
            if self._closed:
                raise StorageError("the journal of executions is closed", hint="Open the registry again.")
            if self._waiting >= MAX_WAITING:
                raise OverloadedError(
                    f"{MAX_WAITING:,} executions wait to be recorded",
                    hint="The database is slow or busy; try again later.",
                    retry_after=1.0,
                )
            if self._thread is None:
                self._process = os.getpid()
                self._thread = threading.Thread(target=self._work, name="akatsuki-journal", daemon=True)
                self._thread.start()
            self._waiting += len(entries)
            self._queue.put(entries)

    def flush(self, timeout_s: float) -> bool:
        """Waits until all that was handed in before is settled.

        Returns:
            Whether it is.
        """
        return self._pass(timeout_s, last=False)

    def close(self, timeout_s: float = 30.0) -> bool:
        """Takes no more records, writes those that wait and ends the thread. Again is fine.

        Returns:
            Whether all is settled and the thread has ended; where not, it goes on by itself.
        """
        deadline = time.monotonic() + timeout_s
        passed = self._pass(timeout_s, last=True)
        thread = self._thread
        if thread is not None and self._process == os.getpid():
            thread.join(max(deadline - time.monotonic(), 0.1 if passed else 0.0))
            return not thread.is_alive()
        return passed

    def _pass(self, timeout_s: float, *, last: bool) -> bool:
        mark = _Mark(threading.Event(), last)
        with self._lock:
            running = self._thread is not None and self._process == os.getpid() and not self._closed
            if last:
                self._closed = True
            if running:
                self._queue.put(mark)
        if running:
            return mark.passed.wait(timeout_s)
        thread = self._thread
        if thread is None or self._process != os.getpid():
            return True
        thread.join(timeout_s)  # another call closes it
        return not thread.is_alive()

    # ------------------------------------------------------------ the thread

    def _work(self) -> None:
        writer = _Writer(self._database)
        try:
            last = False
            while not last:
                entries, marks = self._gather()
                if entries:
                    self._commit(writer, entries)
                for mark in marks:
                    mark.passed.set()
                    last = last or mark.last
        finally:
            writer.close()

    def _gather(self) -> tuple[list[tuple[Prepared, W]], list[_Mark]]:
        """All that waits, up to `MAX_BATCH` and the rest of a group; it waits for the first."""
        entries: list[tuple[Prepared, W]] = []
        marks: list[_Mark] = []
        item = self._queue.get()
        while True:
            if isinstance(item, _Mark):
                marks.append(item)
                break
            entries += item
            if len(entries) >= MAX_BATCH:
                break
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
        with self._lock:
            self._waiting -= len(entries)
        return entries, marks

    def _commit(self, writer: _Writer, entries: list[tuple[Prepared, W]]) -> None:
        try:
            refused = writer.write([prepared for prepared, _ in entries])
        except AkatsukiError as exc:
            self._warn(len(entries), exc)
            self._tell([waiter for _, waiter in entries], exc)
            return
        except Exception as exc:  # a defect must not end the thread: everybody after would wait for ever
            log.exception("%d executions could not be recorded", len(entries))
            self._tell(
                [waiter for _, waiter in entries],
                StorageError(f"the execution could not be recorded: {type(exc).__name__}: {exc}"),
            )
            return
        for position in reversed(refused):
            _, waiter = entries.pop(position)
            self._tell(
                [waiter],
                StorageError("the database refuses the record of an execution", hint="Its status or id is not valid."),
            )
        if entries:
            self._tell([waiter for _, waiter in entries], None)

    def _warn(self, lost: int, error: AkatsukiError) -> None:
        """Says it once in a while: a database that is away fails a thousand times in a second."""
        self._lost += lost
        if time.monotonic() >= self._next_warning:
            log.warning("%d executions could not be recorded: %s", self._lost, error)
            self._lost, self._next_warning = 0, time.monotonic() + _WARNING_SECONDS

    def _tell(self, waiters: list[W], error: AkatsukiError | None) -> None:
        try:
            self._settled(waiters, error)
        except Exception:
            log.exception("what waited for the journal could not be told")


class _Writer:
    """How the thread writes: on SQLite through a connection of its own, which is made anew after a failure."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: PoolProxiedConnection | None = None

    def write(self, rows: Sequence[Prepared]) -> list[int]:
        """As `akatsuki_wasm.registry.execution_rows.write`."""
        if not self._database.is_sqlite:
            return write(self._database, rows)
        try:
            return write_sqlite(self._driver(), rows)
        except sqlite3.Error as exc:
            self.close()
            raise sqlite_failure(exc, self._database) from exc

    def _driver(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._database.raw_connection()
            self._connection.detach()
            light(self._connection)
        return driver_of(self._connection)

    def close(self) -> None:
        """Closes the connection; one that is not there is fine."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
