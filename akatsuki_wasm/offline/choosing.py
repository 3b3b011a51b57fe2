"""Turns mentions into operations with values: merges, puts parts into their wholes, scales by intensity, orders."""

from __future__ import annotations

from akatsuki_wasm.offline.mentions import Choice, Mention
from akatsuki_wasm.offline.operations import STAGES, Operation, load_catalogue


def choose(mentions: list[Mention]) -> tuple[tuple[Choice, ...], list[str]]:
    """The operations to apply, in order, and remarks."""
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
        values = dict(mention.phrase.values) | _chosen_values(mention)
        for part, whole in parts:
            if whole is mention:
                values[mention.operation.includes[part.operation.id]] = _share(mention.operation, part)
        choices.append(Choice(mention.operation, values, mention.phrase.label or mention.operation.id, mention.group))
    inside = {part.operation.id for part, _ in parts}
    remarks = [f"{each.operation.id} is left out" for each in left_out if each.operation.id not in inside]
    order = {stage: place for place, stage in enumerate(STAGES)}
    catalogue = list(load_catalogue().operations)

    def place(choice: Choice) -> tuple[float, int, int]:
        # Functions of numbers and text stand in the order of the prompt: sorting is stable.
        rank = catalogue.index(choice.operation.id) if choice.operation.kind == "image" else 0
        return (choice.group, order.get(choice.operation.stage, 0), rank)

    return tuple(sorted(choices, key=place)), remarks


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
