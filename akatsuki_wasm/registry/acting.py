"""Who acts in a transaction, and how a PostgreSQL server is told, so that its row-level security decides by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

from akatsuki_wasm.contracts import User

if TYPE_CHECKING:
    from sqlalchemy import Connection

UPKEEP = User(UUID(int=0), "upkeep", is_admin=True)
"""The service itself, where it works for nobody in particular: garbage, retention, counts."""

ROLE = "authenticated"
"""The database role that every transaction takes: row-level security holds for it."""


def claims(user: User) -> str:
    """The claims of a user as PostgREST and Supabase hand them to policies: ``request.jwt.claims``, JSON."""
    facts: dict[str, object] = {"sub": str(user.id), "role": ROLE}
    if user.is_admin:
        facts["app_metadata"] = {"role": "admin"}
    return json.dumps(facts)


def begin_as(user: User) -> str:
    """SQL that makes the rest of a PostgreSQL transaction the user's.

    It is sent together with BEGIN, so it has its values in it: an id and nothing else, which needs no quoting.
    """
    return f"SET LOCAL ROLE {ROLE}; SET LOCAL request.jwt.claims = '{claims(user)}'"


def act(connection: Connection, user: User) -> None:
    """Makes the rest of an open PostgreSQL transaction another user's."""
    connection.exec_driver_sql(begin_as(user))
