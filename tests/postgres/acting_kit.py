"""Raw SQL as a user: the role `authenticated` with his claims, on the service's login."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from akatsuki_wasm.registry.acting import claims

from .pg_kit import APP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from akatsuki_wasm.contracts import User

    from .pg_kit import TestDatabase


class Acting:
    """A connection whose transaction is a user's. Nothing that is tried is kept."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def column(self, query: str, *values: object) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self.connection.execute(query, values)]

    def attempt(self, query: str | sql.Composable, *values: object) -> str:
        """What became of a statement: ``done``, ``nothing`` where no row was met, ``refused``."""
        try:
            with self.connection.transaction() as transaction:
                met = self.connection.execute(query, values).rowcount
                raise psycopg.Rollback(transaction)
        except psycopg.errors.InsufficientPrivilege:
            return "refused"
        return "done" if met else "nothing"

    def insert(self, table: str, row: Mapping[str, object]) -> str:
        """What became of a new row."""
        return self.attempt(insertion(table, row), *map(plain, row.values()))


@contextmanager
def acting(database: TestDatabase, user: User | str, role: str = APP) -> Iterator[Acting]:
    """Acts for a user, or with claims as they are given."""
    facts = user if isinstance(user, str) else claims(user)
    with psycopg.connect(database.url(role)) as connection, connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL ROLE authenticated")
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [facts])
        yield Acting(connection)


def insertion(table: str, row: Mapping[str, object]) -> sql.Composed:
    """The statement for a row with these columns."""
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )


def plain(value: object) -> object:
    """A value as psycopg takes it: objects and lists are jsonb here."""
    return json.dumps(value, default=str) if isinstance(value, (dict, list, tuple)) else value
