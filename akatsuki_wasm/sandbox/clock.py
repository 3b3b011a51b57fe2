"""The epoch clock: makes guests give control back, and ticks only while something executes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from akatsuki_wasm.sandbox import ffi

if TYPE_CHECKING:
    import wasmtime

TICK_S = 0.005
"""Resolution of slices and deadlines."""
_IDLE_TICKS = 40
_PATIENCE_S = 0.05
"""How often one who waits for a slot looks whether it still should."""


class Clock:
    """Increments an engine's epoch every `TICK_S` while instances are in use, on a daemon thread.

    The epoch follows the wall clock: a tick that comes late (the thread needs the GIL, and busy Python threads may keep
    it) increments by all the ticks that were missed. So lateness does not add up, as it would with one increment for
    each wake-up, where a 50 ms deadline was seen to fire after 241 to 644 ms.

    Args:
        engine: Whose epoch it is; kept alive.
        slots: How many instances may be in use at once; more wait.

    Attributes:
        epoch: How often the engine's epoch was incremented.
    """

    def __init__(self, engine: wasmtime.Engine, slots: int) -> None:
        self._engine = engine
        self._address = ffi.address(engine)
        self._slots = slots
        self._lock = threading.Lock()
        self._slot_free = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._active = 0
        self._entries = 0
        self.epoch = 0
        self._origin = 0.0
        self._asleep = True
        self._stopped = False

    def try_enter(self) -> bool:
        """Takes a slot if one is free; every slot is given back by one `leave`."""
        with self._lock:
            if self._active >= self._slots:
                return False
            self._active += 1
            self._entries += 1
            if self._asleep:
                self._awake()
            return True

    def wait(self) -> None:
        """Waits until a slot may be free, or for `_PATIENCE_S`."""
        with self._lock:
            if self._active >= self._slots:
                self._slot_free.wait(_PATIENCE_S)

    def leave(self) -> None:
        """Gives a slot back."""
        with self._lock:
            if self._active >= self._slots:
                self._slot_free.notify()
            self._active -= 1

    def stop(self) -> None:
        """Ends the thread; the clock is not used again."""
        self._stopped = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)

    @property
    def ticking(self) -> bool:
        """Whether the thread is awake."""
        return not self._asleep

    @property
    def active(self) -> int:
        """Slots in use."""
        return self._active

    def _awake(self) -> None:
        """Starts counting from now, so that the sleep is not made up for."""
        self._asleep = False
        self._origin = time.monotonic() - self.epoch * TICK_S
        if self._thread is None:
            self._thread = threading.Thread(target=self._tick, name="akatsuki-epochs", daemon=True)
            self._thread.start()
        self._wake.set()

    def _tick(self) -> None:
        seen, idle = -1, 0
        while True:
            self._wake.wait()
            if self._stopped:
                return
            time.sleep(TICK_S)
            due = int((time.monotonic() - self._origin) / TICK_S)
            while self.epoch < due:
                ffi.increment_epoch(self._address)
                self.epoch += 1
            idle = idle + 1 if self._active == 0 and self._entries == seen else 0
            seen = self._entries
            if idle >= _IDLE_TICKS:
                with self._lock:
                    if self._active == 0 and self._entries == seen:
                        self._asleep = True
                        self._wake.clear()
                        idle = 0
