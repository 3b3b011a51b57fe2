"""Rows of the history: a record, its columns as the driver takes them, and one statement that inserts many.

Writing history is on the way of every execution, so it goes past SQLAlchemy's ORM: values are converted once, as the
types of `akatsuki_wasm.registry.models.WasmExecution` store them, and a batch is one statement. On SQLite that is also
one transaction, and all of its work is done without Python's lock, beside the thread that answers requests.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import chain, groupby
from json.encoder import encode_basestring
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError

from akatsuki_wasm.errors import StorageError
from akatsuki_wasm.registry import failures
from akatsuki_wasm.registry.acting import ROLE, act, claims
from akatsuki_wasm.registry.models import ExecutionStatus, now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, PoolProxiedConnection

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.database import Database

MAX_TEXT_CHARS: Final = 4_000
"""Characters of an error message or a summary that are kept: a guest chooses its text, and may choose a long one."""
MAX_NAME_CHARS: Final = 255
"""Characters of a function's name that are kept: who calls chooses it."""
MAX_CODE_CHARS: Final = 64
"""Characters of an error's code."""
_MAX_INTEGER: Final = 2**63 - 1
_ROWS_IN_A_STATEMENT: Final = 64
"""SQLite takes 32,766 variables in a statement; this many rows keep the compiled statements small."""

_COLUMNS: Final = {
    "id": "uuid",
    "module_id": "uuid",
    "executor_id": "uuid",
    "function_name": "text",
    "input_summary": "jsonb",
    "output_summary": "jsonb",
    "execution_time_ms": "float8",
    "memory_used_bytes": "int8",
    "cache_hit": "bool",
    "status": "text",
    "error_message": "text",
    "error_code": "text",
    "executed_at": "timestamptz",
}
_MODULE_ID: Final = list(_COLUMNS).index("module_id")
_HALF_PAIRS = re.compile("[\ud800-\udfff]")
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"

Row = tuple[Any, ...]
"""The values of `_COLUMNS` for the driver."""


@dataclass(slots=True)
class ExecutionRecord:
    """One execution as it goes into the history.

    Not changed once it is made, though not frozen: freezing it costs as much as all that is done with it here.

    Attributes:
        id: The row's; `execution_id` makes one.
        module_id: What was executed; a module that was deleted meanwhile costs the row only this.
        user: Who executed it.
        function_name: snake_case; kept to `MAX_NAME_CHARS`.
        status: ``success``, ``error`` or ``timeout``.
        execution_time_ms: Of the guest's function, milliseconds.
        memory_used_bytes: Linear memory at the end.
        cache_hit: Whether the compiled module was in memory.
        input_summary: JSON-able, short; one whose JSON is longer than `MAX_TEXT_CHARS` is kept as the beginning of it.
        output_summary: The same for the result.
        error_message: Of a failure; kept to `MAX_TEXT_CHARS`.
        error_code: Of a failure: an error's ``code``.
        executed_at: Aware.
    """

    id: UUID
    module_id: UUID | None
    user: User
    function_name: str
    status: ExecutionStatus
    execution_time_ms: float
    memory_used_bytes: int = 0
    cache_hit: bool = False
    input_summary: Any = None
    output_summary: Any = None
    error_message: str | None = None
    error_code: str | None = None
    executed_at: datetime = field(default_factory=now)


class _Randomness(threading.local):
    """Random bytes, ten at a time: the kernel is asked for many at once, as asking costs more than they do."""

    def __init__(self) -> None:
        self._left: Iterator[bytes] = iter(())
        self._process = 0

    def take(self) -> bytes:
        found: bytes | None = next(self._left, None) if self._process == os.getpid() else None
        if found is None:  # a process that was forked makes its own
            self._process = os.getpid()
            many = os.urandom(10 * 256)
            self._left = iter([many[start : start + 10] for start in range(10, len(many), 10)])
            found = many[:10]
        return found


_randomness = _Randomness()


