"""Executions that go on: cancelled when the process stops, and when their module may not be executed any longer."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from akatsuki_wasm.errors import AkatsukiError, NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.server.disconnects import RequestControl

log = logging.getLogger(__name__)

LOOK_S = 0.25
"""How often what goes on is looked at; with the age that a module's row may have, the second that is stated."""


class _Begun(NamedTuple):
    user: User
    module_id: UUID
    at: float


class UnderWay:
    """Executions that threads work on. Used on the event loop.

    Args:
        check: Raises `PermissionDeniedError` or `NotFoundError` where a user may not execute a module.
    """

    def __init__(self, check: Callable[[User, UUID], Awaitable[object]]) -> None:
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._begun: dict[RequestControl, _Begun] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._begun)

    def add(self, control: RequestControl, user: User, module_id: UUID) -> None:
        """An execution has begun."""
        self._begun[control] = _Begun(user, module_id, self._loop.time())
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def remove(self, control: RequestControl) -> None:
        """It has ended."""
        self._begun.pop(control, None)

    def cancel_all(self) -> None:
        """Asks all of them to stop."""
        for control in list(self._begun):
            control.cancel()

    def stop(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> None:
        self._timer = None
        if not self._begun:
            return
        self._timer = self._loop.call_later(LOOK_S, self._look)
        if self._looking is None or self._looking.done():
            self._looking = self._loop.create_task(self._ask())

    async def _ask(self) -> None:
        """Asks once for each user and module whose execution has taken a while, most take none."""
        before = self._loop.time() - LOOK_S
        asked: dict[tuple[UUID, bool, UUID], tuple[User, list[RequestControl]]] = {}
        for control, (user, module_id, at) in self._begun.items():
            if at <= before:
                asked.setdefault((user.id, user.is_admin, module_id), (user, []))[1].append(control)
        for (_, _, module_id), (user, controls) in asked.items():
            try:
                await self._check(user, module_id)
            except (NotFoundError, PermissionDeniedError) as exc:
                log.debug("%d executions are cancelled: %s", len(controls), exc)
                for control in controls:
                    control.revoke(exc)
            except AkatsukiError as exc:
                log.debug("whether an execution may go on is not known: %s", exc)
