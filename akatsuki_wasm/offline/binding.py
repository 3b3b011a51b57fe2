"""Gives intensity words and numbers to the operation that they speak of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.mentions import Mention, names_knob
from akatsuki_wasm.offline.operations import Knob, Operation, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.offline.scanning import Token

REACH = 40
"""Tokens between a word and the operation that it can speak of: the work stays linear in the prompt's length."""

_LINKS = ("of", "to", "at", "by", "is", "with", "the", "a", "as")


def bind_settings(tokens: list[Token], mentions: list[Mention]) -> set[int]:
    """Applies words that set parameters of an operation in their clause: "to the left", "monthly", 左に."""
    used = set()
    for index, token in enumerate(tokens):
        for meaning in token.meanings:
            if meaning.role != "setting" or meaning.operation is None:
                continue
            for mention in _nearest(index, tokens, mentions):
                if mention.operation is meaning.operation:
                    values = {**mention.phrase.values, **meaning.value}
                    mention.phrase = replace(mention.phrase, values=values)
                    used.add(index)
                    break
    return used


def bind_intensities(tokens: list[Token], mentions: list[Mention]) -> set[int]:
    """Multiplies the factors of mentions; returns the indexes of the words that found one.

    The operation directly after a word wins ("strong grain"), then the one directly before ("grain strong",
    コントラストを強く), then the nearest after and before in the clause.
    """
    used = set()
    by_token = {mention.first: mention for mention in mentions}
    for index, token in enumerate(tokens):
        if token.means("hedge") or token.means("hedge-after"):
            used |= _hedge(index, tokens, by_token)
            continue
        intensity, up, down = token.means("intensity"), token.means("up"), token.means("down")
        if not (intensity or up or down) or index in by_token or index in used:
            continue
        mention = _spoken_of(index, tokens, by_token)
        if mention is None or mention.operation.main_knob is None:
            continue
        used.add(index)
        mention.stressed = True
        knob = mention.operation.main_knob
        mention.moved |= bool(up or down)
        if down:
            mention.direction = -1
        elif up:
            mention.factor *= 1.0 if knob.is_signed else 1.25
        elif intensity and token.means("weak") and knob.is_signed and not mention.phrase.values:
            mention.direction = -1
        elif intensity:
            mention.factor *= float(intensity.value)
    return used


def _hedge(index: int, tokens: list[Token], by_token: dict[int, Mention]) -> set[int]:
    """Marks what the prompt wants not too much of: "not too warm", "not too strong", 暗すぎない."""
    if tokens[index].means("hedge-after"):
        mention = _spoken_of(index, [*tokens[: index + 1]], by_token)
        strong = set()
    else:
        mention = _spoken_of(index, tokens, by_token)
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        strong = {index + 1} if following and following.means("intensity") else set()
    if mention is None:
        return set()
    mention.hedged = True
    return {index, *strong}


def _spoken_of(index: int, tokens: list[Token], by_token: dict[int, Mention]) -> Mention | None:
    if index + 1 in by_token:
        return by_token[index + 1]
    if index - 1 in by_token:
        return by_token[index - 1]
    forward = _until_break(range(index + 1, len(tokens)), tokens)
    backward = _until_break(range(index - 1, -1, -1), tokens)
    beyond = range(index + 1, min(len(tokens), index + REACH))
    for places in (forward, backward, beyond, range(index - 1, max(-1, index - REACH), -1)):
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
            mention.moved |= _is_difference(index, tokens, mention)
            if _set(mention, token, word, remarks):
                used.add(index)
                mention.stressed = True
                for twin in mentions:
                    if twin is not mention and twin.first == mention.first:
                        _set(twin, token, word, [])
                if name_at is not None and word is not None and names_knob(mention.operation, word):
                    used.add(name_at)
                break
    return used, remarks


