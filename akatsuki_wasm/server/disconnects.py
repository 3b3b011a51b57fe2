"""Notices that a client went away while its execution goes on, and cancels that."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from akatsuki_wasm.contracts import Control

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from fastapi import Request

log = logging.getLogger(__name__)

PATIENCE_S = 0.1
"""Most executions are done before; only for longer ones a task listens, which costs more than they do."""


class RequestControl(Control):
    """The control of a request's execution, which also ends the wait for a slot. `cancel` it on the event loop alone.

    Attributes:
        waiting: The request's task while it waits for a slot, else None.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        super().__init__()
        self.waiting: asyncio.Task[object] | None = None

    def cancel(self) -> None:
        """As `Control.cancel`; who waits for a slot leaves the queue."""
        super().cancel()
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None


async def admitted(admission: Coroutine[None, None, None], control: Control) -> None:
    """Awaits the admission of an execution, until its control is cancelled.

    Raises:
        ClientDisconnect: It was cancelled.
    """
    if not isinstance(control, RequestControl):
        return await admission
    control.waiting = task = asyncio.current_task()
    try:
        await admission
    except asyncio.CancelledError:
        if control.cancelled and task is not None and task.uncancel() == 0:
            raise ClientDisconnect from None
        raise  # by somebody else
    finally:
        control.waiting = None


class Disconnect:
    """A context in which an execution is cancelled when its client goes away.

    Args:
        request: Its body was read to the end.
        control: Of the execution.
    """

    def __init__(self, request: Request, control: Control) -> None:
        self._request, self._control = request, control
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._listen)

    def _listen(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._gone())

    async def _gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass  # an empty end of the body
        log.debug("a client went away: its execution is cancelled")
        self._control.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
