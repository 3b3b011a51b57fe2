"""Finds formulas in a prompt: ``margin(price, cost) = (price - cost) / price``, ``y = a * x + b``, several of them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from akatsuki_wasm.errors import GenerateError
from akatsuki_wasm.offline.expression import (
    Call,
    Choose,
    Definition,
    Expression,
    Name,
    Number,
    formula_error,
    is_condition,
    walk,
)
from akatsuki_wasm.offline.functions import CONSTANTS, FUNCTIONS
from akatsuki_wasm.offline.normalise import fold
from akatsuki_wasm.offline.parser import NAME, fail_after, parse_prefix

MAX_FORMULA = 2_000
"""Characters of one formula."""

# A run of other letters is tried from its start only, and not given back: the search stays linear.
_HEAD_NAME = (
    r"(?P<name>(?<![A-Za-z0-9_.])(?:[A-Za-z_][A-Za-z0-9_]*+|[\u0370-\u03ff])"
    r"|(?<![\u4e00-\u9fff々\u30a1-\u30fa\u30fc])[\u4e00-\u9fff々\u30a1-\u30fa\u30fc]++(?:[きりしみげけい][\u4e00-\u9fff々]*+)*+)"
)
_CALL_HEAD = re.compile(rf"{_HEAD_NAME}\s*\((?P<parameters>[^()<>]*)\)\s*:?=(?!=)")
_NAME_HEAD = re.compile(rf"{_HEAD_NAME}\s*:?=(?!=)")
_BINDING = re.compile(rf"\s*(?P<name>{NAME})\s*:?=(?!=)")
_PARAMETER = re.compile(
    rf"\s*(?P<name>{NAME})\s*(?::\s*[A-Za-z0-9_]+)?\s*(?:=\s*(?P<default>-?[\d.]+(?:[eE][+-]?\d+)?))?\s*$"
)
_END = re.compile(r"[;\n。]")
_NEXT = re.compile(rf"(?:[,、]|\band\b|\bthen\b|と|および)\s*(?={NAME}\s*(?:\([^()<>]*\)\s*)?:?=(?!=))")
_NOUN = re.compile(r"^(?:関数|数式|公式|式|函数)(?=.)")
_PROSE = frozenset({
    "please", "for", "to", "and", "that", "which", "on", "as", "using", "with", "in", "over", "from", "of", "called",
    "named", "function", "formula", "column", "columns", "each", "every", "row", "rows", "into", "so", "then", "it",
    "is", "a", "an", "the", "my", "make", "create", "build", "return", "returns", "giving", "where", "thanks", "also",
})  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A formula in a prompt.

    Attributes:
        definition: What was read.
        text: The formula as it stands in the prompt.
        rest: Prose after it.
    """

    definition: Definition
    text: str
    rest: str


def find_definitions(prompt: str) -> list[Found]:
    """The formulas of a prompt, in order; an empty list where there is none.

    Raises:
        GenerateError: There is one, and it is wrong: with its column.
    """
    found: list[Found] = []
    for segment in _END.split(fold(prompt)):
        if "=" not in segment:
            continue
        place = 0
        while place < len(segment):
            head, is_call = _head(segment, place)
            if head is None:
                break
            one, place = _definition(segment, head, is_call, found)
            if one is not None:
                found.append(one)
    return found


def _head(segment: str, start: int) -> tuple[re.Match[str] | None, bool]:
    call, name = _CALL_HEAD.search(segment, start), _NAME_HEAD.search(segment, start)
    if call is not None and (name is None or call.start() <= name.start() or name.start() < call.end()):
        return call, True
    return name, False


def _definition(segment: str, head: re.Match[str], is_call: bool, before: list[Found]) -> tuple[Found | None, int]:
    """The formula at `head`, or None where an equals sign has another meaning, and where to look on."""
    following = _NEXT.search(segment, head.end())
    has_where = re.search(r"\bwhere\b", segment[head.end() : following.start()]) if following else None
    end = len(segment) if following is None or has_where else following.start()
    text = segment[head.end() : end].strip()
    name = _NOUN.sub("", head["name"])
    if len(text) > MAX_FORMULA:
        raise GenerateError(
            f"the formula of {name} has {len(text)} characters; at most {MAX_FORMULA} are read",
            hint="Split it into several formulas.",
        )
    if not is_call and not _looks_like_formula(text):
        return None, head.end()
    tree, taken = parse_prefix(text)
    bindings, taken = _bindings(text, taken)
    _check_rest(text, taken)
    body = Choose(tree, Number(1.0), Number(0.0)) if is_condition(tree) else tree
    known = {each.definition.name: each.definition for each in before}
    if is_call:
        parameters, defaults = _parameters(head, segment)
    else:
        parameters, defaults = _free_names(body, bindings), ()
        if not parameters:
            return None, head.end()
    definition = Definition(name, parameters, body, bindings, defaults)
    _check(definition, text, known)
    start = head.start() + len(head["name"]) - len(name)
    shown = f"{segment[start : head.end()]} {text[:taken]}"
    return Found(definition, shown.strip(), text[taken:].strip()), end


def _looks_like_formula(text: str) -> bool:
    """Whether ``name = text`` computes something: "strength = 0.5" and "name=foo" do not."""
    try:
        tree, taken = parse_prefix(text)
    except GenerateError:
        return re.search(rf"(?:{NAME}|\d|\))\s*[-+*/^(]", text) is not None
    if isinstance(tree, Number) and re.match(rf"{NAME}\s*(?:$|[-+*/^])", text[taken:]):
        return True  # 2x + 1: what is wrong with it is said
    names = any(isinstance(each, Name) for each in walk(tree))
    return names and not isinstance(tree, Name)


