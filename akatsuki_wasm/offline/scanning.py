"""Finds known phrases, numbers and unknown words in a prompt: the longest match wins, left to right."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from akatsuki_wasm.offline.lexicon import Lexicon, Meaning, Raw, Role, keys, split

NumberUnit = Literal["", "percent", "pixels", "degrees", "times", "size", "ratio"]

_UNIT = re.compile(
    r"\s*(?:(?P<percent>%|percent(?![a-z])|パーセント)|(?P<pixels>px(?![a-z])|pixels?(?![a-z])|ピクセル|画素)"
    r"|(?P<tenths>割)"
    r"|(?P<degrees>°|deg(?:rees?)?(?![a-z])|度)|(?P<times>x(?![a-z0-9])|倍))"
)
_SIZE = re.compile(r"\s*[x*]\s*(\d{1,5})(?![\d.a-z])(?:\s*(?:px(?![a-z])|pixels?(?![a-z])|ピクセル))?")
_RATIO = re.compile(r"\s*[:対]\s*(\d{1,2})(?![\d.a-z%])")
_UNKNOWN_RUN = re.compile(r"[\u4e00-\u9fff々〆]{1,40}|[\u30a1-\u30fa\u30fc]{1,40}|[^\W\d_a-z\u3041-\u3096]{1,40}")
_MAX_CORRECTIONS = 8
"""Unknown words that are compared with known ones: comparing costs about a millisecond each."""


@dataclass(frozen=True)
class Token:
    """A phrase, number, break or unknown word.

    Attributes:
        text: As it stands in the normalised prompt.
        start: Place of its first character.
        end: Place after its last character.
        meanings: What it may mean; empty for an unknown word, a number or a break.
        number: The value, for a number.
        unit: What follows the number; for ``size`` and ``ratio`` `second` holds the second side.
        second: See `unit`.
        is_break: Whether it ends a clause.
        corrected: The known word that an unknown one was taken for.
    """

    text: str
    start: int
    end: int
    meanings: tuple[Meaning, ...] = ()
    number: float | None = None
    unit: NumberUnit = ""
    second: float = 0.0
    is_break: bool = False
    corrected: str = field(default="", compare=False)

    def means(self, role: Role) -> Meaning | None:
        """The first meaning of that role, or None."""
        for meaning in self.meanings:
            if meaning.role == role:
                return meaning
        return None

    @cached_property
    def ends_clause(self) -> bool:
        """Whether words do not reach past it. A colon or bracket joins: "vignette: 0.4", "blur (radius 3)"."""
        return (self.is_break and self.text not in ":()[]=") or bool(self.means("then") or self.means("after"))

    @property
    def is_unknown(self) -> bool:
        return not self.meanings and self.number is None and not self.is_break


def scan(text: str, lexicon: Lexicon) -> list[Token]:
    """Normalised text as tokens; hiragana that belongs to no phrase is grammar and vanishes."""
    raws = split(text)
    tokens: list[Token] = []
    place = 0
    while place < len(raws):
        length = _longest(raws, place, lexicon)
        raw = raws[place]
        if length:
            found = raws[place : place + length]
            tokens.append(_known(text, found, lexicon))
            place += length
        elif raw.kind == "number":
            token = _number(text, raw)
            tokens.append(token)
            place += 1
            while place < len(raws) and raws[place].start < token.end:
                place += 1
        elif raw.kind == "break":
            tokens.append(Token(raw.key, raw.start, raw.end, is_break=True))
            place += 1
        else:
            place = _unknown(text, raws, place, lexicon, tokens)
    return _with_corrections(tokens, lexicon)


def _known(text: str, found: list[Raw], lexicon: Lexicon) -> Token:
    start, end = found[0].start, found[-1].end
    shown = text[start:end]
    known = tuple(
        meaning
        for meaning in lexicon.meanings[tuple(each.key for each in found)]
        if meaning.phrase is None or not meaning.phrase.is_exact or meaning.phrase.text == shown
    )
    for meaning in known:
        if meaning.role == "number":
            return Token(shown, start, end, number=meaning.value, unit="times")
    return Token(shown, start, end, known)


def _longest(raws: list[Raw], place: int, lexicon: Lexicon) -> int:
    for length in lexicon.lengths.get(raws[place].key, ()):
        if tuple(raw.key for raw in raws[place : place + length]) in lexicon.meanings:
            return length
    return 0


def _number(text: str, raw: Raw) -> Token:
    value = float(raw.key.replace(",", ""))
    size = _SIZE.match(text, raw.end)
    if size and value.is_integer() and value >= 0:
        return Token(
            text[raw.start : size.end()], raw.start, size.end(), number=value, unit="size", second=float(size[1])
        )
    ratio = _RATIO.match(text, raw.end)
    if ratio and 0 < value < 100 and float(ratio[1]):
        return Token(
            text[raw.start : ratio.end()], raw.start, ratio.end(), number=value, unit="ratio", second=float(ratio[1])
        )
    unit = _UNIT.match(text, raw.end)
    if unit is None:
        return Token(raw.key, raw.start, raw.end, number=value)
    if unit.lastgroup == "tenths":
        return Token(text[raw.start : unit.end()], raw.start, unit.end(), number=value * 10, unit="percent")
    name: NumberUnit = unit.lastgroup  # type: ignore[assignment]  # the group names are the unit names
    return Token(text[raw.start : unit.end()], raw.start, unit.end(), number=value, unit=name)


def _unknown(text: str, raws: list[Raw], place: int, lexicon: Lexicon, tokens: list[Token]) -> int:
    raw = raws[place]
    if raw.kind == "word":
        tokens.append(Token(text[raw.start : raw.end], raw.start, raw.end))
        return place + 1
    run = _UNKNOWN_RUN.match(text, raw.start)
    if run is None:
        return place + 1
    after = place + 1
    while after < len(raws) and raws[after].start < run.end() and not _longest(raws, after, lexicon):
        after += 1
    end = raws[after - 1].end
    tokens.append(Token(text[raw.start : end], raw.start, end))
    return after


def _with_corrections(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Unknown Latin words of five letters or more become the one known word that they are close to."""
    budget = _MAX_CORRECTIONS
    result = []
    for token in tokens:
        if token.is_unknown and budget and len(token.text) >= 5 and token.text.isascii() and token.text.isalpha():
            budget -= 1
            result.append(_corrected(token, lexicon))
        else:
            result.append(token)
    return result


def _corrected(token: Token, lexicon: Lexicon) -> Token:
    near = [word for word in lexicon.words if abs(len(word) - len(token.text)) <= 2 and word[0] == token.text[0]]
    close = difflib.get_close_matches(token.text, near, n=4, cutoff=0.8)
    if not close:
        return token
    known = lexicon.meanings[keys(close[0])]
    ids = {meaning.operation.id for word in close for meaning in lexicon.meanings[keys(word)] if meaning.operation}
    if len(ids) != 1:
        return token
    return Token(token.text, token.start, token.end, known, corrected=close[0])
