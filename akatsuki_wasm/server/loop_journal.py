"""The journal of a process of the service: on SQLite it writes on the event loop, elsewhere on the journal's thread.

A row of the history takes SQLite some ten microseconds and no wait for the disk (`akatsuki_wasm.registry.database`).
With a thread for that, it and the event loop would pass Python's lock to and fro, which takes several times as long. So
what ends in one turn of the loop is written at its end, in one statement. What could wait is left to threads: the
journal's, when another connection is writing or the database fails; and one that brings the log back into the
database's file, which waits for the disk. On PostgreSQL the journal's thread is given the same groups.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING, Generic, TypeVar

from akatsuki_wasm.errors import AkatsukiError, StorageError
from akatsuki_wasm.registry.execution_rows import driver_of, light, write_sqlite
from akatsuki_wasm.registry.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import PoolProxiedConnection

    from akatsuki_wasm.registry.database import Database
    from akatsuki_wasm.registry.execution_rows import Prepared
    from akatsuki_wasm.registry.journal import ExecutionRecord

log = logging.getLogger(__name__)

W = TypeVar("W")

MORE_TURNS = 3
"""Turns of the loop that rows wait for others, where there are others: a statement costs as much as some ten rows."""
ENOUGH_ROWS = 32
"""Rows that are written at once."""
CHECKPOINT_ROWS = 4_000
"""Rows after which the log is brought back into the file: some 4 MB of log."""


class LoopJournal(Generic[W]):
    """Writes executions in groups. Made and used on an event loop.

    Args:
        database: Up to date.
        settled: Told on the event loop, once for each group: its waiters, and None when their rows are committed, else
            why not.
    """

    def __init__(self, database: Database, settled: Callable[[Sequence[W], AkatsukiError | None], None]) -> None:
        self._database, self._settled = database, settled
        self._loop = asyncio.get_running_loop()
        self._journal: Journal[W] = Journal(database, self._from_thread)
        self._entries: list[tuple[Prepared, W]] = []
        self._connection: PoolProxiedConnection | None = None
        self._rows = 0
        self._checkpoint: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """Records that no transaction has taken yet."""
        return len(self._entries) + self._journal.waiting

    def submit(self, record: ExecutionRecord, waiter: W) -> None:
        """Hands in a record; its waiter is settled later.

        Raises:
            StorageError: The record cannot be stored.
        """
        self._entries.append((self._journal.prepare(record), waiter))
        if len(self._entries) == 1:
            self._loop.call_soon(self._gather, 0)

    def _gather(self, turns: int) -> None:
        """Writes what a turn of the loop has brought; of several that come together, some turns more."""
        if turns < MORE_TURNS and 1 < len(self._entries) < ENOUGH_ROWS:
            self._loop.call_soon(self._gather, turns + 1)
        else:
            self._write()

    def _write(self) -> None:
        entries, self._entries = self._entries, []
        if not entries:
            return
        if not self._database.is_sqlite:
            self._hand_over(entries)
            return
        try:
            refused = write_sqlite(self._driver(), [prepared for prepared, _ in entries])
        except (sqlite3.Error, AkatsukiError) as exc:
            log.debug("the journal's thread goes on with %d executions: %s", len(entries), exc)
            if getattr(exc, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                self._close_connection()
            self._hand_over(entries)
            return
        for position in reversed(refused):
            _, waiter = entries.pop(position)
            self._settled([waiter], StorageError("the database refuses the record of an execution"))
        if entries:
            self._settled([waiter for _, waiter in entries], None)
        self._rows += len(entries)
        if self._rows >= CHECKPOINT_ROWS and (self._checkpoint is None or self._checkpoint.done()):
            self._rows = 0
            self._checkpoint = self._loop.run_in_executor(None, self._bring_back)

    def _hand_over(self, entries: Sequence[tuple[Prepared, W]]) -> None:
        try:
            self._journal.submit_all(entries)
        except AkatsukiError as exc:
            self._settled([waiter for _, waiter in entries], exc)

    def _driver(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._database.raw_connection()
            self._connection.detach()
            light(self._connection)
            driver = driver_of(self._connection)
            driver.execute("PRAGMA busy_timeout=0")
            driver.execute("PRAGMA wal_autocheckpoint=0")
        return driver_of(self._connection)

    def _bring_back(self) -> None:
        """Copies the log into the file, on a thread; most of it beside the writers, the rest while they wait."""
        try:
            connection = self._database.raw_connection()
        except AkatsukiError:  # it was closed meanwhile
            return
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            cursor.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        except sqlite3.Error as exc:
            log.info("the log of the database could not be brought back: %s", exc)
        finally:
            connection.close()

    def _from_thread(self, waiters: Sequence[W], error: AkatsukiError | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settled, waiters, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.warning("executions were recorded after the service had stopped")

    async def close(self, timeout_s: float = 30.0) -> bool:
        """Writes all that waits and ends; says whether all is settled."""
        self._write()
        if self._checkpoint is not None:
            await self._checkpoint
        closed = await asyncio.to_thread(self._journal.close, timeout_s)
        self._close_connection()
        return closed

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
