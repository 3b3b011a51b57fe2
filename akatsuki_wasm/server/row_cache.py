"""What the service knows of modules that are executed, for at most `fresh_ms`.

An execution asks for its module's row as the acting user, so that row-level security decides where there is one. The
answer holds for `fresh_ms`: within that time a change that another process makes is seen here. One that this process
makes is seen at once, by `RowCache.forget`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from akatsuki_wasm.errors import NotFoundError

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
    read_at: float


class RowCache:
    """Rows by module and user. Used on the event loop; `forget` on any thread.

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
        self._reading: dict[tuple[UUID, Who], asyncio.Task[Known]] = {}
        self._forgot_at = 0.0

    async def get(self, user: User, module_id: UUID) -> Known:
        """A row that is at most `fresh_ms` old. One that is half as old is read again meanwhile, for the next caller.

        Raises:
            NotFoundError: There is none that the user may read.
            StorageError: The database failed.
        """
        entry = self._entry(user, module_id)
        now = time.monotonic()
        if entry is None or now > entry.read_at + self._fresh_s:
            return await asyncio.shield(self._read(user, module_id))
        if now > entry.read_at + self._fresh_s / 2:
            self._read(user, module_id)
        return entry.known

    def forget(self, module_id: UUID) -> None:
        """Forgets a module that was changed; safe from any thread."""
        self._forgot_at = time.monotonic()
        self._drop(module_id)

    def _drop(self, module_id: UUID) -> None:
        for entry in list(self._modules.pop(module_id, {}).values()):
            self._executables.pop(_key(entry.known.stored), None)

    def _entry(self, user: User, module_id: UUID) -> _Entry | None:
        users = self._modules.get(module_id)
        return None if users is None else users.get((user.id, user.is_admin))

    def _read(self, user: User, module_id: UUID) -> asyncio.Task[Known]:
        """Reads a row on a thread, once for all who want it now."""
        key = module_id, (user.id, user.is_admin)
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.get_running_loop().create_task(self._reads(user, module_id))

            def over(done: asyncio.Task[Known]) -> None:
                del self._reading[key]
                if not done.cancelled() and isinstance(done.exception(), NotFoundError):
                    self._drop(module_id)

            task.add_done_callback(over)
        return task

    async def _reads(self, user: User, module_id: UUID) -> Known:
        read_at = time.monotonic()
        stored = await asyncio.to_thread(lambda: self._registry.modules(user).get(module_id).to_stored())
        known = Known(stored, self._executable(stored))
        if read_at > self._forgot_at:  # else it may be from before the change
            self._put(user, known, read_at)
        return known

    def _put(self, user: User, known: Known, read_at: float) -> None:
        users = self._modules.setdefault(known.stored.id, {})
        self._modules.move_to_end(known.stored.id)
        if len(users) >= MAX_USERS:
            users.clear()
        users[user.id, user.is_admin] = _Entry(known, read_at)
        if len(self._modules) > MAX_MODULES:
            self._modules.popitem(last=False)

    def _executable(self, stored: StoredModule) -> ExecutableModule:
        manifest: Manifest = stored.manifest
        key = _key(stored)
        found = self._executables.get(key)
        if found is None or found.manifest != manifest:
            found = self._executables[key] = self._registry.executable(stored)
            if len(self._executables) > MAX_MODULES:
                self._executables.popitem(last=False)
        return found


def _key(stored: StoredModule) -> tuple[str, str]:
    """Modules with the same bytes share what is executed, but for the name in its messages."""
    return stored.digest, f"{stored.name}@{stored.version}"
