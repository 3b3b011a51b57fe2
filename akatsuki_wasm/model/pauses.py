"""The pauses that servers ask for, and whether there is time for them."""

from __future__ import annotations

import email.utils
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

USED_UP = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of 429 that no pause helps against."""
NOT_IMPLEMENTED = 501
_PASSING = {408, 409, 429}


def pause_wanted(headers: Mapping[str, str]) -> float | None:
    """Seconds until the server wants to be asked again, or None where it does not say.

    ``retry-after`` is a number of seconds or a date (RFC 9110, section 10.2.3); OpenAI has ``retry-after-ms`` besides.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        until = email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, until - time.time())


def is_passing(status: int) -> bool:
    """Whether the client asks again after such a failure."""
    return status in _PASSING or status >= 500


async def hold_back(response: Any, deadline: float) -> None:
    """Keeps the client from asking again where that is of no use: nothing there, no money, or no time for the pause.

    Args:
        response: Of a failure; its header ``x-should-retry`` is the client's own way of being told.
        deadline: On the monotonic clock.
    """
    if not is_passing(response.status_code):
        return
    await response.aread()
    pause = pause_wanted(response.headers)
    too_long = pause is not None and pause > deadline - time.monotonic()
    if too_long or response.status_code == NOT_IMPLEMENTED or any(code in response.text for code in USED_UP):
        response.headers["x-should-retry"] = "false"


def in_words(seconds: float) -> str:
    """A pause for people, never too short."""
    if seconds < 120:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{math.ceil(minutes / 60)} h"