def _is_difference(index: int, tokens: list[Token], mention: Mention) -> bool:
    """Whether a number says by how much: "shrink by 25%", "25% smaller"."""
    return (index > 0 and tokens[index - 1].text == "by") or (mention.first == index + 1 and mention.phrase.is_exact)


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
    meant = _meant(mention.operation, token)
    if meant:
        mention.operation = load_catalogue().operations[meant]
    if token.unit == "ratio":
        if mention.values or not {"across", "down"} <= {knob.name for knob in mention.operation.knobs}:
            return False
        mention.values |= {"across": token.number, "down": token.second}
        return True
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


def _meant(operation: Operation, token: Token) -> str:
    """The operation that is meant instead of the named one, by the kind of number beside it."""
    assert token.number is not None  # noqa: S101 - callers pass numbers
    if token.unit in ("percent", "times"):
        return operation.percent
    if token.unit == "ratio":
        return operation.ratio
    is_side = token.unit == "" and token.number >= 20 and token.number.is_integer()
    return operation.sized if token.unit in ("pixels", "size") or is_side else ""


def _fits(knob: Knob, token: Token, is_named: bool) -> bool:
    assert token.number is not None  # noqa: S101 - callers pass numbers
    match token.unit:
        case "percent":
            return knob.unit in ("amount", "factor") or knob.type == "R" or _is_level(knob)
        case "pixels":
            return knob.unit in ("pixels", "width", "height")
        case "degrees":
            return knob.unit == "degrees" or knob.type == "R"
        case "" if knob.unit == "named":
            return is_named
        case "" if knob.unit == "rate":
            return is_named or abs(token.number) < 1
        case "times":
            # Twice as bright or as warm is no sum: -1 to 1 are black to white, cold to warm.
            is_sum = knob.is_signed and knob.maximum == 1
            return knob.unit == "factor" or (knob.unit == "amount" and not is_sum)
        case _:
            # "6500 K" is no amount: better not understood than cut to 1.
            return (knob.unit not in ("color", "ratio") or is_named) and not (
                knob.unit == "amount" and token.number > 999
            )


def _value(knob: Knob, mention: Mention, token: Token, remarks: list[str]) -> float:
    assert token.number is not None  # noqa: S101 - callers pass numbers
    number = token.number / 100 if token.unit == "percent" else token.number
    if token.unit == "percent" and _is_level(knob):
        return _in_range(knob, number * 255, remarks)
    if knob.unit == "rate" and token.unit == "" and abs(number) >= 1:
        remarks.append(f"read {token.text} for {knob.name} as {token.text} %")
        return _in_range(knob, number / 100, remarks)
    factor = mention.phrase.values.get(knob.name)
    if knob.unit == "factor" and token.unit == "percent" and mention.moved and isinstance(factor, float):
        return _in_range(knob, 1 - number if factor < 1 else 1 + number, remarks)
    if knob.unit == "amount" and _is_multiple(knob, mention, token):
        remarks.append(f"read {token.text} for {mention.operation.id} as {number:g} times what it is")
        return _in_range(knob, number - 1.0, remarks)
    if knob.unit == "amount" and token.unit == "times":
        assert isinstance(knob.default, float)  # noqa: S101 - the catalogue's test reads all
        return _in_range(knob, number if number < 1 else knob.default * number, remarks)
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


def _is_level(knob: Knob) -> bool:
    return knob.unit == "number" and knob.maximum == 255 and not knob.is_integer


def _is_multiple(knob: Knob, mention: Mention, token: Token) -> bool:
    """Whether a number says how many times as much: "contrast 120%", "brightness 1.2", "half the saturation"."""
    if token.number is None or not knob.is_signed or token.text.startswith(("+", "-")):
        return False
    if token.unit == "percent":
        return 100 < token.number <= 300 and not mention.moved
    return token.unit == "times" or (token.unit == "" and 1 < token.number <= 3)


def _in_range(knob: Knob, number: float, remarks: list[str]) -> float:
    value = round(number) if knob.is_integer else round(number, 10)
    for limit, beyond in ((knob.minimum, min), (knob.maximum, max)):
        if limit is not None and beyond(value, limit) == value and value != limit:
            value = int(limit) if knob.is_integer else limit
            remarks.append(f"{knob.name} {number:g} is out of its range; {value:g} is used")
    return value
