"""Finds where a prompt names operations, in which order it wants them, and which it leaves out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.lexicon import Meaning, keys
from akatsuki_wasm.offline.operations import KINDS, Phrase, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.offline.operations import Kind, Operation
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
        moved: Whether words such as "increase" or "less" belong to it, so that a number is a difference.
        hedged: Whether the prompt wants not too much of it.
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
    moved: bool = False
    hedged: bool = False

    @property
    def sense(self) -> int:
        """1 where its main parameter rises above its neutral value, -1 where it falls, 0 where it has one direction."""
        knob = self.operation.main_knob
        if knob is None or not knob.is_signed or knob.neutral is None:
            return 0
        start = self.phrase.values.get(knob.name, knob.default)
        above = not isinstance(start, int | float) or start >= knob.neutral
        return self.direction if above else -self.direction


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
        if (
            not named
            or _says_how_much(token, index, tokens)
            or _is_knob(token, index, tokens, mentions)
            or _is_absorbed(named, index, tokens, mentions)
        ):
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
    clear = without_weak(tokens, sorted(mentions, key=lambda mention: mention.first))
    return [*without_sources(tokens, clear), *implied(tokens, clear)]


def _says_how_much(token: Token, index: int, tokens: list[Token]) -> bool:
    """Whether a word that also names an operation speaks of the one behind it: "lighter sepia", "big grain"."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    return bool(token.means("intensity") and following and following.means("operation"))


def without_weak(tokens: list[Token], mentions: list[Mention]) -> list[Mention]:
    """Leaves out mentions by words that mean other things as often, where the prompt is clear about something else."""
    strong = {mention.operation.kind for mention in mentions if not mention.phrase.is_weak}
    spoken = strong or _subjects(tokens)
    by_token = {mention.first: mention for mention in mentions}
    kept = []
    for mention in mentions:
        if mention.phrase.is_weak:
            following = by_token.get(mention.first + 1)
            blocked = following is not None and mention.operation.id in following.operation.blocks
            if (
                blocked
                or (spoken and mention.operation.kind not in spoken)
                or not _has_number(mention, tokens, mentions)
            ):
                continue
        kept.append(mention)
    return kept


def without_sources(tokens: list[Token], mentions: list[Mention]) -> list[Mention]:
    """Leaves out what something only is before: "camelCase to snake_case" asks for snake_case."""
    return [
        mention
        for mention, following in itertools.zip_longest(mentions, mentions[1:])
        if following is None
        or not mention.operation.shape
        or mention.operation.shape != following.operation.shape
        or not any(
            token.text in ("to", "into", "->", "から", "を") for token in tokens[mention.first + 1 : following.first]
        )
    ]


def _subjects(tokens: list[Token]) -> set[Kind]:
    """The kinds of nouns that speak of one kind only; "function" does not."""
    spoken = [[kind for kind in KINDS if token.means(kind)] for token in tokens]
    return {kinds[0] for kinds in spoken if len(kinds) == 1}


_TURNS = (45, 90, 135, 180, 270, 360)


def _has_number(mention: Mention, tokens: list[Token], mentions: list[Mention]) -> bool:
    """Whether the number that a weak word needs ("turn" needs degrees) is there, and no clearer operation takes it."""
    unit = mention.operation.weak_needs
    if not unit:
        return True
    if any(each is not mention and any(knob.unit == unit for knob in each.operation.knobs) for each in mentions):
        return False
    near = tokens[mention.first : mention.first + 8]
    return any(
        token.unit == unit
        or (token.number in _TURNS and not token.unit)
        or (setting is not None and setting.operation is mention.operation)
        for token in near
        for setting in [token.means("setting")]
    )


_SIZES = {"pixels", "width", "height", "factor", "ratio"}


def implied(tokens: list[Token], mentions: list[Mention]) -> list[Mention]:
    """What sizes say where no operation that takes one is named: "width 640", "sepia, 800x600", "16:9"."""
    taken = any(knob.unit in _SIZES for mention in mentions for knob in mention.operation.knobs)
    if taken or ({mention.operation.kind for mention in mentions} or _subjects(tokens)) - {"image"}:
        return []
    group = max((mention.group for mention in mentions), default=0.0)
    operations = load_catalogue().operations
    for index, token in enumerate(tokens):
        if token.number is None or token.number < 8:
            continue
        beside = [
            knob
            for each in (*tokens[max(0, index - 2) : index], *tokens[index + 1 : index + 2])
            if (knob := each.means("knob"))
        ]
        named = any(names_knob(operations["resize"], knob.value) for knob in beside)
        if token.unit in ("size", "pixels") or (token.unit == "" and named):
            return [Mention(operations["resize"], Phrase("resize"), index, group)]
        if token.unit == "ratio":
            return [Mention(operations["crop_ratio"], Phrase("aspect ratio"), index, group)]
    return []


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
