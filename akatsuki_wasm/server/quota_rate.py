"""How often one user may ask: a token bucket for each user who asked lately."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import QuotaError

if TYPE_CHECKING:
    from collections.abc import Callable

_FEW = 1024
"""Buckets that are kept without looking through them."""


class Rates:
    """Token buckets by user. A full bucket is forgotten: it is as good as none.

    Args:
        rate: Requests in a second, on average; None for no limit.
        clock: Seconds, monotonic.
    """

    def __init__(self, rate: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, 2 * (rate or 0))
        self._clock = clock
        self._full_at: dict[int, float] = {}
        self._look_through_at = _FEW

    def check(self, user: int) -> None:
        """Takes one token.

        Raises:
            QuotaError: There is none; it says when there will be.
        """
        if self._rate is None:
            return
        # A bucket is kept as the time when it is full again; each request puts that off by one token's time.
        now = self._clock()
        full_at = max(self._full_at.get(user, now), now) + 1 / self._rate
        beyond = full_at - now - self._burst / self._rate
        if beyond > 1e-9:
            raise QuotaError(
                f"more than {self._rate:g} requests in a second, which is what one user may send",
                hint="Send them more slowly.",
                retry_after=beyond,
            )
        self._full_at[user] = full_at
        if len(self._full_at) > self._look_through_at:
            self._forget_full(now)

    def _forget_full(self, now: float) -> None:
        self._full_at = {user: full_at for user, full_at in self._full_at.items() if full_at > now}
        self._look_through_at = max(_FEW, 2 * len(self._full_at))

    def __len__(self) -> int:
        return len(self._full_at)
