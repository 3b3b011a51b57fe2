"""CPU seconds of a day: what each user spent, as all processes recorded it, known without asking for each request.

A user's bill is read from the history when the user comes first, on a thread. Afterwards it grows with what this
process executes, and is read again in the background every `REFRESH_S` while the user keeps coming, which adds what
other processes executed. So the limit holds over all processes with a delay of that time, and executions under way may
exceed it by what is left of them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from akatsuki_wasm.errors import QuotaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import OwnerType, User

log = logging.getLogger(__name__)

REFRESH_S = 5.0
"""A bill older than this is read again."""
_SETTLED_S = 60.0
"""An execution is in the history so long after its time, at the latest, clocks that differ included."""
_DAY_S = 86_400
_FEW = 1024
"""Bills that are kept without looking through them."""
_IDLE_S = 60.0
"""A bill that nobody asked for so long is forgotten when they are looked through."""


class Spent(Protocol):
    """Reads what a user spent from `since` until before `until`, seconds; on a thread."""

    def __call__(
        self, user: User, owner_type: OwnerType, since: datetime, until: datetime | None = None, /
    ) -> float: ...


class _Bill:
    """What one user spent on modules of one owner type in one UTC day.

    Attributes:
        day: Number of the day since 1970.
        is_known: Whether `spent` is to be believed.
        spent: Seconds, with all that is known.
        settled: Seconds until `settled_until`, which are not read again.
        settled_until: Unix time.
        since_read: Seconds that this process added since the last reading began.
        read_at: Unix time of the last reading's beginning.
        used_at: Unix time of the last request.
        reading: The reading under way.
    """

    __slots__ = ("day", "is_known", "read_at", "reading", "settled", "settled_until", "since_read", "spent", "used_at")

    def __init__(self, day: int, *, is_known: bool) -> None:
        self.day, self.is_known = day, is_known
        self.spent = self.settled = self.since_read = self.read_at = self.used_at = 0.0
        self.settled_until = float(day * _DAY_S)
        self.reading: asyncio.Task[None] | None = None


class DailyCpu:
    """Bills of the users who came lately; for one event loop alone.

    Args:
        settings: The limits by owner type.
        spent: Reads the history.
        clock: Unix time, seconds.
    """

    def __init__(self, settings: Settings, spent: Spent, *, clock: Callable[[], float] = time.time) -> None:
        self._allowed = {
            owner_type: settings.quota(owner_type).cpu_seconds_per_day for owner_type in ("system", "admin", "user")
        }
        self._spent = spent
        self._clock = clock
        self._bills: dict[tuple[int, OwnerType], _Bill] = {}
        self._look_through_at = _FEW

    def known(self, user: User, owner_type: OwnerType) -> bool:
        """Checks the limit by what is known; False where nothing is and `read` must be awaited.

        Raises:
            QuotaError: The user spent what the day has.
        """
        allowed = self._allowed[owner_type]
        if allowed is None:
            return True
        now = self._clock()
        bill = self._bills.get((user.id.int, owner_type))
        if bill is None:
            return False
        if now >= (bill.day + 1) * _DAY_S:  # a day that has just begun has cost nothing yet, or almost nothing
            bill = self._bills[user.id.int, owner_type] = _Bill(int(now // _DAY_S), is_known=True)
        elif not bill.is_known:
            return False
        bill.used_at = now
        if now - bill.read_at > REFRESH_S and bill.reading is None:
            self._begin_reading(bill, user, owner_type)
        if bill.spent >= allowed:
            raise _exceeded(owner_type, bill.spent, allowed, (bill.day + 1) * _DAY_S - now)
        return True

    async def read(self, user: User, owner_type: OwnerType) -> None:
        """Waits for the first reading of a user's bill, which all who wait share.

        Raises:
            StorageError: The history cannot be read.
        """
        key = user.id.int, owner_type
        bill = self._bills.get(key)
        if bill is None:
            self._forget_idle()
            bill = self._bills[key] = _Bill(int(self._clock() // _DAY_S), is_known=False)
            bill.used_at = self._clock()
        # One who is cancelled does not take the reading from the others.
        await asyncio.shield(bill.reading or self._begin_reading(bill, user, owner_type))

    def add(self, user: User, owner_type: OwnerType, seconds: float) -> None:
        """Adds what an execution of this process took."""
        bill = self._bills.get((user.id.int, owner_type))
        if bill is not None:
            bill.spent += seconds
            bill.since_read += seconds

    def __len__(self) -> int:
        return len(self._bills)

    def _begin_reading(self, bill: _Bill, user: User, owner_type: OwnerType) -> asyncio.Task[None]:
        bill.reading = asyncio.get_running_loop().create_task(self._read(bill, user, owner_type))
        bill.reading.add_done_callback(_log_failure)
        return bill.reading

    async def _read(self, bill: _Bill, user: User, owner_type: OwnerType) -> None:
        began = self._clock()
        bill.since_read = 0.0
        settles_until = max(bill.settled_until, began - _SETTLED_S)

        def ask() -> tuple[float, float]:
            # What is settled is read once, so that a busy day does not make each reading longer than the last.
            since, until = (datetime.fromtimestamp(each, UTC) for each in (bill.settled_until, settles_until))
            more = self._spent(user, owner_type, since, until) if until > since else 0.0
            return more, self._spent(user, owner_type, until)

        try:
            more, recent = await asyncio.get_running_loop().run_in_executor(None, ask)
        finally:
            bill.read_at, bill.reading = began, None
        bill.settled += more
        bill.settled_until = settles_until
        bill.spent = bill.settled + recent + bill.since_read
        bill.is_known = True

    def _forget_idle(self) -> None:
        if len(self._bills) < self._look_through_at:
            return
        old = self._clock() - _IDLE_S
        self._bills = {key: bill for key, bill in self._bills.items() if bill.used_at > old or bill.reading}
        self._look_through_at = max(_FEW, 2 * len(self._bills))


def _log_failure(reading: asyncio.Task[None]) -> None:
    """Those who wait for a reading are told; one in the background has only the log."""
    if not reading.cancelled() and (error := reading.exception()) is not None:
        log.warning("what a user spent today could not be read: %s", error)


def _exceeded(owner_type: OwnerType, spent: float, allowed: float, seconds_left: float) -> QuotaError:
    left = timedelta(seconds=math.ceil(seconds_left))
    return QuotaError(
        f"your executions of {owner_type} modules took {spent:.1f} s today, and {allowed:g} s are allowed in a day",
        hint=f"The next day begins at 00:00 UTC, in {left}.",
        retry_after=seconds_left,
    )
