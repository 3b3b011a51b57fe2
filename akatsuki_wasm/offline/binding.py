"""Gives intensity words and numbers to the operation that they speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.offline.mentions import Mention, names_knob
from akatsuki_wasm.offline.operations import Knob, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.offline.scanning import Token

REACH = 40
"""Tokens between a word and the operation that it can speak of: the work stays linear in the prompt's length."""

_LINKS = ("of", "to", "at", "by", "is", "with", "the", "a", "as")


def bind_intensities(tokens: list[Token], mentions: list[Mention]) -> set[int]:
    """Multiplies the factors of mentions; returns the indexes of the words that found one.

    The operation directly after a word wins ("strong grain"), then the one directly before ("grain strong",
    コントラストを強く), then the nearest after and before in the clause.
    """
    used = set()
    by_token = {mention.first: mention for mention in mentions}
    for index, token in enumerate(tokens):
        intensity, up, down = token.means("intensity"), token.means("up"), token.means("down")
        if not (intensity or up or down) or index in by_token:
            continue
        mention = _spoken_of(index, tokens, by_token)
        if mention is None or mention.operation.main_knob is None:
            continue
        used.add(index)
        mention.stressed = True
        knob = mention.operation.main_knob
        if down:
            mention.direction *= -1
        elif up:
            mention.factor *= 1.0 if knob.is_signed else 1.25
        elif intensity and token.means("weak") and knob.is_signed and not mention.phrase.values:
            mention.direction *= -1
        elif intensity:
            mention.factor *= float(intensity.value)
    return used


def _spoken_of(index: int, tokens: list[Token], by_token: dict[int, Mention]) -> Mention | None:
    if index + 1 in by_token:
        return by_token[index + 1]
    if index - 1 in by_token:
        return by_token[index - 1]
    forward = _until_break(range(index + 1, len(tokens)), tokens)
    backward = _until_break(range(index - 1, -1, -1), tokens)
    for places in (forward, backward, range(index + 1, min(len(tokens), index + REACH))):
        for place in places:
            if place in by_token:
                return by_token[place]
    return None


def _until_break(places: range, tokens: list[Token]) -> list[int]:
    clause = []
    for place in places[:REACH]:
        if tokens[place].ends_clause:
            break
        clause.append(place)
    return clause


def bind_numbers(tokens: list[Token], mentions: list[Mention]) -> tuple[set[int], list[str]]:
    """Sets the parameters that the prompt's numbers fit.

    Returns:
        The indexes of the tokens that were used, and remarks on what was assumed.
    """
    used: set[int] = set()
    remarks: list[str] = []
    for index, token in enumerate(tokens):
        if token.number is None:
            continue
        name_at, word = _knob_word(index, tokens)
        for mention in _nearest(index, tokens, mentions):
            if _set(mention, token, word, remarks):
                used.add(index)
                mention.stressed = True
                for twin in mentions:
                    if twin is not mention and twin.first == mention.first:
                        _set(twin, token, word, [])
                if name_at is not None:
                    used.add(name_at)
                break
    return used, remarks


def _knob_word(index: int, tokens: list[Token]) -> tuple[int | None, tuple[str, ...] | None]:
    """The word that names a parameter before the number ("radius of 3", 幅800), or after it ("4 levels")."""
    before = index - 1
    while before >= 0 and (tokens[before].text in _LINKS or tokens[before].text in ":=("):
        before -= 1
    for place in (before, index + 1):
        if 0 <= place < len(tokens):
            knob = tokens[place].means("knob")
            if knob is not None:
                return place, knob.value
    return None, None


def _nearest(index: int, tokens: list[Token], mentions: list[Mention]) -> Iterable[Mention]:
    """Mentions of the number's clause, nearest first and the one before on a tie, then others around."""
    around = [each for each in mentions if not each.negated and abs(each.first - index) <= REACH]
    if not around:
        return []
    clause = {*_until_break(range(index + 1, len(tokens)), tokens), *_until_break(range(index - 1, -1, -1), tokens)}

    def distance(mention: Mention) -> tuple[bool, int, bool]:
        return (mention.first not in clause, abs(mention.first - index), mention.first > index)

    return sorted(around, key=distance)


def _set(mention: Mention, token: Token, word: tuple[str, ...] | None, remarks: list[str]) -> bool:
    """Sets a free parameter of `mention` that fits; False where there is none."""
    assert token.number is not None  # noqa: S101 - callers pass numbers
    if token.unit in ("percent", "times") and mention.operation.percent:
        mention.operation = load_catalogue().operations[mention.operation.percent]
    if token.unit == "size":
        if not {"width", "height"} <= {knob.name for knob in mention.operation.knobs}:
            return False
        mention.values |= {
            "width": _in_range(mention.operation.knob("width"), token.number, remarks),
            "height": _in_range(mention.operation.knob("height"), token.second, remarks),
        }
        return True
    named = names_knob(mention.operation, word) if word else None
    for knob in mention.operation.knobs:
        if knob.name in mention.values or (named and knob.name != named) or not _fits(knob, token, named is not None):
            continue
        mention.values[knob.name] = _value(knob, mention, token, remarks)
        return True
    return False


def _fits(knob: Knob, token: Token, is_named: bool) -> bool:
    match token.unit:
        case "percent":
            return knob.unit in ("amount", "factor") or knob.type == "R"
        case "pixels":
            return knob.unit in ("pixels", "width", "height")
        case "degrees":
            return knob.unit == "degrees" or knob.type == "R"
        case "times":
            return knob.unit == "factor"
        case _:
            return knob.unit != "color" or is_named


def _value(knob: Knob, mention: Mention, token: Token, remarks: list[str]) -> float:
    assert token.number is not None  # noqa: S101 - callers pass numbers
    number = token.number / 100 if token.unit == "percent" else token.number
    if knob.unit == "amount" and token.unit == "" and knob.maximum is not None and knob.maximum < abs(number) <= 100:
        number /= 100
        remarks.append(f"read {token.text} for {mention.operation.id} as {token.text} %")
    preset = mention.phrase.values.get(knob.name)
    neutral = knob.neutral or 0.0
    # "darken by 20%", "reduce saturation by 30%", "rotate left 45 degrees": the words give the sign.
    turned = (isinstance(preset, int | float) and preset < neutral) != (mention.direction < 0)
    if turned and knob.minimum is not None and knob.minimum < 0 and number > 0:
        number = -number
    return _in_range(knob, number, remarks)


def _in_range(knob: Knob, number: float, remarks: list[str]) -> float:
    value = round(number) if knob.is_integer else round(number, 10)
    for limit, beyond in ((knob.minimum, min), (knob.maximum, max)):
        if limit is not None and beyond(value, limit) == value and value != limit:
            value = int(limit) if knob.is_integer else limit
            remarks.append(f"{knob.name} {number:g} is out of its range; {value:g} is used")
    return value
