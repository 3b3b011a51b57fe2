"""Says what the catalogue could not serve, what it can, and how to set up a language model: in one line each."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import NoMatchError
from akatsuki_wasm.offline.operations import KINDS, Kind, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.offline.reading import Reading

_OTHERWISE = "for anything else set OPENAI_API_KEY and add --generator openai."
_OFFERS: dict[Kind, str] = {
    "image": "For images it has {count} operations, such as vintage, grayscale, blur and resize",
    "column": "For numbers it has {count} functions, such as z_score and haversine, and it reads formulas",
    "text": "For texts it has {count} functions, such as slug, word_count and mask_email",
}
_HEADLESS = re.compile(r"[^\W_]\s*[*/^+]\s*[\w(]|\bif\b.*\bthen\b|\?.*:|squared")


def no_match(reading: Reading, prompt: str = "") -> NoMatchError:
    """The error for a prompt that the catalogue does not serve."""
    if reading.refused:
        reason = f"it cannot do what these words ask for: {_quoted(reading.refused)}"
    elif reading.unknown:
        reason = f"it did not understand: {_quoted(reading.unknown)}"
    elif not reading.choices and reading.remarks:
        reason = f"nothing is left to do: {'; '.join(reading.remarks)}"
    else:
        reason = "the prompt names no operation"
    return NoMatchError(
        f"the offline catalogue has nothing for this prompt; {reason}", hint=f"{_offer(reading, prompt)}; {_OTHERWISE}"
    )


def _quoted(words: Sequence[str]) -> str:
    shown = [f'"{word}"' if len(word) <= 40 else f'"{word[:37]}..."' for word in words[:8]]
    return ", ".join(shown) + (f" and {len(words) - 8} more" if len(words) > 8 else "")


def _offer(reading: Reading, prompt: str) -> str:
    """What it can do instead, in a few words: the nearest operations, else those of the prompt's kind."""
    if not reading.refused and not reading.choices and _HEADLESS.search(prompt):
        return "Give a formula a name, such as f(x) = x^2 + 3"
    near = list(dict.fromkeys([*(choice.operation.id for choice in reading.choices), *_close(reading)]))
    if near:
        return f"Close to it: {', '.join(near[:4])}"
    counts = {kind: len(load_catalogue().of_kind(kind)) for kind in KINDS}
    if len(reading.subjects) == 1:
        (kind,) = reading.subjects
        return _OFFERS[kind].format(count=counts[kind])
    return (
        f"It has {counts['image']} operations on images, {counts['column']} on numbers and {counts['text']} on texts, "
        "and reads formulas such as f(x) = x^2"
    )


def _close(reading: Reading) -> list[str]:
    words = reading.unknown
    ids = [each.id for each in load_catalogue().operations.values() if each.kind in (reading.subjects or KINDS)]
    found = []
    for word in words[:8]:
        if len(word) >= 4:
            found += difflib.get_close_matches(word[:40], ids, n=2, cutoff=0.65)
    return found[:4]
