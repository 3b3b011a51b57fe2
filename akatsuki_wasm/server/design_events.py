"""Events of designs as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A stream reads the database, so it follows a design of any process, and a design does not know who follows it. One look
of the process serves all its streams: it asks for the newest event of each design that is followed, and only streams
that have something to send read on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from akatsuki_wasm.documents import moment
from akatsuki_wasm.errors import AkatsukiError, QuotaError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.designs import FINAL_EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.registry import Registry
    from akatsuki_wasm.registry.service_models import DesignEvent

log = logging.getLogger(__name__)

LOOK_S = 0.2
KEEP_ALIVE_S = 15.0
"""Proxies close a connection on which nothing came for a minute or so; a comment is no event."""
RETRY_MS = 1_000
"""After which a browser connects again."""
STREAMS_OF_USER = 32
"""Streams that one user may have open at one process."""
_READ = 200
"""Events that are read at once; a reader that does not take them keeps no more in memory."""
_FINAL = frozenset(FINAL_EVENTS.values())


class DesignFeed:
    """Lets streams wait for events. Used on the event loop alone.

    Args:
        registry: Where events are.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._everything = registry.designs(UPKEEP)
        self._waiting: dict[UUID, set[tuple[int, asyncio.Future[bool]]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._open: dict[UUID, int] = {}

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return sum(self._open.values())

    def check_room(self, user: User) -> None:
        """Refuses one stream too many.

        Raises:
            QuotaError: The user has as many as he may have.
        """
        if self._open.get(user.id, 0) >= STREAMS_OF_USER:
            raise QuotaError(
                f"you follow {STREAMS_OF_USER} designs already: no more may be followed at once",
                hint="Close one of the streams.",
                retry_after=5.0,
            )

    def stop(self) -> None:
        """Ends all streams; their readers connect again, to another process."""
        self._is_stopping = True
        for waiters in self._waiting.values():
            for _, waiter in waiters:
                if not waiter.done():
                    waiter.set_result(False)

    async def stream(self, user: User, design_id: UUID, after: int) -> AsyncIterator[bytes]:
        """The events of a design from behind one of them, as they come, until the last one.

        Args:
            user: Who reads, and may.
            design_id: Of the design.
            after: Number of the event that the reader has.
        """
        self._open[user.id] = self._open.get(user.id, 0) + 1
        rows = self._registry.designs(user)
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            while not self._is_stopping:
                events = await run_in_threadpool(rows.events, design_id, after=after, limit=_READ)
                if events:
                    after = events[-1].number
                    yield b"".join(map(frame, events))
                    if is_over(events):
                        return
                    if len(events) == _READ:
                        continue
                while not await self._wait(design_id, after):
                    if self._is_stopping:
                        return
                    yield b": nothing new\n\n"
        except AkatsukiError as exc:
            # The answer has begun, so it cannot become a problem: the reader connects again.
            log.warning("a stream of the design %s ends: %s", design_id, exc)
        finally:
            self._open[user.id] -= 1
            if not self._open[user.id]:
                del self._open[user.id]

    async def _wait(self, design_id: UUID, after: int) -> bool:
        """Waits for events behind one; says whether there are any, or that it is time for a sign of life."""
        waiter = asyncio.get_running_loop().create_future()
        entry = (after, waiter)
        self._waiting.setdefault(design_id, set()).add(entry)
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="akatsuki-design-feed")
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                return bool(await waiter)
        except TimeoutError:
            return False
        finally:
            self._waiting[design_id].discard(entry)
            if not self._waiting[design_id]:
                del self._waiting[design_id]

    async def _look(self) -> None:
        """Looks for news of all followed designs while there are any."""
        try:
            while self._waiting:
                await asyncio.sleep(LOOK_S)
                followed = list(self._waiting)
                try:
                    newest = await run_in_threadpool(self._everything.latest, followed)
                except AkatsukiError as exc:
                    log.warning("events of designs cannot be read now: %s", exc)
                    continue
                for design_id, number in newest.items():
                    for after, waiter in self._waiting.get(design_id, ()):
                        if number > after and not waiter.done():
                            waiter.set_result(True)
        finally:
            self._task = None


def is_over(events: Sequence[DesignEvent]) -> bool:
    """Whether the last of these events is the last of its design."""
    return bool(events) and events[-1].kind in _FINAL


def frame(event: DesignEvent) -> bytes:
    """One event as it is sent: its number as ``id``, its kind as ``event``, and JSON on one line as ``data``."""
    data = {"at": moment(event.created_at, exact=True), **event.data}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return f"id: {event.number}\nevent: {event.kind}\ndata: {text}\n\n".encode()
