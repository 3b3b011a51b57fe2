"""Renders formulas as a module: one generic Rust function each, documented with the formula itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm.offline.composing import Composition, joined
from akatsuki_wasm.offline.expression import Binary, Call, Definition, Expression, Name, show, walk
from akatsuki_wasm.offline.expression_rust import body
from akatsuki_wasm.offline.functions import FUNCTIONS, HELPERS
from akatsuki_wasm.offline.names import rust_names
from akatsuki_wasm.offline.operations import Knob
from akatsuki_wasm.offline.rendering import ShownParameter, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.offline.definitions import Found


def render_formulas(found: Sequence[Found]) -> tuple[Composition, list[str]]:
    """Rust for formulas, and remarks on what was assumed."""
    last = {each.definition.name: each for each in found}
    definitions = [each.definition for each in last.values()]
    functions = rust_names((each.name for each in definitions), spare="formula")
    remarks = [f"`{old}` is called `{new}`" for old, new in functions.items() if old != new]
    rendered = []
    helpers: dict[str, str] = {}
    for definition in definitions:
        rendered.append(_function(definition, functions, remarks))
        for call in _calls(definition):
            helper = FUNCTIONS[call].helper if call in FUNCTIONS and call not in functions else ""
            if helper:
                helpers[helper] = HELPERS[helper]
        remarks += _semantics(definition, functions)
    rust = render("functions.rs.j2", functions=rendered, helpers=list(helpers.values())).replace("/// \n", "///\n")
    name = joined(list(functions.values()), "formulas")
    # `f` names a function well, and a module badly.
    name = name if len(name) > 2 else f"formula_{name}"
    description = "; ".join(_shown(each) for each in definitions)
    description = description if len(description) <= 200 else f"{description[:197]}..."
    made = Composition(rust, name.replace("_", "-"), description, tuple(functions.values()), ())
    return made, list(dict.fromkeys(remarks))


def _shown(definition: Definition) -> str:
    text = f"{definition.name}({', '.join(definition.parameters)}) = {show(definition.body)}"
    bindings = ", ".join(f"{name} = {show(tree)}" for name, tree in definition.bindings)
    return f"{text} where {bindings}" if bindings else text


def _trees(definition: Definition) -> list[Expression]:
    return [each for tree in (*(tree for _, tree in definition.bindings), definition.body) for each in walk(tree)]


def _calls(definition: Definition) -> list[str]:
    return [each.function for each in _trees(definition) if isinstance(each, Call)]


def _function(definition: Definition, functions: dict[str, str], remarks: list[str]) -> dict[str, object]:
    trees = _trees(definition)
    used = {each.name for each in trees if isinstance(each, Name)}
    # A parameter named as a function that the formula calls would hide it.
    called = {functions[call] for call in _calls(definition) if call in functions}
    helpers = {FUNCTIONS[call].helper for call in _calls(definition) if call in FUNCTIONS}
    inner = [*definition.parameters, *(name for name, _ in definition.bindings)]
    names = rust_names(inner, spare="value", taken=called | helpers)
    defaults = dict(definition.defaults)
    parameters = []
    for name in definition.parameters:
        shown = names[name]
        meaning = f"`{name}` of the formula." if shown != name else "A number."
        if shown != name:
            remarks.append(f"`{name}` is called `{shown}`")
        if name not in used:
            remarks.append(f"`{definition.name}` does not use its parameter `{name}`")
        parameters.append(ShownParameter(shown, Knob(shown, "R", help=meaning), defaults.get(name)))
    doc = [f"`{_shown(definition)}`", "", *(parameter.doc for parameter in parameters)]
    unused = [names[name] for name in definition.parameters if name not in used]
    # Rust warns of an unused parameter unless its name begins with an underscore, which no face shows.
    signature = [replace(each, name=f"_{each.name}") if each.name in unused else each for each in parameters]
    return {
        "name": functions[definition.name],
        "generics": "<R: Real>",
        "parameters": signature,
        "result": "R",
        "doc": doc,
        "body": body(definition, names, functions),
    }


def _semantics(definition: Definition, functions: dict[str, str]) -> list[str]:
    """What is not the same everywhere in the world is said."""
    remarks = []
    calls = _calls(definition)
    if "log" in calls and "log" not in functions:
        remarks.append("`log` is the natural logarithm; `log10` and `log2` are there too")
    if "round" in calls and "round" not in functions:
        remarks.append("`round` takes halves away from 0")
    if any(isinstance(each, Binary) and each.operator == "%" for each in _trees(definition)):
        remarks.append("`a % b` is `a - b * floor(a / b)`: the result has the sign of `b`")
    return remarks
