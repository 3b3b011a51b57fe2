"""Work on an event loop of its own, within a time of its own, heard in the caller's thread."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

_LOOK_S = 0.05
"""How often it is looked whether the work is still wanted."""
_GRACE_S = 1.0
"""For putting away a connection. Looking up a name cannot be stopped, and is left behind after this time."""


class OutOfTimeError(Exception):
    """The work took longer than it may. No `TimeoutError`, which whoever hears may raise."""


class UnwantedError(Exception):
    """Who waits does not want the work any more."""


def within(
    seconds: float,
    work: Callable[[Callable[[str], None]], Coroutine[Any, Any, T]],
    hear: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> T:
    """Runs a coroutine in a thread with a loop of its own: the caller may be a notebook, which has a running one.

    Args:
        seconds: For all of it.
        work: Gets a function that hands a text to `hear`.
        hear: Is called in the caller's thread, so that it may draw; what it raises ends the work.
        cancelled: Asked in the caller's thread, whether the work is to end.

    Raises:
        OutOfTimeError: It took longer.
        UnwantedError: It was cancelled.
    """
    outcome: Future[T] = Future()
    texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def limited() -> T:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        try:
            async with asyncio.timeout(seconds):
                return await work(texts.put)
        except TimeoutError as exc:
            raise OutOfTimeError from exc

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(limited()))
        except BaseException as exc:  # noqa: BLE001 - handed to the caller's thread, which raises it
            outcome.set_exception(exc)
        finally:
            texts.put(None)

    thread = threading.Thread(target=run, name="akatsuki-model", daemon=True)
    ends = time.monotonic() + seconds + _GRACE_S
    thread.start()
    try:
        while (text := _next(texts, ends, cancelled)) is not None:
            hear(text)
        return outcome.result()
    except queue.Empty:
        _cancel(running, thread)
        raise OutOfTimeError from None
    except BaseException:
        # Ctrl-C in the caller's thread: the request must not go on, it costs.
        _cancel(running, thread)
        raise
    finally:
        thread.join(_GRACE_S)


def _next(texts: queue.SimpleQueue[str | None], ends: float, cancelled: Callable[[], bool]) -> str | None:
    """The next text, or None at the end.

    Raises:
        queue.Empty: The time is up.
        UnwantedError: The work was cancelled.
    """
    while True:
        if cancelled():
            raise UnwantedError
        left = ends - time.monotonic()
        try:
            return texts.get(timeout=max(0.0, min(left, _LOOK_S)))
        except queue.Empty:
            if left <= _LOOK_S:
                raise


def _cancel(
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]], thread: threading.Thread
) -> None:
    for loop, task in running:
        if task is not None and thread.is_alive() and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
