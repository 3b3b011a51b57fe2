"""The tree of a formula: numbers, names, operators, comparisons, choices and calls, each with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from akatsuki_wasm.errors import GenerateError

if TYPE_CHECKING:
    from collections.abc import Iterator

NumberOperator = Literal["+", "-", "*", "/", "%", "^"]
Comparison = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class Number:
    """A literal; a percentage is already divided by 100."""

    value: float
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Name:
    """A parameter, a `where` name, or the constant ``pi`` or ``e``."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Negative:
    """Unary minus."""

    operand: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """Arithmetic on two numbers. ``%`` is ``a - b * floor(a / b)``: the result has the sign of the divisor."""

    operator: NumberOperator
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of `functions.FUNCTIONS`, or another formula."""

    function: str
    arguments: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Compare:
    """A condition; false where a side is not a number, but for ``!=``."""

    operator: Comparison
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Logic:
    """Two conditions joined by ``and`` or ``or``, or one turned around by ``not`` (then `right` is None)."""

    operator: Literal["and", "or", "not"]
    left: Expression
    right: Expression | None = None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Choose:
    """``if condition then yes else no``."""

    condition: Expression
    yes: Expression
    no: Expression
    at: int = field(default=0, compare=False)


Expression = Number | Name | Negative | Binary | Call | Compare | Logic | Choose


@dataclass(frozen=True)
class Definition:
    """One formula.

    Attributes:
        name: As it was written.
        parameters: Names in order.
        body: A number; a condition has become 1 or 0.
        bindings: ``where`` names with their values, each may use those before it.
        defaults: Values of parameters that were given as ``k = 2``.
    """

    name: str
    parameters: tuple[str, ...]
    body: Expression
    bindings: tuple[tuple[str, Expression], ...] = ()
    defaults: tuple[tuple[str, float], ...] = ()


def is_condition(tree: Expression) -> bool:
    """Whether a tree is true or false rather than a number."""
    return isinstance(tree, Compare | Logic)


def children(tree: Expression) -> tuple[Expression, ...]:
    """The trees that a tree is directly made of."""
    match tree:
        case Negative(operand):
            return (operand,)
        case Binary(_, left, right) | Compare(_, left, right):
            return (left, right)
        case Logic(_, left, right):
            return (left,) if right is None else (left, right)
        case Call(_, arguments):
            return arguments
        case Choose(condition, yes, no):
            return (condition, yes, no)
        case _:
            return ()


def walk(tree: Expression) -> Iterator[Expression]:
    """The tree and all trees in it, in the order of the text."""
    yield tree
    for child in children(tree):
        yield from walk(child)


def formula_error(problem: str, text: str, at: int, advice: str) -> GenerateError:
    """An error with its place, in one line: the column counts characters of the formula from 1."""
    at = min(at, len(text))
    return GenerateError(
        f"the formula `{_excerpt(text, at)}` cannot be read: {problem} at column {at + 1}", hint=advice
    )


def _excerpt(text: str, at: int) -> str:
    """The formula, or of a long one what stands around a place."""
    text = " ".join(text.split("\n"))
    if len(text) <= _SHOWN:
        return text
    start = max(0, min(at - _SHOWN // 2, len(text) - _SHOWN))
    end = start + _SHOWN
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"


_SHOWN = 80


_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 4}


def show(tree: Expression) -> str:
    """A tree as text with the fewest brackets that keep its shape; `parser.parse` reads it back."""
    return _show(tree)[0]


def _show(tree: Expression) -> tuple[str, int]:
    match tree:
        case Number(value):
            # An exponent sign is written as people write it: 1e-3, 1e22.
            return (repr(value).removesuffix(".0").replace("e+", "e"), 5 if value >= 0 else 3)
        case Name(name):
            return name, 5
        case Negative(operand):
            return f"-{_shown_at(operand, 3)}", 3
        case Binary("^", left, right):
            return f"{_shown_at(left, 5)}^{_shown_at(right, 3)}", 4
        case Binary(operator, left, right):
            level = _LEVELS[operator]
            # A minus directly behind "%" would look like a percentage that something is taken from.
            tight = _LEVELS["^"] if operator == "%" else level + 1
            return f"{_shown_at(left, level)} {operator} {_shown_at(right, tight)}", level
        case Call(function, arguments):
            return f"{function}({', '.join(show(each) for each in arguments)})", 5
        case Compare(operator, left, right):
            return f"{_shown_at(left, 1)} {operator} {_shown_at(right, 1)}", 0
        case Logic("not", left, _):
            return f"not ({show(left)})", -1
        case Logic(operator, left, right):
            sides = [f"({show(each)})" if isinstance(each, Logic) else show(each) for each in (left, right) if each]
            return f" {operator} ".join(sides), -1
        case Choose(condition, yes, no):
            return f"if {show(condition)} then {show(yes)} else {show(no)}", -2


def _shown_at(tree: Expression, level: int) -> str:
    text, own = _show(tree)
    return text if own >= level else f"({text})"
