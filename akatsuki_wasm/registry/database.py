"""The registry's database: opening, transactions, and the settings of SQLite that make them safe.

`postgresql` has what is different on PostgreSQL.

SQLite runs in WAL mode. A write begins with ``BEGIN IMMEDIATE``, so two writers queue instead of failing halfway. A
*durable* write (modules) commits with ``synchronous=FULL``: a module that was acknowledged survives a power cut. A
*light* write (history) commits with ``synchronous=NORMAL``: it survives the death of the process at any moment, and a
power cut may lose the last ones but never damages the file (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import errno
import json
import re
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from akatsuki_wasm.errors import ConfigError, MissingExtraError, StorageError
from akatsuki_wasm.registry import failures, postgresql, schema
from akatsuki_wasm.registry.acting import act

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import PoolProxiedConnection

    from akatsuki_wasm.contracts import User

BUSY_SECONDS = 15.0
"""How long a writer waits for another one."""
_DURABLE = {"akatsuki_write": "FULL"}
_LIGHT = {"akatsuki_write": "NORMAL"}
# The escape of a NUL character in JSON, and not an escaped backslash before such letters.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def parse_url(database_url: str) -> URL:
    """Reads a database URL; a SQLite file's path becomes absolute.

    Raises:
        ConfigError: It is none, or names no file.
    """
    hint = "Set AKATSUKI_DATABASE_URL to such as sqlite:////home/me/registry.db or postgresql://user@host/database."
    try:
        # A path is taken as typed: "%" and "?" may be in a folder's name, and SQLAlchemy's versions differ on them.
        scheme, separator, path = database_url.partition(":///")
        typed = scheme == "sqlite" and bool(separator)
        url = URL.create("sqlite", database=path) if typed else make_url(database_url)
    except (ArgumentError, ValueError) as exc:
        # The text itself is not shown: what looks like no URL may still have a password in it.
        raise ConfigError("the setting database_url is not a database URL", hint=hint) from exc
    if url.get_backend_name() in {"postgresql", "postgres"}:
        return postgresql.with_driver(url)
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise ConfigError(f"the database URL {shown(url)} names no file, and the registry needs one", hint=hint)
    return url.set(database=str(Path(url.database).expanduser().absolute()))


def shown(url: URL) -> str:
    """A URL for people: never with its password."""
    if url.get_backend_name() == "sqlite":  # a path as it is typed, without escapes
        return f"sqlite:///{url.database}" if url.database else "sqlite://"
    # libpq takes a password among the parameters too.
    hidden = {name: "***" if "password" in name else value for name, value in url.query.items()}
    plain = url.set(drivername=url.get_backend_name(), query=hidden).render_as_string(hide_password=True)
    return plain.replace("%2F", "/").replace("%2A", "*")  # a socket's folder as it is typed


def make_private_folder(folder: Path) -> None:
    """Makes a folder and its missing parents, for their owner alone.

    Raises:
        OSError: It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file, and a folder is expected", str(folder))


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Database:
    """Connections to the registry's database; a context manager, thread-safe.

    Args:
        url: From `parse_url`.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.place = url.database if url.get_backend_name() == "sqlite" and url.database else shown(url)
        self._closed = False
        try:
            self.engine: Engine = _create_engine(url)
        except NoSuchModuleError as exc:
            raise ConfigError(
                f"the database URL {shown(url)} is of a kind that is not known",
                hint="Use a sqlite:/// or postgresql:// URL.",
            ) from exc
        except ModuleNotFoundError as exc:
            raise MissingExtraError(
                f"the database URL {shown(url)} needs the Python package {exc.name}",
                hint="pip install 'akatsuki-wasm[postgres]'",
            ) from exc
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_connection)
            event.listen(self.engine, "begin", _begin)
        else:
            postgresql.listen(self.engine)
        self._durable = self.engine.execution_options(**_DURABLE)
        self._light = self.engine.execution_options(**_LIGHT)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """SQLite's file."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def read(self, user: User) -> Iterator[Session]:
        """A session in a read transaction: one consistent view, of what `user` may see where the server decides it."""
        with self._session(self.engine) as session:
            self._begin_as(session, user, read_only=True)
            yield session
            if not self.is_sqlite:
                # Nothing is to be committed, but a rollback costs psycopg its prepared statements.
                session.expunge_all()
                session.commit()

    @contextmanager
    def write(self, user: User) -> Iterator[Session]:
        """A session in a durable write transaction, committed at the end, rolled back when the block raises."""
        with self._writing(self._durable, user) as session:
            yield session

    @contextmanager
    def write_light(self, user: User) -> Iterator[Session]:
        """As `write`, for history: survives the process, not necessarily a power cut.

        On PostgreSQL it is as durable as the others: less than that would not survive the death of the server.
        """
        with self._writing(self._light, user) as session:
            yield session

    @contextmanager
    def _writing(self, engine: Engine, user: User) -> Iterator[Session]:
        with self._session(engine) as session, session.begin():
            # A session takes the lock with its first statement; what a block looks at outside the database (blobs)
            # must be looked at under the lock too.
            self._begin_as(session, user)
            yield session

    def _begin_as(self, session: Session, user: User, *, read_only: bool = False) -> None:
        """Begins, and tells a server with row-level security who acts.

        SQLite has none: there the policy's filters decide alone, and a read begins with its first statement.
        """
        if not self.is_sqlite:
            options = postgresql.acting(user, read_only=read_only)
            try:
                session.connection(execution_options=options)
            except DBAPIError as exc:
                if not exc.connection_invalidated:
                    raise
                # The server closed the connection just now, or restarted: nothing was done yet, so another one will do.
                session.connection(execution_options=options)
        elif not read_only:
            session.connection()

    def act(self, session: Session, user: User) -> None:
        """Goes on in an open transaction for another user, where the server decides who may see and change what."""
        if not self.is_sqlite:
            act(session.connection(), user)

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        if self._closed:
            raise StorageError("the registry is closed", hint="Open it again with Registry.open.")
        # Rows outlive their session: a repository hands them out.
        with failures.database_failures(self.place), Session(engine, expire_on_commit=False) as session:
            yield session

    def serialize(self, session: Session, *keys: str) -> None:
        """Waits until no other transaction that asked for one of `keys` is open; ends with the transaction.

        SQLite has one writer at a time, so there is nothing to do.
        """
        if not self.is_sqlite:
            for key in sorted(keys):
                session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})

    def revision(self) -> str | None:
        """The stored schema revision, or None for a database without our tables."""
        if self.file is not None and not self.file.exists():
            return None
        with failures.database_failures(self.place), self.engine.connect() as connection:
            return schema.stored_revision(connection)

    def login(self) -> postgresql.Login:
        """The role that a PostgreSQL server knows us as."""
        with failures.database_failures(self.place), self.engine.connect() as connection:
            return postgresql.login_of(connection)

    def prepare(self) -> None:
        """Makes SQLite's folder, refuses a newer database, brings an empty or older one up to date.

        A server's database is somebody's decision to change, so an older one there is an error; and so is a login
        that row-level security does not hold for.

        Raises:
            StorageError: The database is newer, older on a server, or unreachable.
            ConfigError: The login on the server can bypass row-level security.
        """
        if self.file is not None:
            try:
                make_private_folder(self.file.parent)
            except OSError as exc:
                raise failures.from_os(exc, str(self.file.parent), "make the registry's folder") from exc
        pending = schema.pending(self.revision(), self.place)
        if not (self.is_sqlite or pending):
            postgresql.refuse_bypass(self.login())
        if self.is_sqlite:
            # Also when nothing is pending: a restored copy may have come without WAL, and light writes rely on it.
            with failures.database_failures(self.place):
                self._use_wal()
        if not pending:
            return
        if not self.is_sqlite:
            raise StorageError(
                f"the registry's database {self.place} lacks {len(pending)} migrations",
                hint="Run `akatsuki db push` as the database's owner.",
            )
        self.migrate()

    def migrate(self) -> tuple[str, ...]:
        """Applies the pending migrations in one transaction; concurrent callers wait for the first.

        Returns:
            The revisions that were applied.

        Raises:
            StorageError: The database is newer, or cannot be written.
        """
        if not schema.pending(self.revision(), self.place):
            return ()
        with failures.database_failures(self.place), self._durable.begin() as connection:
            if not self.is_sqlite:
                # A large table takes longer than a statement of the service may.
                connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('akatsuki:schema', 0))"))
            # Asked again under the lock: another process may have been faster.
            pending = schema.pending(schema.stored_revision(connection), self.place)
            if pending:
                schema.upgrade(connection)
            return pending

    def _use_wal(self) -> None:
        """Switches a file to WAL; the switch needs the file alone for a moment, and SQLite does not wait for that."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            raw = self.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except Exception as exc:
                if "locked" not in str(exc) or time.monotonic() > deadline:
                    raise OperationalError("PRAGMA journal_mode=WAL", None, exc) from exc
                time.sleep(0.02)
            finally:
                raw.close()

    def raw_connection(self) -> PoolProxiedConnection:
        """One of the driver's own, whose errors SQLAlchemy does not turn into its own here."""
        if self._closed:
            raise StorageError("the registry is closed", hint="Open it again with Registry.open.")
        try:
            return self.engine.raw_connection()
        except sqlite3.Error as exc:
            raise OperationalError("connect", None, exc) from exc

    def close(self) -> None:
        """Closes all connections; using the database afterwards raises."""
        self._closed = True
        self.engine.dispose()


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return create_engine(url, json_serializer=_to_json, connect_args={"timeout": BUSY_SECONDS})
    return create_engine(url, json_serializer=_to_jsonb, **postgresql.engine_arguments())


def _to_jsonb(value: Any) -> str:
    """As `_to_json`; PostgreSQL's texts have no NUL character, so another one stands for it."""
    return _NUL.sub(r"\1\\ufffd", _to_json(value))


def _prepare_connection(connection: Any, record: Any) -> None:
    # None hands transactions to `_begin`: the driver would begin a deferred one on its own.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    synchronous = connection.get_execution_options().get("akatsuki_write")
    if synchronous is None:
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
