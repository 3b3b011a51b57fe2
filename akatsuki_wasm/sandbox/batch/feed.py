"""The rows of a batch, handed out in order to whoever computes next."""

from __future__ import annotations

import threading

CHUNK_BYTES = 3 * 1024 * 1024
"""About so much a call reads and writes: with less the call itself shows, with more the processor's caches overflow."""
LEAST_CHUNK_ROWS, CHUNK_ROWS = 32 * 1024, 128 * 1024
"""Fewest and most rows of a call, however wide they are."""
FIRST_ROWS = 1024
"""Rows of the first call, which shows what a row takes."""
CHUNK_S = 0.02
"""A call of slow rows is made so short, so that progress, cancellation and the other threads' work keep in step."""
LEAST_ROWS = 8 * 1024
"""Towards the end the calls get shorter down to this, so that no thread works on alone."""
SHARED_S = 0.002
"""A rest that takes the guest less is not worth starting threads, which takes 0.1 ms for each."""
SHARED_CALL_S = 0.0005
"""Where a call takes the guest less, copying and Python take most of the time, and a second thread gains nothing."""
SURE_CALL_S = 0.002
"""From here on the first call, which is slow because nothing is in the caches yet, is enough to judge by."""


class Feed:
    """Hands out ranges of rows, each once; threads may ask at once.

    Args:
        rows: Of the batch.
        row_bytes: What a row takes in the guest, about.
        chunk_s: Most seconds that a call should take.

    Attributes:
        rows: Of the batch.
        done: Rows that were computed.
    """

    def __init__(self, rows: int, row_bytes: int, chunk_s: float = CHUNK_S) -> None:
        self.rows, self.done = rows, 0
        self._chunk_rows = min(CHUNK_ROWS, max(LEAST_CHUNK_ROWS, CHUNK_BYTES // row_bytes))
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
        size = self._chunk_rows
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
    def worth_sharing(self) -> bool:
        """Whether several threads would be sooner done with what was not handed out yet, as far as is known."""
        if (self.rows - self._next) * self._guest_row_s < SHARED_S:
            return False
        call_s = self._chunk_rows * self._guest_row_s
        return call_s >= SURE_CALL_S or (call_s >= SHARED_CALL_S and self.done > FIRST_ROWS)
