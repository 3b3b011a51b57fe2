"""Who may do what with a module: one table, read as a Python function and as a SQLAlchemy expression.

The table is DESIGN's permission matrix. Each cell is a set of *grounds*; a user may do the operation when one of them
holds. `allows` asks it of one module, `where` makes the same question a filter for queries; there is no second copy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, get_args

from sqlalchemy import and_, false, or_, true

from akatsuki_wasm.registry.types import contains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement

    from akatsuki_wasm.contracts import OwnerType, Status, User
    from akatsuki_wasm.registry.models import WasmModule

Operation = Literal["create", "read", "execute", "update", "delete", "disable"]
"""``disable`` is changing the status between active and disabled, both ways."""

Ground = Literal["everyone", "admin", "owner", "public", "shared"]

OPERATIONS: tuple[Operation, ...] = get_args(Operation)


class Governed(Protocol):
    """What the policy needs to know of a module: a row, or a `StoredModule`."""

    @property
    def owner_id(self) -> UUID: ...
    @property
    def owner_type(self) -> OwnerType: ...
    @property
    def is_public(self) -> bool: ...
    @property
    def allowed_users(self) -> Sequence[UUID]: ...
    @property
    def status(self) -> Status: ...


def _grounds(*grounds: Ground) -> frozenset[Ground]:
    return frozenset(grounds)


RULES: Mapping[OwnerType, Mapping[Operation, frozenset[Ground]]] = {
    "system": {
        "create": _grounds("admin"),
        "read": _grounds("everyone"),
        "execute": _grounds("everyone"),
        "update": _grounds("admin"),
        "delete": _grounds("admin"),
        "disable": _grounds("admin"),
    },
    "admin": {
        "create": _grounds("admin"),
        "read": _grounds("admin"),
        "execute": _grounds("admin"),
        "update": _grounds("admin"),
        "delete": _grounds("admin"),
        "disable": _grounds("admin"),
    },
    "user": {
        "create": _grounds("owner"),  # every user, for himself
        "read": _grounds("owner", "public", "shared", "admin"),
        "execute": _grounds("owner", "public", "shared"),
        "update": _grounds("owner"),
        "delete": _grounds("owner", "admin"),
        "disable": _grounds("owner", "admin"),
    },
}
"""Grounds by owner type and operation. Executing also needs the status `active`, whatever the ground."""


class Records(NamedTuple):
    """Who may do what with the rows of another table.

    Attributes:
        owner: The column that says whose a row is.
        grounds: Grounds by SQL's command, ``owner`` and ``admin`` alone; a command that is not there is nobody's.
    """

    owner: str
    grounds: Mapping[str, frozenset[Ground]]


_OWN, _ADMIN, _EITHER = _grounds("owner"), _grounds("admin"), _grounds("owner", "admin")

RECORDS: Mapping[str, Records] = {
    # The past is not rewritten; upkeep, which acts as an admin, takes off what is old.
    "wasm_executions": Records("executor_id", {"select": _EITHER, "insert": _OWN, "delete": _ADMIN}),
    "generations": Records("owner_id", {"select": _EITHER, "insert": _OWN}),
    "idempotency_keys": Records("owner_id", {"select": _EITHER, "insert": _OWN, "update": _OWN, "delete": _EITHER}),
    "designs": Records("owner_id", {"select": _EITHER, "insert": _OWN, "update": _EITHER, "delete": _ADMIN}),
}
"""The tables beside the modules. PostgreSQL's row-level security holds to it; the repositories ask for no more."""


def allows(user: User, operation: Operation, module: Governed) -> bool:
    """Whether `user` may do `operation` with `module`."""
    if operation == "execute" and module.status != "active":
        return False
    # Looked at one by one, as each execution asks: most are decided by the first or second.
    grounds = RULES[module.owner_type][operation]
    return (
        "everyone" in grounds
        or ("admin" in grounds and user.is_admin)
        or ("owner" in grounds and module.owner_id == user.id)
        or ("public" in grounds and module.is_public)
        or ("shared" in grounds and user.id in module.allowed_users)
    )


@lru_cache(maxsize=512)  # building it costs as much as asking a database
def where(user: User, operation: Operation, module: type[WasmModule]) -> ColumnElement[bool]:
    """The same question as a filter over the table of `module` (the model, or an alias of it)."""
    holds: dict[Ground, ColumnElement[bool]] = {
        "everyone": true(),
        "admin": true() if user.is_admin else false(),
        "owner": module.owner_id == user.id,
        "public": module.is_public.is_(True),
        "shared": contains(module.allowed_users, str(user.id)),
    }
    permitted = or_(
        *(
            and_(module.owner_type == owner_type, or_(*(holds[ground] for ground in sorted(rules[operation]))))
            for owner_type, rules in RULES.items()
        )
    )
    return and_(module.status == "active", permitted) if operation == "execute" else permitted


def published(user: User, module: type[WasmModule]) -> ColumnElement[bool]:
    """A filter: modules that `user` sees without being their owner or an admin looking at a user's private ones."""
    seen = or_(
        module.owner_type == "system",
        and_(
            module.owner_type == "user",
            or_(module.is_public.is_(True), contains(module.allowed_users, str(user.id))),
        ),
    )
    return or_(seen, module.owner_type == "admin") if user.is_admin else seen
