"""Threads that executions run on: as many as there are slots, told and heard by the event loop at little cost."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

from akatsuki_wasm.sandbox.stack import start_large

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread


class Threads:
    """Threads that take work in the order it comes; they are started when there is work for them.

    Args:
        count: At most.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._busy = 0

    def run(self, work: Callable[[], None]) -> None:
        """Hands work to a thread. It must not raise, and calls `done` on the event loop when it is at its end."""
        self._busy += 1
        if self._busy > len(self._threads) < self._count:
            self._threads.append(start_large(self._serve, f"akatsuki-execution-{len(self._threads)}"))
        self._queue.put(work)

    def done(self) -> None:
        """One piece of work is at its end."""
        self._busy -= 1

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work()

    def stop(self) -> None:
        """Ends the threads when they have nothing more to do; does not wait for them."""
        for _ in self._threads:
            self._queue.put(None)