def execution_id() -> UUID:
    """A new id for a record: it begins with the time (UUID version 7, RFC 9562), so an index of ids grows at its end.

    Random ids would touch one page of the index for each row, which costs more than all else once there are a million.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(_randomness.take(), "big")
    high = (milliseconds << 16) | 0x7000 | (random >> 68)
    return UUID(int=(high << 64) | (0b10 << 62) | (random & ((1 << 62) - 1)))


class Prepared(NamedTuple):
    """A record whose values are converted: who acts, and the row."""

    user: User
    row: Row


def prepare(record: ExecutionRecord, *, sqlite: bool) -> Prepared:
    """Converts a record for one of the two drivers.

    Raises:
        StorageError: A summary is not JSON-able, or the time has no zone.
    """
    if record.executed_at.tzinfo is None:
        raise StorageError("the time of an execution has no time zone", hint="Give an aware datetime.")
    module, user = None if record.module_id is None else record.module_id.hex, record.user
    name = clipped(record.function_name, MAX_NAME_CHARS)
    given, gave = _summary(record.input_summary), _summary(record.output_summary)
    milliseconds = float(record.execution_time_ms)
    memory = min(max(int(record.memory_used_bytes), 0), _MAX_INTEGER)
    error = None if record.error_message is None else clipped(record.error_message)
    code = (
        None if record.error_code is None or record.status == "success" else clipped(record.error_code, MAX_CODE_CHARS)
    )
    at = record.executed_at
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    if not sqlite:
        return Prepared(
            user,
            (
                record.id.hex, module, user.id.hex, name, given, gave, milliseconds, memory, bool(record.cache_hit),
                record.status, error, code, at.isoformat(),
            ),
        )  # fmt: skip
    return Prepared(
        user,
        (
            record.id.hex, module, user.id.hex, name, given, gave, milliseconds,
            memory, 1 if record.cache_hit else 0, record.status, error, code,
            at.replace(tzinfo=None).isoformat(" ", "microseconds"),
        ),
    )  # fmt: skip


def clipped(text: str, most: int = MAX_TEXT_CHARS) -> str:
    """A text that can be stored: no NUL, which PostgreSQL has not, no half of a surrogate pair, and not endless."""
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    if not text.isascii():
        text = _HALF_PAIRS.sub(_REPLACED, text)
    return text.replace("\0", _REPLACED)


def _summary(value: Any) -> str | None:
    """A summary as JSON text."""
    if value is None:
        return None
    if type(value) is str:
        return encode_basestring(clipped(value))
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as exc:
        raise StorageError(f"a summary cannot be stored: {exc}", hint="Use plain JSON values.") from exc
    if len(text) > MAX_TEXT_CHARS:
        return json.dumps(clipped(text), ensure_ascii=False)
    if "\\u0000" in text or not text.isascii():
        return json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":"))
    return text


def _clean(value: Any) -> Any:
    """A JSON value with all of its texts clean."""
    if isinstance(value, str):
        return clipped(value)
    if isinstance(value, dict):
        return {clipped(key) if isinstance(key, str) else key: _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list | tuple) else value


def write(database: Database, rows: Sequence[Prepared]) -> list[int]:
    """Inserts rows in one transaction through a connection of the pool.

    Returns:
        Positions of rows that the database refused for themselves; all others are committed.

    Raises:
        StorageError: The database failed; nothing is committed.
    """
    if not database.is_sqlite:
        return _write_server(database, rows)
    try:
        connection = database.raw_connection()
        try:
            light(connection)
            return write_sqlite(driver_of(connection), rows)
        finally:
            connection.close()
    except sqlite3.Error as exc:
        raise sqlite_failure(exc, database) from exc


def sqlite_failure(exc: sqlite3.Error, database: Database) -> StorageError:
    """The error for one that the driver raised by itself."""
    return failures.from_database(OperationalError("history", None, exc), database.place)


# ------------------------------------------------------------ SQLite


def driver_of(connection: PoolProxiedConnection) -> sqlite3.Connection:
    """SQLite's own connection inside one of the pool."""
    return cast("sqlite3.Connection", connection.dbapi_connection)


def light(connection: PoolProxiedConnection) -> None:
    """Makes the commits of a connection survive the process, not necessarily a power cut."""
    driver_of(connection).execute("PRAGMA synchronous=NORMAL")


def write_sqlite(connection: sqlite3.Connection, rows: Sequence[Prepared]) -> list[int]:
    """As `write`, on a connection in autocommit mode; it raises the driver's errors."""
    try:
        if len(rows) <= _ROWS_IN_A_STATEMENT:
            _insert_sqlite(connection, rows)  # a statement outside a transaction is one
        else:
            with _Immediate(connection):
                for start in range(0, len(rows), _ROWS_IN_A_STATEMENT):
                    _insert_sqlite(connection, rows[start : start + _ROWS_IN_A_STATEMENT])
    except sqlite3.IntegrityError:  # most likely a module was deleted while it was executed
        return _write_singly(connection, rows)
    return []


