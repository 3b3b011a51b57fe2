"""Notices that a client went away while its execution goes on, and cancels that."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from starlette.requests import ClientDisconnect

from akatsuki_wasm.contracts import Control

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from fastapi import Request

    from akatsuki_wasm.errors import AkatsukiError

log = logging.getLogger(__name__)

PATIENCE_S = 0.1
"""Most executions are done before; only for longer ones a task listens, which costs more than they do."""


class RequestControl(Control):
    """The control of a request's execution, cancelled when its client goes away. `cancel` it on the event loop alone.

    A context that ends with the request. Its `listen` is called before what may take long.

    Args:
        request: Its body was read to the end when `listen` is called.

    Attributes:
        revoked: Why the user may not execute it any longer, where it is cancelled for that.
    """

    __slots__ = ("_listener", "_request", "_timer", "_waiting", "revoked")

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[object] | None = None
        self.revoked: AkatsukiError | None = None

    def revoke(self, error: AkatsukiError) -> None:
        """As `cancel`, because of an error that is answered then."""
        self.revoked = error
        self.cancel()

    def cancel(self) -> None:
        """As `Control.cancel`; who waits for a slot leaves the queue."""
        super().cancel()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def listen(self) -> None:
        """From now on, a client that goes away cancels the execution."""
        if self._timer is None and self._listener is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._begin_listening)

    def _begin_listening(self) -> None:
        self._timer = None
        self._listener = asyncio.get_running_loop().create_task(self._gone())

    async def _gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass  # an empty end of the body
        log.debug("a client went away: its execution is cancelled")
        self.cancel()

    async def admitted(self, admission: Coroutine[None, None, None]) -> None:
        """Awaits the admission of the execution, until this is cancelled.

        Raises:
            ClientDisconnect: It was cancelled.
        """
        self.listen()
        self._waiting = task = asyncio.current_task()
        try:
            await admission
        except asyncio.CancelledError:
            if self.cancelled and task is not None and task.uncancel() == 0:
                raise ClientDisconnect from None
            raise  # by somebody else
        finally:
            self._waiting = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Both hold this one: they are given up, so that it goes with its request.
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