def _parameters(head: re.Match[str], segment: str) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
    names: list[str] = []
    defaults = []
    text = head["parameters"]
    for part in re.split(r"[,、]", text) if text.strip() else []:
        match = _PARAMETER.match(part)
        if match is None:
            raise formula_error(
                f"`{part.strip()}` is no parameter",
                segment.strip()[:200],
                segment.strip().find(part.strip()),
                "Parameters are names with commas between them, such as f(x, y) = x + y.",
            )
        if match["name"] in names:
            raise GenerateError(
                f"the parameter `{match['name']}` of {head['name']} is there twice",
                hint="Give each parameter its own name.",
            )
        names.append(match["name"])
        if match["default"]:
            defaults.append((match["name"], float(match["default"])))
    if not names:
        raise GenerateError(
            f"the formula {head['name']} has no parameter",
            hint="Name at least one, such as area(radius) = pi * radius^2.",
        )
    return tuple(names), tuple(defaults)


def _free_names(body: Expression, bindings: tuple[tuple[str, Expression], ...]) -> tuple[str, ...]:
    bound = {name for name, _ in bindings}
    names = [
        each.name for tree in (body, *(tree for _, tree in bindings)) for each in walk(tree) if isinstance(each, Name)
    ]
    return tuple(dict.fromkeys(name for name in names if name not in bound and name not in CONSTANTS))


def _bindings(text: str, taken: int) -> tuple[tuple[tuple[str, Expression], ...], int]:
    """The names after ``where``, in the order in which they can be computed."""
    match = re.match(r"\s*,?\s*where\b(?!\s*\()", text[taken:])
    if match is None or _BINDING.match(text, taken + match.end()) is None:
        return (), taken
    bindings: list[tuple[str, Expression]] = []
    place = taken + match.end()
    while head := _BINDING.match(text, place):
        tree, length = parse_prefix(text[head.end() :])
        taken = head.end() + length
        bindings.append((head["name"], Choose(tree, Number(1.0), Number(0.0)) if is_condition(tree) else tree))
        joint = re.match(r"\s*(?:,|、|and\b)", text[taken:])
        if joint is None:
            break
        place = taken + joint.end()
    return _sorted(bindings), taken


def _sorted(bindings: list[tuple[str, Expression]]) -> tuple[tuple[str, Expression], ...]:
    """So that each binding stands after those it uses; a circle is refused."""
    waiting = dict(bindings)
    result: list[tuple[str, Expression]] = []
    while waiting:
        ready = [
            name
            for name, tree in waiting.items()
            if not any(isinstance(each, Name) and each.name in waiting for each in walk(tree))
        ]
        if not ready:
            raise GenerateError(
                f"the names after `where` need each other in a circle: {', '.join(waiting)}",
                hint="Each name may use the parameters and names that do not use it.",
            )
        result += [(name, waiting.pop(name)) for name in ready]
    return tuple(result)


def _check_rest(text: str, taken: int) -> None:
    """Prose may follow a formula; anything that looks like more of it is refused."""
    rest = text[taken:].lstrip(" ,.、!?\"'`」』")
    if not rest or rest[0] > "\u2e7f":
        return
    word = re.match(r"[A-Za-z]+(?![A-Za-z0-9_(])", rest)
    if word and (word[0].lower() in _PROSE or text[taken : taken + 1] in (",", ".")):
        return
    fail_after(text, taken)


def _check(definition: Definition, text: str, known: dict[str, Definition]) -> None:
    """Every name and function exists, and calls have as many arguments as they need."""
    names = [*definition.parameters]
    for tree in (*(tree for _, tree in definition.bindings), definition.body):
        bound = {name for name, _ in definition.bindings}
        for each in walk(tree):
            if isinstance(each, Name) and each.name not in (*names, *bound, *CONSTANTS):
                raise GenerateError(
                    f"the formula {definition.name} uses `{each.name}`, which is neither a parameter "
                    f"({', '.join(definition.parameters)}) nor a constant ({', '.join(CONSTANTS)})",
                    hint=_did_you_mean(each.name, [*names, *CONSTANTS]) or f"Add `{each.name}` to the parameters.",
                )
            if isinstance(each, Call):
                _check_call(each, definition, known)


def _check_call(call: Call, definition: Definition, known: dict[str, Definition]) -> None:
    if call.function == definition.name and call.function not in FUNCTIONS:
        raise GenerateError(
            f"the formula {definition.name} calls itself",
            hint="A formula is computed in one go; recursion is not possible.",
        )
    if call.function in known:
        count = len(known[call.function].parameters)
        fewest: int = count
        most: int | None = count
    elif call.function in FUNCTIONS:
        fewest, most = FUNCTIONS[call.function].arguments
    else:
        hint = _did_you_mean(call.function, [*known, *FUNCTIONS])
        if call.function in (*definition.parameters, *CONSTANTS):
            hint = f"Multiplication is not implied: write `{call.function} * (`."
        raise GenerateError(
            f"the formula {definition.name} calls `{call.function}`, which is no function that formulas have",
            hint=hint
            or "There are sqrt, exp, ln, min, max, where and more: see the catalogue's page in the documentation.",
        )
    if len(call.arguments) < fewest or (most is not None and len(call.arguments) > most):
        wanted = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
        raise GenerateError(
            f"`{call.function}` takes {wanted} argument{'s' if wanted != '1' else ''}, got {len(call.arguments)} "
            f"in the formula {definition.name}",
            hint=f"`{call.function}`: {FUNCTIONS[call.function].help}." if call.function in FUNCTIONS else "",
        )


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f"Did you mean {' or '.join(f'`{each}`' for each in close)}?" if close else ""
