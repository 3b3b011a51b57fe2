"""Finds where a prompt names operations, in which order it wants them, and which it leaves out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.lexicon import Meaning, keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.offline.operations import Kind, Operation, Phrase
    from akatsuki_wasm.offline.scanning import Token

MAX_MENTIONS = 60
"""Named operations that are looked at: more are no wish, and the work between them grows with the square."""

_JOINS = ("と", "や", "も", "・", "および")


@dataclass
class Mention:
    """One place where the prompt names an operation.

    Attributes:
        operation: Which.
        phrase: By which words.
        first: Index of its token.
        group: Operations of a later group come later, whatever their stage; a number that only orders.
        negated: Whether the prompt leaves it out.
        factor: Product of the intensity words.
        direction: -1 where words such as "less" turn it around.
        values: Parameters that numbers set.
        stressed: Whether intensity words or numbers belong to it.
    """

    operation: Operation
    phrase: Phrase
    first: int
    group: float
    negated: bool = False
    factor: float = 1.0
    direction: int = 1
    values: dict[str, float] = field(default_factory=dict)
    stressed: bool = False


@dataclass(frozen=True)
class Choice:
    """An operation to be applied, with the defaults that the words chose."""

    operation: Operation
    values: Mapping[str, float | str]
    label: str
    group: float = 0.0


def find_mentions(tokens: list[Token], subjects: frozenset[Kind]) -> list[Mention]:
    """The operations that the tokens name, in the order of the text."""
    mentions: list[Mention] = []
    group, lowest, highest = 0.0, 0.0, 0.0
    ambiguous: list[tuple[int, float, list[Meaning]]] = []
    for index, token in enumerate(tokens):
        if token.means("then"):
            highest += 1.0
            group = highest
        elif token.means("after") and mentions:
            lowest -= 1.0
            group = lowest
        named = [meaning for meaning in token.meanings if meaning.role == "operation"]
        if len(mentions) >= MAX_MENTIONS:
            break
        if not named or _is_knob(token, index, tokens, mentions) or _is_absorbed(named, index, tokens, mentions):
            continue
        if len({meaning.operation.kind for meaning in named if meaning.operation}) > 1:
            ambiguous.append((index, group, named))
        else:
            # Words such as "call and put" name several of a kind, and mean them all.
            mentions += [_mention(meaning, index, group) for meaning in named]
    kinds = {mention.operation.kind for mention in mentions}
    for index, place, named in ambiguous:
        best = max(named, key=lambda each: _fit(each, subjects, kinds))
        mentions.append(_mention(best, index, place))
    return sorted(mentions, key=lambda mention: mention.first)


def _fit(meaning: Meaning, subjects: frozenset[Kind], kinds: set[Kind]) -> tuple[bool, bool, bool]:
    assert meaning.operation is not None  # noqa: S101 - its role is operation
    kind = meaning.operation.kind
    return (kind in subjects, kind in kinds, kind == "image")


def _mention(meaning: Meaning, index: int, group: float) -> Mention:
    assert meaning.operation is not None  # noqa: S101 - its role is operation
    assert meaning.phrase is not None  # noqa: S101 - its role is operation
    return Mention(meaning.operation, meaning.phrase, index, group)


def _is_absorbed(named: list[Meaning], index: int, tokens: list[Token], mentions: list[Mention]) -> bool:
    """Whether the words only say what the operation before them does, as in 色相を45度回転."""
    if not mentions or any(token.is_break for token in tokens[mentions[-1].first : index]):
        return False
    return any(each.operation is not None and each.operation.id in mentions[-1].operation.absorbs for each in named)


def _is_knob(token: Token, index: int, tokens: list[Token], mentions: list[Mention]) -> bool:
    """Whether a word that is an operation elsewhere ("size") names a parameter of the one before, with a number."""
    knob = token.means("knob")
    if knob is None or not mentions:
        return False
    if not any(each.number is not None for each in tokens[index + 1 : index + 3]):
        return False
    return any(names_knob(mention.operation, knob.value) for mention in mentions[-1:])


def names_knob(operation: Operation, word: tuple[str, ...]) -> str | None:
    """The parameter of `operation` that `word` (keys of the lexicon) names, or None."""
    for knob in operation.knobs:
        if any(keys(each) == word for each in (knob.name, *knob.words)):
            return knob.name
    return None


def negate(tokens: list[Token], mentions: list[Mention], text: str) -> None:
    """Marks the mentions that the prompt leaves out: "without grain", 粒状なし."""
    by_token = {mention.first: mention for mention in mentions}
    for index, token in enumerate(tokens):
        if token.means("not-before"):
            _negate_following(index, tokens, by_token)
        if token.means("not-after"):
            before = [mention for mention in mentions if mention.first < index]
            while before and not any(each.is_break for each in tokens[before[-1].first : index]):
                mention = before.pop()
                mention.negated = True
                gap = text[tokens[before[-1].first].end : tokens[mention.first].start] if before else ""
                if gap.strip() not in _JOINS:
                    break


def _negate_following(index: int, tokens: list[Token], by_token: dict[int, Mention]) -> None:
    """Negates the next operation, those joined to it by "or", and bare ones joined by "and" after "without"."""
    joined = True
    for place in range(index + 1, len(tokens)):
        token = tokens[place]
        mention = by_token.get(place)
        if mention is not None:
            if not joined:
                return
            mention.negated = True
            joined = False
        elif token.text in ("or", "nor") or (token.text == "and" and tokens[index].text.startswith("without")):
            following = by_token.get(place + 1)
            joined = token.text != "and" or (following is not None and not following.phrase.values)
            if not joined:
                return
        elif token.is_break or not token.means("ignored") or not joined:
            return
