"""Reads a prompt: which operations it names, in which order, how strong, with which numbers, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.binding import bind_intensities, bind_numbers, bind_settings
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
        is_clear: Whether words that mean little else name an operation.
    """

    choices: tuple[Choice, ...]
    understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    subjects: frozenset[Kind] = frozenset()
    is_clear: bool = True

    @property
    def is_convincing(self) -> bool:
        """Whether what was understood outweighs what was not."""
        if not self.choices or self.refused:
            return False
        if self.subjects:
            return True
        return not self.unknown or (
            self.is_clear and len(self.unknown) <= max(len(self.choices), (len(self.understood) + 1) // 2)
        )


def read(prompt: str) -> Reading:
    """Reads a prompt. Never fails; an unreadable prompt gives a reading without choices."""
    text = normalise(prompt)
    tokens = scan(text, load_lexicon())
    subjects = frozenset(kind for kind in KINDS if any(token.means(kind) for token in tokens))
    mentions = find_mentions(tokens, subjects)
    negate(tokens, mentions, text)
    remarks = [f"read {token.text!r} as {token.corrected!r}" for token in tokens if token.corrected]
    set_by = bind_settings(tokens, mentions)
    stressed = bind_intensities(tokens, mentions)
    numbered, number_remarks = bind_numbers(tokens, mentions)
    remarks += number_remarks
    choices, choice_remarks = choose(mentions)
    remarks += choice_remarks
    named = {mention.first for mention in mentions}
    used = named | set_by | stressed | numbered
    used |= (
        {i for i, token in enumerate(tokens) if token.means("not-before") or token.means("not-after")}
        if named
        else set()
    )
    unused_numbers = [token.text for i, token in enumerate(tokens) if token.number is not None and i not in numbered]
    return Reading(
        choices=choices,
        understood=_unique(tokens[i].text for i in sorted(used)),
        unknown=_unique([*_unknown(tokens, used), *unused_numbers]),
        refused=_unique(_refused(tokens, named, text)),
        remarks=tuple(remarks),
        subjects=subjects,
        is_clear=any(not mention.phrase.is_weak for mention in mentions),
    )


def _unknown(tokens: list[Token], used: set[int]) -> Iterable[str]:
    """Words that mean nothing, and those whose only meaning found no place here."""
    for index, token in enumerate(tokens):
        roles = {each.role for each in token.meanings if each.operation is None or not each.operation.shape}
        idle = bool(roles & {"operation", "setting"}) and roles <= {"operation", "setting", "knob"}
        if token.is_unknown or (idle and index not in used):
            yield token.text


def _refused(tokens: list[Token], named: set[int], text: str) -> Iterable[str]:
    for index, token in enumerate(tokens):
        if token.means("out-of-reach"):
            yield token.text
        elif token.means("part"):
            before = index - 1
            while before >= 0 and tokens[before].text in ("the", "a", "an", "my", "all", "your", "any"):
                before -= 1
            acted_on = before >= 0 and (
                before in named
                or tokens[before].means("verb") is not None
                or tokens[before].text in ("make", "turn", "only")
            )
            if acted_on or text.startswith(("を", "だけ", "のみ", "に"), token.end):
                yield token.text
        elif token.means("verb") and not named:
            yield token.text


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
