"""Who acts in a transaction, and how a PostgreSQL server is told, so that its row-level security decides by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from akatsuki_wasm.contracts import User

if TYPE_CHECKING:
    from sqlalchemy import Connection

UPKEEP = User(UUID(int=0), "upkeep", is_admin=True)
"""The service itself, where it works for nobody in particular: garbage, retention, counts."""

ROLE = "authenticated"
"""The database role that every transaction takes: row-level security holds for it."""

_ACT = text(f"SELECT set_config('role', '{ROLE}', true), set_config('request.jwt.claims', :claims, true)")


def claims(user: User) -> str:
    """The claims of a user as PostgREST and Supabase hand them to policies: ``request.jwt.claims``, JSON."""
    facts: dict[str, object] = {"sub": str(user.id), "role": ROLE}
    if user.is_admin:
        facts["app_metadata"] = {"role": "admin"}
    return json.dumps(facts)


def act(connection: Connection, user: User) -> None:
    """Makes the rest of a PostgreSQL transaction the user's; it may be called again for another user."""
    connection.execute(_ACT, {"claims": claims(user)})
