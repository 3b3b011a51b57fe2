"""A batch's results as they come in, from several threads: each writes rows that no other writes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.contracts import BatchValue, RowError, Texts
from akatsuki_wasm.sandbox.limits import result_too_large
from akatsuki_wasm.sandbox.scalars import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from akatsuki_wasm import wit
    from akatsuki_wasm.contracts import Limits

    Array = npt.NDArray[Any]

ROW_ERROR_BYTES = 64
"""What a row's error is charged against the result limit besides its text."""


class Output:
    """The result of one batch.

    Args:
        type_: What a row's value is.
        rows: Of the batch.
        function: For messages.
        limits: Of the execution; texts and errors are charged against the result limit.
        max_errors: Most errors that are kept, or None for all.

    Attributes:
        values: The result's array, or None where it is of texts.
    """

    def __init__(
        self, type_: wit.Primitive, rows: int, function: str, limits: Limits, max_errors: int | None = None
    ) -> None:
        self._rows, self._function, self._limits = rows, function, limits
        self._lock = threading.Lock()
        self._left = limits.result_bytes
        self._valid: Array | None = None
        self._texts: dict[int, Texts] = {}
        self._errors: list[RowError] = []
        self._failed = 0
        self._max_errors = rows if max_errors is None else max_errors
        is_text = type_.name in ("string", "char")
        # Not zeroed: every row is written, and pages that were touched here would be touched twice.
        self.values: Array | None = None if is_text else np.empty(rows, DTYPES[type_.name])

    def spend(self, size: int) -> None:
        """Counts bytes that are about to be copied.

        Raises:
            ResultTooLargeError: All together are past the limit.
        """
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise result_too_large(self._function, self._limits)

    def mark(self, start: int, stop: int, valid: Array | None) -> None:
        """Says which of some rows have a value; None for all of them."""
        if valid is None:
            return
        if self._valid is None:  # made when the first null is met
            with self._lock:
                if self._valid is None:
                    self._valid = np.ones(self._rows, np.bool_)
        self._valid[start:stop] = valid

    def put_texts(self, start: int, texts: Texts) -> None:
        """Takes the texts of rows from `start` on, checked and copied already."""
        self._texts[start] = texts

    def errors_wanted(self, start: int) -> int:
        """How many errors of rows from `start` on may still be among the first ones."""
        if self._max_errors >= self._rows:
            return self._max_errors
        with self._lock:
            return max(0, self._max_errors - sum(error.row < start for error in self._errors))

    def fail(self, errors: Iterable[RowError], count: int) -> None:
        """Takes errors of some rows, of which `count` failed in all."""
        with self._lock:
            self._errors += errors
            self._failed += count

    def value(self) -> BatchValue:
        """All of it, when every row is done."""
        errors = tuple(sorted(self._errors)[: self._max_errors])
        values: Any = self.values
        if values is None:
            values = tuple(self._texts[start] for start in sorted(self._texts))
        return BatchValue(values, self._valid, errors, self._failed - len(errors))
