"""Turns mentions into operations with values: merges, puts parts into their wholes, scales by intensity, orders."""

from __future__ import annotations

from akatsuki_wasm.offline.mentions import Choice, Mention
from akatsuki_wasm.offline.operations import STAGES, Operation, load_catalogue


def choose(mentions: list[Mention]) -> tuple[tuple[Choice, ...], list[str]]:
    """The operations to apply, in order, and remarks."""
    left_out = [mention for mention in mentions if mention.negated]
    kept = _merged([mention for mention in mentions if not mention.negated])
    gone = {_key(mention) for mention in left_out}
    kept, remarks = _without_replaced([mention for mention in kept if _key(mention) not in gone])
    parts = _parts(kept, left_out)
    choices = []
    for mention in kept:
        if any(mention is part for part, _ in parts):
            continue
        names = {knob.name for knob in mention.operation.knobs}
        values = {name: value for name, value in mention.phrase.values.items() if name in names}
        values |= _chosen_values(mention)
        for part, whole in parts:
            if whole is mention:
                values[mention.operation.includes[part.operation.id]] = _share(mention.operation, part)
        choices.append(Choice(mention.operation, values, mention.phrase.label or mention.operation.id, mention.group))
    inside = {part.operation.id for part, _ in parts}
    remarks += [f"{each.operation.id} is left out" for each in left_out if each.operation.id not in inside]
    order = {stage: place for place, stage in enumerate(STAGES)}
    catalogue = list(load_catalogue().operations)

    def place(choice: Choice) -> tuple[float, int, int]:
        # Functions of numbers and text, and changes of place and size, stand in the order of the prompt: sorting is
        # stable. "a square of 300 px" is cut before it is made smaller.
        operation = choice.operation
        rank = 0 if operation.kind != "image" or operation.stage == "geometry" else catalogue.index(operation.id)
        return (choice.group, order.get(choice.operation.stage, 0), rank)

    return tuple(sorted(choices, key=place)), remarks


def _key(mention: Mention) -> tuple[str, float]:
    # Functions are not applied one after the other: one is enough, wherever it is named again.
    return mention.operation.id, mention.group if mention.operation.kind == "image" else 0.0


def _merged(mentions: list[Mention]) -> list[Mention]:
    """One mention for each operation of a group."""
    merged: dict[tuple[str, float], Mention] = {}
    for mention in mentions:
        known = merged.setdefault(_key(mention), mention)
        if known is mention:
            continue
        # "less saturation, muted" is one wish and not its opposite; the later word decides.
        sense = (known if mention.hedged else mention).sense
        known.factor *= 0.5 if mention.hedged else mention.factor
        if mention.phrase.values or not known.phrase.values:
            known.phrase = mention.phrase
        known.values |= mention.values
        known.direction = 1
        known.direction = 1 if sense in (0, known.sense) else -1
        known.stressed |= mention.stressed
    for mention in merged.values():
        if mention.hedged:
            mention.factor *= 0.5
            mention.direction *= -1 if mention.sense else 1
    return list(merged.values())


def _without_replaced(mentions: list[Mention]) -> tuple[list[Mention], list[str]]:
    kept, remarks = [], []
    for mention in mentions:
        whole = next((each for each in mentions if _replaces(each, mention)), None)
        if whole is None:
            kept.append(mention)
        elif mention.phrase.values:
            remarks.append(f"{mention.phrase.text} is ignored beside {whole.operation.id}")
    return kept, remarks


def _replaces(whole: Mention, mention: Mention) -> bool:
    return mention.operation.id in whole.operation.replaces and whole.group == mention.group and not mention.values


def _parts(kept: list[Mention], left_out: list[Mention]) -> list[tuple[Mention, Mention]]:
    """Mentions of what another operation has inside: "vintage with grain" is one vintage with more grain."""
    return [
        (part, whole)
        for whole in kept
        for part in (*kept, *left_out)
        if part.operation.id in whole.operation.includes and (part.negated or part.group == whole.group)
    ]


def _share(whole: Operation, part: Mention) -> float:
    """The value of the whole's parameter for a part that the prompt speaks of."""
    if part.negated:
        return 0.0
    if part.values:
        return next(iter(part.values.values()))
    knob = whole.knob(whole.includes[part.operation.id])
    assert isinstance(knob.default, float)  # noqa: S101 - the catalogue's test reads all
    if part.direction < 0 or part.hedged:
        return _tidy(knob.default * 0.5 * min(part.factor, 1.0))
    # Saying it at all asks for more of it than the look has anyway.
    return _tidy(min(knob.default * 1.3 * part.factor, knob.maximum or 1.0))


def _chosen_values(mention: Mention) -> dict[str, float | str]:
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
