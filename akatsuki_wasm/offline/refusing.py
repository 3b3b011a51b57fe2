"""Says what the catalogue could not serve, what it can, and how to set up a language model."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import NoMatchError
from akatsuki_wasm.offline.operations import KINDS, Kind, Operation, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.offline.reading import Reading

_SHOWN = 6
_HEADINGS: dict[Kind, str] = {"image": "images", "column": "numbers", "text": "texts"}


def no_match(reading: Reading) -> NoMatchError:
    """The error for a prompt that the catalogue does not serve."""
    if reading.refused:
        reason = f"it cannot do what these words ask for: {_quoted(reading.refused)}"
    elif reading.unknown:
        reason = f"it did not understand: {_quoted(reading.unknown)}"
    else:
        reason = "the prompt names no operation"
    return NoMatchError(
        f"the offline catalogue has nothing for this prompt; {reason}",
        hint=f"{_offers(reading)} For anything else set up a language model: set OPENAI_API_KEY (and OPENAI_BASE_URL "
        "for another server) and add --generator openai.",
    )


def _quoted(words: Sequence[str]) -> str:
    shown = [f'"{word}"' if len(word) <= 40 else f'"{word[:37]}..."' for word in words[:8]]
    return ", ".join(shown) + (f" and {len(words) - 8} more" if len(words) > 8 else "")


def _offers(reading: Reading) -> str:
    near = [word for choice in reading.choices for word in [choice.operation.id]] + _close(reading.unknown)
    subjects = [kind for kind in KINDS if kind in reading.subjects] or list(KINDS)
    parts = []
    if near:
        parts.append(f"Close: {', '.join(dict.fromkeys(near))}.")
    for kind in subjects:
        operations = load_catalogue().of_kind(kind)
        names = ", ".join(operation.id for operation in _typical(operations))
        parts.append(f"For {_HEADINGS[kind]} it has {len(operations)}, such as {names}.")
    parts.append("It also takes formulas: margin(price, cost) = (price - cost) / price.")
    return " ".join(parts)


def _typical(operations: list[Operation]) -> list[Operation]:
    step = max(1, len(operations) // _SHOWN)
    return operations[::step][:_SHOWN]


def _close(words: Sequence[str]) -> list[str]:
    ids = list(load_catalogue().operations)
    found = []
    for word in words[:8]:
        if len(word) >= 4:
            found += difflib.get_close_matches(word[:40], ids, n=2, cutoff=0.6)
    return found[:4]
