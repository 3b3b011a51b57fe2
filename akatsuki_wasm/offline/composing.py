"""Composes chosen operations into one function over an image, or into functions of numbers and text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.rendering import ShownParameter, beside_prelude, fragment, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.offline.mentions import Choice
    from akatsuki_wasm.offline.operations import Operation

MAX_NAME = 40
_TOO_GENERAL = frozenset({"amount", "strength", "level", "levels", "value", "factor", "size", "degrees", "shade"})


@dataclass(frozen=True)
class Composition:
    """A rendered module.

    Attributes:
        rust: The author's file.
        name: Module name, kebab-case.
        description: One line.
        functions: Names of its public functions.
        operations: What it is made of, in order.
    """

    rust: str
    name: str
    description: str
    functions: tuple[str, ...]
    operations: tuple[Operation, ...]


@dataclass
class _Step:
    """A pass over the pixels, or a call on the whole image."""

    call: str = ""
    fallible: bool = False
    place: str = ""
    setup: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    begin: str = ""
    end: str = ""

    @property
    def method(self) -> str:
        return {"uv": "map_rgb_uv", "xyuv": "map_rgb_place"}.get(self.place, "map_rgb")

    @property
    def arguments(self) -> str:
        return {"": "_, _, rgb", "uv": "u, v, rgb", "xyuv": "x, y, u, v, rgb"}.get(self.place, "x, y, rgb")


def joined(labels: Sequence[str], fallback: str, limit: int = MAX_NAME) -> str:
    """Labels joined by underscores, as many of them as stay within `limit` characters, without repetition."""
    unique = list(dict.fromkeys(labels))
    while len(unique) > 1 and (len("_".join(unique)) > limit or len(unique) > 4):
        unique.pop()
    name = "_".join(unique)
    return name if 0 < len(name) <= limit else fallback


def compose_image(choices: Sequence[Choice], *, function: str | None = None) -> Composition:
    """One function that applies image operations in order.

    Args:
        choices: At least one, all of kind image.
        function: The function's name, or None to make one of the operations' labels.
    """
    name = function or joined([choice.label for choice in choices], "photo_filter", MAX_NAME - len("-filter"))
    shown = _parameters(choices)
    steps: list[_Step] = []
    helpers: list[str] = []
    for choice, parameters in zip(choices, shown, strict=True):
        _add_step(steps, choice.operation, {parameter.knob.name: parameter.name for parameter in parameters})
        if choice.operation.helpers and choice.operation.helpers not in helpers:
            helpers.append(choice.operation.helpers)
    fallible = any(step.fallible for step in steps)
    _finish(steps, fallible)
    summary = choices[0].operation.help if len(choices) == 1 else _in_order(choices)
    parameters = [parameter for each in shown for parameter in each]
    rust = render(
        "image.rs.j2",
        name=name,
        doc=[summary, *(["", *(parameter.doc for parameter in parameters)] if parameters else [])],
        signature=[f"{parameter.name}: {parameter.type}" for parameter in parameters],
        result="Result<Image, String>" if fallible else "Image",
        steps=steps,
        helpers=helpers,
    )
    rust = beside_prelude(rust, [name]).replace("/// \n", "///\n")
    module = name.replace("_", "-")
    module = module if module.endswith("filter") else f"{module}-filter"
    return Composition(rust, module, summary, (name,), tuple(choice.operation for choice in choices))


def _in_order(choices: Sequence[Choice]) -> str:
    """What the operations do, one after the other, as a sentence."""
    steps: list[str] = []
    for choice in choices:
        known = any("the picture" in step for step in steps)
        steps.append(_does(choice).format(it="it" if known else "the picture"))
    text = f"{', '.join(steps[:-1])} and {steps[-1]}."
    return text[0].upper() + text[1:]


def _does(choice: Choice) -> str:
    knob = choice.operation.main_knob
    value = choice.values.get(knob.name, knob.default) if knob else None
    less = knob is not None and isinstance(value, int | float) and value < (knob.neutral or 0.0)
    return (choice.operation.does_less if less else "") or choice.operation.does


def _parameters(choices: Sequence[Choice]) -> list[list[ShownParameter]]:
    """The parameters of each operation, with prefixes where names would meet or say too little."""
    counts = Counter(knob.name for choice in choices for knob in choice.operation.knobs)
    taken: Counter[str] = Counter()
    shown = []
    for choice in choices:
        own = []
        for knob in choice.operation.knobs:
            alone = len(choices) == 1 or (counts[knob.name] == 1 and knob.name not in _TOO_GENERAL)
            name = knob.name if alone else f"{choice.operation.id}_{knob.name}"
            taken[name] += 1
            # WIT wants a letter after each hyphen, so no underscore before the number.
            name = name if taken[name] == 1 else f"{name}{taken[name]}"
            own.append(ShownParameter(name, knob, choice.values.get(knob.name, knob.default)))
        shown.append(own)
    return shown


def _add_step(steps: list[_Step], operation: Operation, names: dict[str, str]) -> None:
    rust = fragment(operation.rust, names)
    setup = [fragment(line, names) for line in operation.setup]
    if operation.form == "whole":
        steps.append(_Step(call=rust, fallible=operation.fallible, setup=setup))
        return
    # A setup's variable must not be bound twice before one pass.
    clash = steps and any(line.split(" = ")[0] in {each.split(" = ")[0] for each in steps[-1].setup} for line in setup)
    if not steps or not steps[-1].lines or clash:
        steps.append(_Step())
    step = steps[-1]
    if operation.inside and step.lines:
        step.lines.append("clamp_rgb(rgb)")
    step.lines.append(rust)
    step.setup += setup
    places = set(step.place) | set(operation.place)
    step.place = ("xy" if "x" in places else "") + ("uv" if "u" in places else "")


def _finish(steps: list[_Step], fallible: bool) -> None:
    """Ties the steps together: all but the last rebind ``image``, the last is the result."""
    for step in steps:
        if step is not steps[-1]:
            step.begin, step.end = "let image = ", "?;" if step.fallible else ";"
        elif fallible and not step.fallible:
            step.begin, step.end = "Ok(", ")"


def compose_functions(choices: Sequence[Choice]) -> Composition:
    """One function for each operation on numbers or text, in one module."""
    functions = []
    helpers: list[str] = []
    names = [choice.operation.id for choice in choices]
    for choice in choices:
        operation = choice.operation
        parameters = [
            *(ShownParameter(each.name, each, each.default) for each in operation.inputs),
            *(ShownParameter(each.name, each, choice.values.get(each.name, each.default)) for each in operation.knobs),
        ]
        functions.append(
            {
                "name": operation.id,
                "generics": "<R: Real>" if operation.result == "R" else "",
                "parameters": parameters,
                "result": operation.result,
                "doc": [operation.help, "", *(parameter.doc for parameter in parameters)],
                "body": operation.rust.splitlines(),
            }
        )
        if operation.helpers and operation.helpers not in helpers:
            helpers.append(operation.helpers)
    rust = beside_prelude(render("functions.rs.j2", functions=functions, helpers=helpers), names)
    rust = rust.replace("/// \n", "///\n")
    kind = choices[0].operation.kind
    fallback = "text_functions" if kind == "text" else "number_functions"
    name = joined(names, fallback)
    description = choices[0].operation.help if len(choices) == 1 else f"Functions: {', '.join(names)}."
    return Composition(
        rust, name.replace("_", "-"), description, tuple(names), tuple(choice.operation for choice in choices)
    )
