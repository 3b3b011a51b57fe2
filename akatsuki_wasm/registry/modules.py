"""The repository of modules: every read and write of `wasm_modules`, as one acting user may do it."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select

from akatsuki_wasm.errors import ArgumentError, ConflictError, NotFoundError, PermissionDeniedError
from akatsuki_wasm.registry import keyset, naming, policy
from akatsuki_wasm.registry.models import WasmModule
from akatsuki_wasm.registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from akatsuki_wasm.contracts import OwnerType, Status, User
    from akatsuki_wasm.registry.policy import Operation
    from akatsuki_wasm.registry.registry import Registry

Access = Literal["readable", "executable", "own"]
"""Which modules of those that a user may read: all, those that he may execute now, or his own."""

MAX_SHARED_WITH = 1_000
"""Users that one module may be shared with: the list is in its row, and is read with it."""

_ORDER: tuple[keyset.Key, ...] = (
    (WasmModule.module_name, False),
    (WasmModule.created_at, True),
    (WasmModule.id, False),
)
_LIST_HINT = "`akatsuki modules list` shows the modules that you may use."


class WasmModuleRepository:
    """Modules as `user` sees them; what he may not read does not exist for him.

    Args:
        registry: An open one.
        user: Who acts.
    """

    def __init__(self, registry: Registry, user: User) -> None:
        self._database = registry.database
        self.user = user

    # ------------------------------------------------------------ one module

    def create(self, module: WasmModule) -> WasmModule:
        """Inserts a row in the user's name. `Registry.store` is the way to store a module with its bytes.

        Raises:
            PermissionDeniedError: The user may not create modules of this owner type.
            ConflictError: The name or the version is taken.
        """
        module.owner_id = self.user.id
        self.check_create(module.owner_type)
        with self._database.write(self.user) as session:
            self.insert(session, module, naming.check_version(module.version))
        return module

    def insert(self, session: Session, module: WasmModule, version: str | None) -> None:
        """Inserts a row in an open write transaction, under `version` or, where None, the next one."""
        name = naming.check_name(module.module_name)
        self._database.serialize(session, f"akatsuki:name:{name}")
        module.version = naming.next_place(session, self.user, name, module.owner_type, version)
        session.add(module)
        session.flush()

    def check_create(self, owner_type: OwnerType) -> None:
        """Refuses owner types that the user may not create.

        Raises:
            PermissionDeniedError: He may not.
        """
        probe = WasmModule(
            owner_id=self.user.id, owner_type=owner_type, is_public=False, allowed_users=(), status="active"
        )
        if not policy.allows(self.user, "create", probe):
            raise PermissionDeniedError(
                f"{self.user.name} may not create {owner_type} modules: only an admin may",
                hint="Store it as a user module, or ask an admin.",
            )

    def get(self, module_id: UUID | str) -> WasmModule:
        """The module of that id.

        Raises:
            NotFoundError: There is none, or the user may not read it.
        """
        with self._database.read(self.user) as session:
            return self._get(session, module_id)

    def _get(self, session: Session, module_id: UUID | str, *, lock: bool = False) -> WasmModule:
        wanted = module_id if isinstance(module_id, UUID) else UUID(module_id) if naming.is_uuid(module_id) else None
        query = select(WasmModule).where(WasmModule.id == wanted, self._may("read"))
        found = session.scalars(query.with_for_update()).one_or_none() if lock else None
        if found is None:  # PostgreSQL's row-level security locks for nobody what he may read and not change
            found = session.scalars(query).one_or_none()
        if found is None:
            raise NotFoundError(f"there is no module with the id {str(module_id)[:80]}", hint=_LIST_HINT)
        return found

    def find(self, reference: str, *, operation: Operation = "read") -> WasmModule:
        """The module that a person means.

        The user's own module wins, then a system module, then one of somebody else. Without a version the newest
        one with which the user may do `operation` is taken, so a disabled version gives way to the one before it
        when it is to be executed.

        Args:
            reference: ``name``, ``name@version`` or an id.
            operation: What the user wants to do with it.

        Raises:
            NotFoundError: There is none, or the user may not read it; the hint names close ones.
            PermissionDeniedError: There is one that he may read, and he may not do `operation` with it.
            ConflictError: Several owners have a module of that name, and none of them is preferred.
        """
        if naming.is_uuid(reference):
            found = [self.get(reference)]
        else:
            name, _, version = reference.partition("@")
            found = self._named(name.replace("_", "-"), version)
        found = self._preferred(found)
        usable = [each for each in found if policy.allows(self.user, operation, each)]
        self._refuse_ambiguous(reference, usable or found)
        newest = max(usable or found, key=lambda row: Version.parse(row.version))
        if not usable:
            raise self._denied(operation, newest)
        return newest

    def _named(self, name: str, version: str) -> list[WasmModule]:
        with self._database.read(self.user) as session:
            rows = session.scalars(select(WasmModule).where(WasmModule.module_name == name, self._may("read"))).all()
            if not rows:
                names = session.scalars(select(WasmModule.module_name).where(self._may("read")).distinct()).all()
                close = difflib.get_close_matches(name, names, n=3)
                hint = f"Did you mean {' or '.join(close)}?" if close else _LIST_HINT
                raise NotFoundError(f"there is no module named {name[:80]!r}", hint=hint)
        found = [row for row in rows if version in {"", row.version}]
        if not found:
            known = sorted({Version.parse(row.version) for row in rows}, reverse=True)
            raise NotFoundError(
                f"the module {name!r} has no version {version[:80]!r}",
                hint=f"It has {', '.join(map(str, known[:8]))}{', …' if len(known) > 8 else ''}.",
            )
        return found

    def _preferred(self, rows: list[WasmModule]) -> list[WasmModule]:
        """Own rows, else system rows, else all; decided before anybody asks which of them are usable.

        So a module that its owner disabled is never replaced by somebody else's of the same name.
        """
        own = [row for row in rows if row.owner_id == self.user.id]
        return own or [row for row in rows if row.is_system] or rows

    def _refuse_ambiguous(self, reference: str, rows: list[WasmModule]) -> None:
        # System modules of one name, and admin modules of one name, are one line each, whichever admin stored them.
        newest = {
            (row.owner_type, row.owner_id if row.is_user_module else None): row
            for row in sorted(rows, key=lambda row: Version.parse(row.version))
        }
        if len(newest) > 1:
            ids = ", ".join(f"{row.id} ({row.version})" for row in sorted(newest.values(), key=lambda row: row.id))
            raise ConflictError(
                f"{reference!r} is ambiguous: {len(newest)} owners have a module of that name: {ids}",
                hint="Name it by its id.",
            )

    def _denied(self, operation: Operation, module: WasmModule) -> PermissionDeniedError:
        label = f"{module.module_name}@{module.version}"
        if operation == "execute" and module.status != "active":
            return PermissionDeniedError(
                f"the module {label} is {module.status}: only active modules execute",
                hint=f"`akatsuki modules enable {label}` makes it active, if you may.",
            )
        return PermissionDeniedError(
            f"{self.user.name} may not {operation} the {module.owner_type} module {label}",
            hint="Ask its owner to share it." if operation == "execute" else "Ask its owner or an admin.",
        )

    # ------------------------------------------------------------ changes

    @contextmanager
    def _changing(self, module_id: UUID | str, operation: Operation) -> Iterator[tuple[Session, WasmModule]]:
        with self._database.write(self.user) as session:
            module = self._get(session, module_id, lock=True)
            if not policy.allows(self.user, operation, module):
                raise self._denied(operation, module)
            yield session, module

    def update(
        self,
        module_id: UUID | str,
        *,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout_ms: int | None = None,
        max_execution_time_ms: int | None = None,
        max_memory_pages: int | None = None,
    ) -> WasmModule:
        """Changes what was given; None leaves a field as it is. Bytes, name and version never change.

        Raises:
            NotFoundError: The user does not see such a module.
            PermissionDeniedError: He may not change it.
            ArgumentError: A limit is outside its range.
        """
        with self._changing(module_id, "update") as (_, module):
            if description is not None:
                module.description = description
            if metadata is not None:
                module.extra = dict(metadata)
            if timeout_ms is not None:
                module.timeout_ms = timeout_ms
            if max_execution_time_ms is not None:
                module.max_execution_time_ms = max_execution_time_ms
            if max_memory_pages is not None:
                module.max_memory_pages = max_memory_pages
            _check_limits(module)
        return module

    def delete(self, module_id: UUID | str) -> None:
        """Deletes a row; its executions stay in the history, its blobs until garbage is collected."""
        with self._changing(module_id, "delete") as (session, module):
            session.delete(module)

    def enable(self, module_id: UUID | str) -> WasmModule:
        """Makes a module active again."""
        return self._set_status(module_id, "active")

    def disable(self, module_id: UUID | str) -> WasmModule:
        """Keeps a module from being executed."""
        return self._set_status(module_id, "disabled")

    def _set_status(self, module_id: UUID | str, status: Status) -> WasmModule:
        with self._changing(module_id, "disable") as (_, module):
            if module.status not in {"active", "disabled"}:
                raise ConflictError(
                    f"the module {module.module_name}@{module.version} is {module.status}, not active or disabled",
                    hint="Store it again.",
                )
            module.status = status
        return module

    def share(self, module_id: UUID | str, users: Iterable[UUID]) -> WasmModule:
        """Lets more users read and execute a module."""
        return self.change_sharing(module_id, add=users)

    def unshare(self, module_id: UUID | str, users: Iterable[UUID]) -> WasmModule:
        """Takes users off again."""
        return self.change_sharing(module_id, remove=users)

    def set_public(self, module_id: UUID | str, public: bool) -> WasmModule:
        """Lets every user read and execute a module, or only those it is shared with."""
        return self.change_sharing(module_id, public=public)

    def change_sharing(
        self,
        module_id: UUID | str,
        *,
        add: Iterable[UUID] = (),
        remove: Iterable[UUID] = (),
        public: bool | None = None,
    ) -> WasmModule:
        """Changes who else may read and execute a module, at once.

        Args:
            module_id: Which one.
            add: Users who may from now on.
            remove: Users who may not any more; who is in both is off.
            public: Whether everybody may; None leaves that as it is.

        Raises:
            NotFoundError: The user does not see such a module.
            PermissionDeniedError: He may not change it.
            ArgumentError: It would be shared with more than `MAX_SHARED_WITH` users.
        """
        with self._changing(module_id, "update") as (_, module):
            allowed = {*module.allowed_users, *add} - {*remove}
            if len(allowed) > MAX_SHARED_WITH:
                raise ArgumentError(
                    f"the module would be shared with {len(allowed)} users, at most {MAX_SHARED_WITH} are possible",
                    hint="Make it public, or take users off.",
                )
            if allowed != {*module.allowed_users}:
                module.allowed_users = tuple(sorted(allowed))
            if public is not None:
                module.is_public = public
        return module

    # ------------------------------------------------------------ lists

    def list_all(self, *, limit: int | None = None) -> list[WasmModule]:
        """Modules that the user may read, by name, those stored last first."""
        return self._list(self._may("read"), limit=limit)

    def list_executable(self, *, limit: int | None = None) -> list[WasmModule]:
        """Modules that the user may execute now."""
        return self._list(self._may("execute"), limit=limit)

    def list_by_owner_type(self, owner_type: OwnerType, *, limit: int | None = None) -> list[WasmModule]:
        """Modules of one owner type that the user may read."""
        return self._list(self._may("read"), WasmModule.owner_type == owner_type, limit=limit)

    def list_system_modules(self, *, limit: int | None = None) -> list[WasmModule]:
        """System modules."""
        return self.list_by_owner_type("system", limit=limit)

    def list_admin_modules(self, *, limit: int | None = None) -> list[WasmModule]:
        """Admin modules; none for who is no admin."""
        return self.list_by_owner_type("admin", limit=limit)

    def list_user_modules(self, user_id: UUID | None = None, *, limit: int | None = None) -> list[WasmModule]:
        """User modules that the user may read: those of `user_id`, or of everybody."""
        if user_id is None:
            return self.list_by_owner_type("user", limit=limit)
        return self._list(
            self._may("read"), WasmModule.owner_type == "user", WasmModule.owner_id == user_id, limit=limit
        )

    def page(
        self,
        limit: int,
        after: tuple[str, datetime, UUID] | None = None,
        *,
        access: Access = "readable",
        owner_type: OwnerType | None = None,
        name: str | None = None,
        status: Status | None = None,
    ) -> list[WasmModule]:
        """A page of the modules that the user may read, in the order of `list_all`.

        Args:
            limit: At most so many.
            after: Name, `created_at` and id of the last module of the page before.
            access: Which of them.
            owner_type: Only these.
            name: Only versions of this name.
            status: Only these.
        """
        conditions = [self._may("read")]
        if access == "executable":
            conditions.append(self._may("execute"))
        if access == "own":
            conditions.append(WasmModule.owner_id == self.user.id)
        wanted = ((WasmModule.owner_type, owner_type), (WasmModule.module_name, name), (WasmModule.status, status))
        conditions += [column == value for column, value in wanted if value is not None]
        if after is not None:
            conditions.append(keyset.beyond(_ORDER, after))
        return self._list(*conditions, limit=limit)

    def _list(self, *conditions: ColumnElement[bool], limit: int | None) -> list[WasmModule]:
        query = select(WasmModule).where(*conditions).order_by(*keyset.ordering(_ORDER)).limit(limit)
        with self._database.read(self.user) as session:
            return list(session.scalars(query).all())

    def _may(self, operation: Operation) -> ColumnElement[bool]:
        return policy.where(self.user, operation, WasmModule)


def _check_limits(module: WasmModule) -> None:
    """Says in words what the table's CHECK constraints say."""
    if not 100 <= module.timeout_ms <= module.max_execution_time_ms <= 30_000:
        raise ArgumentError(
            f"the time limits {module.timeout_ms} ms and at most {module.max_execution_time_ms} ms do not fit: "
            "expected 100 <= timeout_ms <= max_execution_time_ms <= 30000",
            hint="Choose a timeout between 100 and 30000 ms.",
        )
    if not module.memory_pages <= module.max_memory_pages <= 65_536:
        raise ArgumentError(
            f"max_memory_pages is {module.max_memory_pages}: expected {module.memory_pages} to 65536 pages of 64 KiB",
            hint="Choose a limit that the module can start with.",
        )
