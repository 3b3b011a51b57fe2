"""Writes a formula as Rust over `Real`, with the fewest brackets that keep the order of computation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from akatsuki_wasm.offline.expression import (
    Binary,
    Call,
    Choose,
    Compare,
    Definition,
    Expression,
    Logic,
    Name,
    Negative,
    Number,
)
from akatsuki_wasm.offline.functions import CONSTANTS, FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADD, _MULTIPLY, _UNARY, _METHOD = 1, 2, 3, 4
_OR, _AND = 1, 2
_LEVELS = {"+": _ADD, "-": _ADD, "*": _MULTIPLY, "/": _MULTIPLY}
_METHODS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
_MAX_POWI = 16
"""Largest whole exponent that is multiplied out; the error grows with each multiplication."""


class Written(NamedTuple):
    """Rust text, how tightly its outermost operator binds, and whether its type is ``f64`` and not ``R``."""

    text: str
    level: int
    constant: bool = False

    def at(self, level: int) -> str:
        """The text in brackets where its operator binds looser than `level`."""
        return self.text if self.level >= level else f"({self.text})"

    @property
    def receiver(self) -> str:
        """The text as something of type ``R`` that a method can be called on."""
        return f"R::c({self.text})" if self.constant else self.at(_METHOD)

    @property
    def value(self) -> str:
        """The text as something of type ``R``."""
        return f"R::c({self.text})" if self.constant else self.text


def body(definition: Definition, names: Mapping[str, str], functions: Mapping[str, str]) -> list[str]:
    """The lines of a function's body.

    Args:
        definition: The formula.
        names: Rust names of parameters and ``where`` names.
        functions: Rust names of other formulas.
    """
    writer = _Writer(names, functions)
    lines = [f"let {names[name]} = {writer.number(tree).value};" for name, tree in definition.bindings]
    return [*lines, writer.number(definition.body).value]


class _Writer:
    def __init__(self, names: Mapping[str, str], functions: Mapping[str, str]) -> None:
        self.names = names
        self.functions = functions

    def number(self, tree: Expression) -> Written:
        match tree:
            case Number(value):
                return Written(repr(value), _METHOD, constant=True)
            case Name(name):
                if name in self.names:
                    return Written(self.names[name], _METHOD)
                return Written(CONSTANTS[name], _METHOD, constant=True)
            case Negative(operand):
                inner = self.number(operand)
                return Written(f"-{inner.at(_UNARY)}", _UNARY, inner.constant)
            case Binary("^", left, right):
                return self.power(left, right)
            case Binary("%", left, right):
                return Written(f"{self.number(left).receiver}.wrap({self.number(right).text})", _METHOD)
            case Binary(operator, left, right):
                level = _LEVELS[operator]
                first, second = self.number(left), self.number(right)
                text = f"{first.at(level)} {operator} {second.at(level + 1)}"
                return Written(text, level, first.constant and second.constant)
            case Call(function, arguments):
                return self.call(function, [self.number(each) for each in arguments])
            case Choose(condition, yes, no):
                sides = f"{self.number(yes).text}, {self.number(no).text}"
                return Written(f"R::select({self.condition(condition).text}, {sides})", _METHOD)
            case Compare() | Logic():
                raise TypeError("a condition is no number: the parser wraps it in a choice")

    def power(self, base: Expression, exponent: Expression) -> Written:
        if base == Name("e") and "e" not in self.names:
            return Written(f"{self.number(exponent).receiver}.exp()", _METHOD)
        receiver = self.number(base).receiver
        whole = _whole(exponent)
        if whole is not None:
            return Written(f"{receiver}.powi({whole})", _METHOD)
        return Written(f"{receiver}.powf({self.number(exponent).text})", _METHOD)

    def call(self, name: str, arguments: list[Written]) -> Written:
        if name in self.functions:
            return Written(f"{self.functions[name]}({', '.join(each.value for each in arguments)})", _METHOD)
        form = FUNCTIONS[name].rust
        if name == "log" and len(arguments) == 2:
            return Written(f"{arguments[0].receiver}.ln() / {arguments[1].receiver}.ln()", _MULTIPLY)
        if "{0}" not in form:
            return Written(f"{arguments[0].receiver}.{form}()", _METHOD)
        if form.startswith("{0}"):
            first = arguments[0].receiver
            if FUNCTIONS[name].arguments[1] is None:
                for each in arguments[1:]:
                    first = form.format(first, each.text)
                return Written(first, _METHOD)
            return Written(form.format(first, *(each.text for each in arguments[1:])), _METHOD)
        return Written(form.format(*(each.value for each in arguments)), _METHOD)

    def condition(self, tree: Expression) -> Written:
        match tree:
            case Compare(operator, left, right):
                return Written(f"{self.number(left).receiver}.{_METHODS[operator]}({self.number(right).text})", _METHOD)
            case Logic("not", left, _):
                return Written(f"!{self.condition(left).at(_UNARY)}", _UNARY)
            case Logic(operator, left, right) if right is not None:
                level = _AND if operator == "and" else _OR
                sign = "&" if operator == "and" else "|"
                return Written(f"{self.condition(left).at(level)} {sign} {self.condition(right).at(level + 1)}", level)
        raise TypeError("a number is no condition: the parser refuses it")


def _whole(exponent: Expression) -> int | None:
    sign = 1
    if isinstance(exponent, Negative):
        sign, exponent = -1, exponent.operand
    if isinstance(exponent, Number) and exponent.value.is_integer() and abs(exponent.value) <= _MAX_POWI:
        return sign * int(exponent.value)
    return None
