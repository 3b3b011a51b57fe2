"""Computes a formula in Python with IEEE 754 doubles: what the generated Rust is compared with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CONSTANTS = {"pi": math.pi, "e": math.e}


def _round(x: Any) -> Any:
    return np.copysign(np.floor(np.abs(x) + 0.49999999999999994), x)


def _smallest(*values: Any) -> Any:
    result = values[0]
    for value in values[1:]:
        result = np.minimum(result, value)
    return result


def _largest(*values: Any) -> Any:
    result = values[0]
    for value in values[1:]:
        result = np.maximum(result, value)
    return result


def _modulo(a: Any, b: Any) -> Any:
    return a - np.floor(a / b) * b


def _log(x: Any, *base: Any) -> Any:
    return np.log(x) / np.log(base[0]) if base else np.log(x)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "expm1": np.expm1, "ln": np.log, "log": _log, "log1p": np.log1p,
    "log10": np.log10, "log2": np.log2, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "floor": np.floor, "ceil": np.ceil, "round": _round, "trunc": np.trunc, "sign": np.sign,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "normcdf": lambda x: np.float64(0.5 * math.erfc(-x / math.sqrt(2.0))),
    "normpdf": lambda x: np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi),
    "erf": lambda x: np.float64(math.erf(x)),
    "radians": np.radians, "degrees": np.degrees, "hypot": np.hypot, "pow": np.power, "mod": _modulo,
    "min": _smallest, "max": _largest, "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
}  # fmt: skip

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "%": _modulo, "^": np.power,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def evaluate(tree: Expression, values: Mapping[str, float]) -> float:
    """The value of a tree.

    Args:
        tree: A number, or a condition (1.0 or 0.0).
        values: By name; constants need not be there.

    Returns:
        A double; division by zero, overflow and the like give infinities and NaN.
    """
    with np.errstate(all="ignore"):
        return float(_value(tree, {name: np.float64(value) for name, value in (_CONSTANTS | dict(values)).items()}, {}))


def evaluate_definition(
    definition: Definition, arguments: Mapping[str, float], others: Mapping[str, Definition] | None = None
) -> float:
    """The value of a formula for its parameters, by name; `others` are formulas that it may call."""
    with np.errstate(all="ignore"):
        return float(_defined(definition, {k: np.float64(v) for k, v in arguments.items()}, others or {}))


def _defined(definition: Definition, arguments: Mapping[str, Any], others: Mapping[str, Definition]) -> Any:
    names: dict[str, Any] = {name: np.float64(value) for name, value in _CONSTANTS.items()} | dict(arguments)
    for name, tree in definition.bindings:
        names[name] = _value(tree, names, others)
    return _value(definition.body, names, others)


def _value(tree: Expression, names: Mapping[str, Any], others: Mapping[str, Definition]) -> Any:
    match tree:
        case Number(value):
            return np.float64(value)
        case Name(name):
            return names[name]
        case Negative(operand):
            return -_value(operand, names, others)
        case Binary(operator, left, right) | Compare(operator, left, right):
            return _OPERATORS[operator](_value(left, names, others), _value(right, names, others))
        case Call(function, arguments):
            values = [_value(each, names, others) for each in arguments]
            if function in others:
                callee = others[function]
                return _defined(callee, dict(zip(callee.parameters, values, strict=True)), others)
            return _FUNCTIONS[function](*values)
        case Logic("not", left, _):
            return not _value(left, names, others)
        case Logic(operator, left, right) if right is not None:
            first, second = bool(_value(left, names, others)), bool(_value(right, names, others))
            return (first and second) if operator == "and" else (first or second)
        case Choose(condition, yes, no):
            return _value(yes if _value(condition, names, others) else no, names, others)
    raise TypeError(f"not a formula: {tree!r}")
