"""From what an execution raised to a failure that says what panicked, where, and with which input."""

from __future__ import annotations

import re

from akatsuki_wasm.contracts import CheckKind, Failure
from akatsuki_wasm.errors import GuestTrap

_PLACE = re.compile(r" panicked: .*, line (\d+)$", re.DOTALL)
"""The panic hook of built modules (rust_templates/guest/src/panics.rs) ends with the author's line."""


def panic_line(error: BaseException) -> int | None:
    """The line of the author's file where the guest panicked, from 1, or None where it did not or does not say."""
    found = _PLACE.search(str(error)) if isinstance(error, GuestTrap) else None
    return int(found[1]) if found else None


def failure_of(
    error: Exception, kind: CheckKind, case: str, expected: str, *, subject: str = "", advice: str = ""
) -> Failure:
    """The failure for a call that raised.

    Args:
        error: What it raised.
        kind: Who asked for the call.
        case: The call, as text.
        expected: What it should have given, as text.
        subject: What the message begins with; the call where empty.
        advice: What to write instead, or empty.
    """
    got = str(error)
    return Failure(kind, case, expected, got, f"{subject or case} failed: {got}", panic_line(error), advice)
