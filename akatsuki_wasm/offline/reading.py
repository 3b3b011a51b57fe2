"""Reads a prompt: which operations it names, in which order, how strong, with which numbers, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.binding import bind_intensities, bind_numbers
from akatsuki_wasm.offline.choosing import choose
from akatsuki_wasm.offline.lexicon import load_lexicon
from akatsuki_wasm.offline.mentions import Choice, find_mentions, negate
from akatsuki_wasm.offline.normalise import normalise
from akatsuki_wasm.offline.operations import KINDS, Kind
from akatsuki_wasm.offline.scanning import Token, scan

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Reading:
    """What was read from a prompt.

    Attributes:
        choices: Operations in the order in which they apply.
        understood: Words that chose something.
        unknown: Words that mean nothing to the catalogue.
        refused: Words for what no operation can do.
        remarks: Sentences about what was assumed.
        subjects: Kinds that the prompt's nouns speak of.
    """

    choices: tuple[Choice, ...]
    understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    subjects: frozenset[Kind] = frozenset()

    @property
    def is_convincing(self) -> bool:
        """Whether what was understood outweighs what was not."""
        if not self.choices or self.refused:
            return False
        return bool(self.subjects) or len(self.unknown) <= len(self.choices)


def read(prompt: str) -> Reading:
    """Reads a prompt. Never fails; an unreadable prompt gives a reading without choices."""
    text = normalise(prompt)
    tokens = scan(text, load_lexicon())
    subjects = frozenset(kind for kind in KINDS if any(token.means(kind) for token in tokens))
    mentions = find_mentions(tokens, subjects)
    negate(tokens, mentions, text)
    remarks = [f"read {token.text!r} as {token.corrected!r}" for token in tokens if token.corrected]
    stressed = bind_intensities(tokens, mentions)
    numbered, number_remarks = bind_numbers(tokens, mentions)
    remarks += number_remarks
    choices, choice_remarks = choose(mentions)
    remarks += choice_remarks
    named = {mention.first for mention in mentions}
    used = named | stressed | numbered
    used |= (
        {i for i, token in enumerate(tokens) if token.means("not-before") or token.means("not-after")}
        if named
        else set()
    )
    unused_numbers = [token.text for i, token in enumerate(tokens) if token.number is not None and i not in numbered]
    return Reading(
        choices=choices,
        understood=_unique(tokens[i].text for i in sorted(used)),
        unknown=_unique([*(token.text for token in tokens if token.is_unknown), *unused_numbers]),
        refused=_unique(_refused(tokens, named, text)),
        remarks=tuple(remarks),
        subjects=subjects,
    )


def _refused(tokens: list[Token], named: set[int], text: str) -> Iterable[str]:
    for index, token in enumerate(tokens):
        if token.means("out-of-reach"):
            yield token.text
        elif token.means("part"):
            before = index - 1
            while before >= 0 and tokens[before].text in ("the", "a", "an", "my", "all", "your", "any"):
                before -= 1
            acted_on = before >= 0 and (before in named or tokens[before].means("verb") is not None)
            if acted_on or text.startswith(("を", "だけ", "のみ"), token.end):
                yield token.text
        elif token.means("verb") and not named:
            yield token.text


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
