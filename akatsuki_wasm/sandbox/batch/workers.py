"""Threads for one batch: started for it, joined at its end, with a caller who waits and can be interrupted.

No pool is kept: a thread takes 0.1 ms, which a batch that is worth sharing does not notice, and so nothing has to
survive a fork or the end of the process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from akatsuki_wasm.sandbox.stack import start_large

if TYPE_CHECKING:
    from collections.abc import Callable


class Workers:
    """Runs the same work on several threads.

    Args:
        work: Called once on each thread; raises nothing.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._running = 0
        self._news = False

    def run(self, count: int, report: Callable[[], None] | None) -> None:
        """Starts them and waits until the work is done. Where this raises, they are still at it: `join` them.

        Args:
            count: Threads; fewer where the system gives no more.
            report: Called on this thread after `tell`, one call at a time, or None.
        """
        for index in range(count):
            with self._changed:
                self._running += 1
            try:
                self._threads.append(start_large(self._run, f"akatsuki-batch-{index}"))
            except RuntimeError:
                if not self._threads:
                    raise
                self._ended()
                break
        running = count
        while running:
            with self._changed:
                while self._running and not (self._news and report):
                    self._changed.wait()
                news, self._news, running = self._news, False, self._running
            if news and report:
                report()

    def join(self) -> None:
        """Waits until all threads have ended, through any number of interrupts: the first is on its way already."""
        for thread in self._threads:
            while thread.is_alive():
                try:
                    thread.join()
                except KeyboardInterrupt:
                    continue

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._ended()

    def _ended(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def tell(self) -> None:
        """Says, on a worker's thread, that there is something to report."""
        with self._changed:
            self._news = True
            self._changed.notify_all()
