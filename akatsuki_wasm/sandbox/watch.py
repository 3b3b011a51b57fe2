"""One execution's clock and bill: whether it may go on, and what it has cost so far."""

from __future__ import annotations

import math
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from akatsuki_wasm.sandbox.clock import TICK_S
from akatsuki_wasm.sandbox.limits import cancelled, timed_out

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Control, Limits
    from akatsuki_wasm.sandbox.instance import Instance

LONGEST_SLICE_S = 0.03
"""A guest gives control back at least this often: what a cancellation or a signal waits for at most, besides a tick.
Shorter slices cost nothing where Python is idle; with busy Python threads, each wait for the GIL takes up to 5 ms for
each of them."""


@lru_cache(maxsize=256)
def _slice(timeout_ms: int) -> int:
    seconds = timeout_ms / 1000
    return max(1, math.ceil(seconds / math.ceil(seconds / LONGEST_SLICE_S) / TICK_S))


class Watch:
    """The deadline, the cancellation and the costs of one execution, however many instances and threads it takes.

    Args:
        limits: Of the execution.
        control: Who may cancel it; None for nobody.

    Attributes:
        slice: Epochs after which a guest gives control back. A whole number of slices makes up the time limit, so that
            a guest is back when its deadline passes and not almost a slice later.
        guest_s: Seconds in the guest's function.
        instantiation_s: Seconds that making stores and instances took.
        memory_bytes: Linear memory of the instances that are done.
        fuel_used: Units of work of the instances that are done, or None where no fuel limit was asked for.
    """

    __slots__ = (
        "_control",
        "_deadline",
        "_limits",
        "_lock",
        "fuel_used",
        "guest_s",
        "instantiation_s",
        "memory_bytes",
        "slice",
    )

    def __init__(self, limits: Limits, control: Control | None = None) -> None:
        self._limits, self._control = limits, control
        self._deadline: float | None = None
        self._lock = threading.Lock()
        self.guest_s = self.instantiation_s = 0.0
        self.memory_bytes = 0
        self.fuel_used = None if limits.fuel is None else 0
        self.slice = _slice(limits.timeout_ms)

    def begin(self) -> None:
        """Starts the time, once: when the first instance has its slot."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._limits.timeout_ms / 1000

    def look(self, function: str) -> None:
        """Raises if the execution must not go on.

        Args:
            function: For the message.

        Raises:
            ExecutionCancelled: It was cancelled.
            ExecutionTimeout: Its time is over.
        """
        if self._control is not None and self._control.cancelled:
            raise cancelled(function)
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise timed_out(function, self._limits)

    def count(self, instance: Instance) -> None:
        """Adds what an instance has cost; called once, when it is closed."""
        used = instance.fuel_used
        with self._lock:
            self.guest_s += instance.guest_s
            self.instantiation_s += instance.instantiation_s
            self.memory_bytes += instance.memory_bytes
            if used is not None:
                self.fuel_used = (self.fuel_used or 0) + used
