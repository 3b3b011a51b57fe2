"""The rows of a batch, handed out in order to whoever computes next."""

from __future__ import annotations

import threading

CHUNK_ROWS = 64 * 1024
"""Most rows of a call. 16K to 128K was measured best: below 8K the calls show, above it the caches overflow."""
FIRST_ROWS = 1024
"""Rows of the first call, which shows what a row takes."""
CHUNK_S = 0.02
"""A call of slow rows is made so short, so that progress, cancellation and the other threads' work keep in step."""
LEAST_ROWS = 8 * 1024
"""Towards the end the calls get shorter down to this, so that no thread works on alone."""


class Feed:
    """Hands out ranges of rows, each once; threads may ask at once.

    Args:
        rows: Of the batch.
        chunk_s: Most seconds that a call should take.

    Attributes:
        rows: Of the batch.
        done: Rows that were computed.
    """

    def __init__(self, rows: int, chunk_s: float = CHUNK_S) -> None:
        self.rows, self.done = rows, 0
        self._chunk_s = chunk_s
        self._lock = threading.Lock()
        self._next = 0
        self._stopped = False
        self._row_s = self._guest_row_s = 0.0
        self._sharers = 1

    def take(self) -> range | None:
        """The next rows to compute, or None where nothing is left or the batch was stopped."""
        with self._lock:
            left = self.rows - self._next
            if left <= 0 or self._stopped:
                return None
            start = self._next
            self._next += min(left, self._size(left))
            return range(start, self._next)

    def _size(self, left: int) -> int:
        if not self.done:
            return FIRST_ROWS
        size = CHUNK_ROWS
        if self._row_s * size > self._chunk_s:
            size = max(1, int(self._chunk_s / self._row_s))
        if self._sharers > 1:
            size = min(size, max(LEAST_ROWS, left // (2 * self._sharers)))
        return size

    def finish(self, rows: range, seconds: float, guest_s: float) -> None:
        """Counts rows as computed, in so many seconds, of which the guest took some."""
        with self._lock:
            self.done += len(rows)
            self._row_s, self._guest_row_s = seconds / len(rows), guest_s / len(rows)

    def share(self, threads: int) -> None:
        """Says how many threads take from here."""
        self._sharers = threads

    def stop(self) -> None:
        """Hands out nothing more."""
        self._stopped = True

    @property
    def guest_s_left(self) -> float:
        """Seconds that a guest would take for what was not handed out yet, as far as is known."""
        return (self.rows - self._next) * self._guest_row_s
