"""What the service knows of modules that are executed, for at most `fresh_ms`.

An execution asks for its module's row as the acting user, so that row-level security decides where there is one. The
answer holds for `fresh_ms`: within that time a change that another process makes is seen here. One that this process
makes is seen at once, by `RowCache.forget`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID

    from akatsuki_wasm.contracts import ExecutableModule, Manifest, StoredModule, User
    from akatsuki_wasm.registry.registry import Registry

MAX_MODULES = 2_000
"""Modules that are known at once; the one asked for longest ago goes first."""
MAX_USERS = 2_000
"""Users of one module that are known at once."""

Who = tuple["UUID", bool]


class Known(NamedTuple):
    """A module's row as a user may read it, and the same for execution plugins."""

    stored: StoredModule
    executable: ExecutableModule


class _Entry(NamedTuple):
    known: Known
    until: float


class RowCache:
    """Rows by module and user. Used on the event loop; `read` on any thread.

    Args:
        registry: Where they are.
        fresh_ms: How long an answer holds.
    """

    def __init__(self, registry: Registry, fresh_ms: int) -> None:
        self._registry = registry
        self._fresh_s = fresh_ms / 1e3
        self._modules: OrderedDict[UUID, dict[Who, _Entry]] = OrderedDict()
        # Plans of calls are kept by the manifest's identity, so one digest keeps one manifest.
        self._executables: OrderedDict[tuple[str, str], ExecutableModule] = OrderedDict()

    def get(self, user: User, module_id: UUID) -> Known | None:
        """What is known and fresh, or None: then `read` it and `put` it."""
        users = self._modules.get(module_id)
        if users is None:
            return None
        entry = users.get((user.id, user.is_admin))
        if entry is None or entry.until < time.monotonic():
            return None
        return entry.known

    def read(self, user: User, module_id: UUID) -> Known:
        """Reads a row as the user.

        Raises:
            NotFoundError: There is none that the user may read.
            StorageError: The database failed.
        """
        stored = self._registry.modules(user).get(module_id).to_stored()
        return Known(stored, self._executable(stored))

    def put(self, user: User, known: Known, read_at: float) -> None:
        """Keeps a row.

        Args:
            user: Who read it.
            known: From `read`.
            read_at: `time.monotonic` from before it was read: the row is as old as that.
        """
        users = self._modules.setdefault(known.stored.id, {})
        self._modules.move_to_end(known.stored.id)
        if len(users) >= MAX_USERS:
            users.clear()
        users[user.id, user.is_admin] = _Entry(known, read_at + self._fresh_s)
        if len(self._modules) > MAX_MODULES:
            self._modules.popitem(last=False)

    def forget(self, module_id: UUID) -> None:
        """Forgets a module that was changed; safe from any thread."""
        self._modules.pop(module_id, None)

    def _executable(self, stored: StoredModule) -> ExecutableModule:
        manifest: Manifest = stored.manifest
        key = stored.digest, f"{stored.name}@{stored.version}"
        found = self._executables.get(key)
        if found is None or found.manifest != manifest:
            found = self._executables[key] = self._registry.executable(stored)
            if len(self._executables) > MAX_MODULES:
                self._executables.popitem(last=False)
        return found