def _insert_sqlite(connection: sqlite3.Connection, rows: Sequence[Prepared]) -> None:
    connection.execute(_sqlite_statement(len(rows)), list(chain.from_iterable(row for _, row in rows)))


@cache
def _sqlite_statement(rows: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO wasm_executions ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - constants


def _write_singly(connection: sqlite3.Connection, rows: Sequence[Prepared]) -> list[int]:
    refused = []
    with _Immediate(connection):
        for position, each in enumerate(rows):
            try:
                _insert_sqlite(connection, [each])
            except sqlite3.IntegrityError:
                try:
                    _insert_sqlite(connection, [_without_module(each)])
                except sqlite3.IntegrityError:
                    refused.append(position)
    return refused


class _Immediate:
    """A write transaction on the driver's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A failed statement may have ended the transaction by itself, as a full disk does.
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


# ------------------------------------------------------------ a server


def _write_server(database: Database, rows: Sequence[Prepared]) -> list[int]:
    """One transaction that acts for each user in turn: row-level security lets everybody write their own rows only."""
    try:
        _server_transaction(database, rows)
    except IntegrityError:
        return _write_server_singly(database, rows)
    except StorageError as exc:
        if not isinstance(exc.__cause__, DataError | ProgrammingError):
            raise
        return _write_server_singly(database, rows)
    return []


def _server_transaction(database: Database, rows: Sequence[Prepared]) -> None:
    """One transaction in one round trip, whoever the rows are of.

    Past SQLAlchemy, since each of its steps would wait for an answer; and who waits gives Python's lock away, which a
    busy event loop gives back only after milliseconds.
    """
    import psycopg

    ordered = sorted(rows, key=lambda each: each.user.id)
    with failures.database_failures(database.place):
        try:
            connection = database.raw_connection()
        except psycopg.Error as exc:
            raise _database_error(exc) from exc
        driver = cast("psycopg.Connection[Any]", connection.driver_connection)
        try:
            with driver.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():
                driver.execute("BEGIN")
                for user, group in groupby(ordered, key=itemgetter(0)):
                    driver.execute(_SERVER_ACT, [ROLE, claims(user)])
                    driver.execute(_SERVER_STATEMENT, [_document(list(group))])
                driver.execute("COMMIT")
        except psycopg.Error as exc:
            if driver.closed:
                connection.invalidate(exc)
            raise _database_error(exc) from exc
        finally:
            connection.close()  # it is rolled back where it is not committed


def _database_error(exc: Exception) -> Exception:
    """The error of SQLAlchemy for one that the driver raised by itself."""
    import psycopg

    return DBAPIError.instance(_SERVER_STATEMENT, None, exc, psycopg.Error, hide_parameters=True)


def _insert_server(connection: Connection, row: Prepared) -> None:
    connection.exec_driver_sql(_SERVER_STATEMENT, (_document([row]),))


def _document(rows: Sequence[Prepared]) -> str:
    """Rows as JSON, which is the quickest to write here and has one text of a statement for any number of them."""
    return json.dumps([dict(zip(_COLUMNS, row, strict=True)) for _, row in rows], ensure_ascii=False)


_SERVER_ACT: Final = "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"
# A summary is a text in that JSON, and JSON itself only here.
_SERVER_STATEMENT: Final = (
    f"INSERT INTO wasm_executions ({', '.join(_COLUMNS)}) "  # noqa: S608 - constants
    f"SELECT {', '.join(f'{name}::jsonb' if kind == 'jsonb' else name for name, kind in _COLUMNS.items())} "
    f"FROM jsonb_to_recordset(%s::jsonb) AS given("
    f"{', '.join(f'{name} text' if kind == 'jsonb' else f'{name} {kind}' for name, kind in _COLUMNS.items())})"
)


def _write_server_singly(database: Database, rows: Sequence[Prepared]) -> list[int]:
    refused: list[int] = []
    with database.write_light(rows[0].user) as session:
        connection = session.connection()
        for position, each in enumerate(rows):
            act(connection, each.user)
            for attempt in (each, _without_module(each)):
                try:
                    with connection.begin_nested():
                        _insert_server(connection, attempt)
                    break
                except (IntegrityError, DataError, ProgrammingError):
                    continue
            else:
                refused.append(position)
    return refused


def _without_module(prepared: Prepared) -> Prepared:
    row = prepared.row
    return Prepared(prepared.user, (*row[:_MODULE_ID], None, *row[_MODULE_ID + 1 :]))
