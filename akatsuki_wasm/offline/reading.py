"""Reads a prompt: which operations it names, in which order, how strong, with which numbers, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from akatsuki_wasm.offline.lexicon import Meaning, load_lexicon
from akatsuki_wasm.offline.normalise import normalise
from akatsuki_wasm.offline.operations import KINDS, STAGES, Kind, Operation, Phrase, load_catalogue
from akatsuki_wasm.offline.scanning import Token, scan

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
    from akatsuki_wasm.offline.binding import bind_intensities, bind_numbers

    text = normalise(prompt)
    tokens = scan(text, load_lexicon())
    subjects = frozenset(kind for kind in KINDS if any(token.means(kind) for token in tokens))
    mentions = _mentions(tokens, subjects)
    _negate(tokens, mentions, text)
    remarks = [f"read {token.text!r} as {token.corrected!r}" for token in tokens if token.corrected]
    stressed = bind_intensities(tokens, mentions)
    numbered, number_remarks = bind_numbers(tokens, mentions)
    remarks += number_remarks
    choices, choice_remarks = _choices(mentions)
    remarks += choice_remarks
    named = {mention.first for mention in mentions}
    used = named | stressed | numbered
    used |= {i for i, token in enumerate(tokens) if token.means("not-before") or token.means("not-after")} if named else set()
    unused_numbers = [token.text for i, token in enumerate(tokens) if token.number is not None and i not in numbered]
    return Reading(
        choices=choices,
        understood=_unique(tokens[i].text for i in sorted(used)),
        unknown=_unique([*(token.text for token in tokens if token.is_unknown), *unused_numbers]),
        refused=_unique(_refused(tokens, named, text)),
        remarks=tuple(remarks),
        subjects=subjects,
    )


def _mentions(tokens: list[Token], subjects: frozenset[Kind]) -> list[Mention]:
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
        if not named or _is_knob(token, index, tokens, mentions):
            continue
        if len(named) > 1:
            ambiguous.append((index, group, named))
        else:
            mentions.append(_mention(named[0], index, group))
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


def _is_knob(token: Token, index: int, tokens: list[Token], mentions: list[Mention]) -> bool:
    """Whether a word that is an operation elsewhere ("size", "threshold") names a parameter of one before, with a number."""
    knob = token.means("knob")
    if knob is None or not mentions:
        return False
    if not any(each.number is not None for each in tokens[index + 1 : index + 3]):
        return False
    return any(names_knob(mention.operation, knob.value) for mention in mentions[-1:])


def names_knob(operation: Operation, word: tuple[str, ...]) -> str | None:
    """The parameter of `operation` that `word` (keys of the lexicon) names, or None."""
    from akatsuki_wasm.offline.lexicon import keys

    for knob in operation.knobs:
        if any(keys(each) == word for each in (knob.name, *knob.words)):
            return knob.name
    return None


def _negate(tokens: list[Token], mentions: list[Mention], text: str) -> None:
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


def _choices(mentions: list[Mention]) -> tuple[tuple[Choice, ...], list[str]]:
    remarks: list[str] = []
    merged: dict[tuple[str, float], Mention] = {}
    left_out = [mention for mention in mentions if mention.negated]
    for mention in mentions:
        if mention.negated:
            continue
        key = (mention.operation.id, mention.group)
        known = merged.get(key)
        if known is None:
            merged[key] = mention
        else:
            phrase = mention.phrase if mention.phrase.values or not known.phrase.values else known.phrase
            known.phrase = phrase
            known.values |= mention.values
            known.factor *= mention.factor
            known.direction *= mention.direction
            known.stressed |= mention.stressed
    for mention in left_out:
        merged.pop((mention.operation.id, mention.group), None)
    kept = list(merged.values())
    parts = _parts(kept, left_out)
    choices = []
    for mention in kept:
        if any(mention is part for part, _ in parts):
            continue
        values = dict(mention.phrase.values) | chosen_values(mention)
        for part, whole in parts:
            if whole is mention:
                values[mention.operation.includes[part.operation.id]] = _share(mention.operation, part)
        choices.append(
            Choice(mention.operation, values, mention.phrase.label or mention.operation.id, mention.group)
        )
    inside = {part.operation.id for part, _ in parts}
    for mention in left_out:
        if mention.operation.id not in inside:
            remarks.append(f"{mention.operation.id} is left out")
    order = {stage: place for place, stage in enumerate(STAGES)}
    catalogue = list(load_catalogue().operations)

    def place(choice: Choice) -> tuple[float, int, int]:
        return (choice.group, order.get(choice.operation.stage, 0), catalogue.index(choice.operation.id))

    return tuple(sorted(choices, key=place)), remarks


def _parts(kept: list[Mention], left_out: list[Mention]) -> list[tuple[Mention, Mention]]:
    """Mentions of what another operation has inside: "vintage with grain" is one vintage with more grain."""
    pairs = []
    for whole in kept:
        for mention in (*kept, *left_out):
            if mention.operation.id in whole.operation.includes and (mention.negated or mention.group == whole.group):
                pairs.append((mention, whole))
    return pairs


def _share(whole: Operation, part: Mention) -> float:
    """The value of the whole's parameter for a part that the prompt speaks of."""
    if part.negated:
        return 0.0
    if part.values:
        return next(iter(part.values.values()))
    knob = whole.knob(whole.includes[part.operation.id])
    assert isinstance(knob.default, float)  # noqa: S101 - the catalogue's test reads all
    # Saying it at all asks for more of it than the look has anyway.
    return _tidy(min(knob.default * 1.3 * part.factor, knob.maximum or 1.0))


def chosen_values(mention: Mention) -> dict[str, float | str]:
    """The parameters after intensity words and numbers."""
    knob = mention.operation.main_knob
    values: dict[str, float | str] = dict(mention.values)
    if knob is None or knob.neutral is None or (mention.factor == 1.0 and mention.direction == 1):
        return values
    if knob.name in mention.values:
        return values
    start = mention.phrase.values.get(knob.name, knob.default)
    if not isinstance(start, int | float):
        return values
    distance = (start - knob.neutral) * mention.factor
    if knob.is_signed:
        distance *= mention.direction
    elif mention.direction < 0:
        distance *= 0.6
    value = knob.neutral + distance
    if knob.minimum is not None:
        value = max(value, knob.minimum)
    if knob.maximum is not None:
        value = min(value, knob.maximum)
    values[knob.name] = max(round(value), int(knob.minimum or 0)) if knob.is_integer else _tidy(value)
    return values


def _tidy(value: float) -> float:
    """Two decimals: 0.7 * 1.5 is 1.05 to people."""
    return round(value, 2)


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


def with_values(choice: Choice, **values: float | str) -> Choice:
    """A choice with other defaults."""
    return replace(choice, values={**choice.values, **values})
