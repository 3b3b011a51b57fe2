"""Binds positional and named arguments to a function's parameters: defaults, ranges, clear errors."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import MISSING, Function, Parameter
from akatsuki_wasm.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def bind(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """One value for each parameter, in order, defaults filled in. Values are not converted.

    Args:
        function: The signature.
        args: Positional values.
        kwargs: Named values; snake_case and kebab-case are both understood.

    Raises:
        ArgumentError: An argument is missing, too many, given twice, or of an unknown name.
    """
    if len(args) > len(function.params):
        raise ArgumentError(
            f"{function.name} takes {_count(len(function.params))}, got {len(args)}", hint=usage(function)
        )
    if not kwargs and len(args) == len(function.params):
        return list(args)
    named = {wit.snake(name): value for name, value in kwargs.items()}
    names = [param.name for param in function.params]
    for name in named:
        if name not in names:
            raise ArgumentError(
                f"{function.name} has no parameter {name!r}{did_you_mean(name, names)}", hint=usage(function)
            )
    bound = []
    for index, param in enumerate(function.params):
        if index < len(args):
            if param.name in named:
                raise ArgumentError(f"{param.name} was given twice", hint=usage(function))
            bound.append(args[index])
        elif param.name in named:
            bound.append(named[param.name])
        elif param.default is not MISSING:
            bound.append(param.default)
        elif not param.required:
            bound.append(None)
        else:
            raise ArgumentError(
                f"{function.name} needs {param.name!r} ({describe_type(param.type)})", hint=usage(function)
            )
    return bound


def check_range(param: Parameter, value: Any) -> None:
    """Checks one number against the parameter's documented range.

    Raises:
        ArgumentError: It is outside, or not a number at all where a range is documented.
    """
    if value is None or (param.minimum is None and param.maximum is None):
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        low = -math.inf if param.minimum is None else param.minimum
        high = math.inf if param.maximum is None else param.maximum
        if not low <= value <= high:
            raise ArgumentError(
                f"{param.name} is {number_text(value)}: expected {range_text(param)}", hint=default_hint(param)
            )


def default_hint(param: Parameter) -> str:
    """What to do about a value that does not fit."""
    if param.default is MISSING:
        return f"Give {param.name} another value."
    default = param.default
    shown = str(default).lower() if default is None or isinstance(default, bool) else number_text(default)
    return f"Give another value, or leave {param.name} out for its default, {shown}."


def range_text(param: Parameter) -> str:
    """The documented range in words, such as ``0 to 1``."""
    if param.minimum is None:
        return f"at most {number_text(param.maximum)}"
    if param.maximum is None:
        return f"at least {number_text(param.minimum)}"
    return f"{number_text(param.minimum)} to {number_text(param.maximum)}"


def number_text(value: float | None) -> str:
    """A number without a trailing ``.0``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def usage(function: Function) -> str:
    """A hint with the whole signature."""
    return f"Its signature is {python_signature(function)}."


def python_signature(function: Function) -> str:
    """The signature as people write it in Python, such as ``vintage(image, strength=0.7)``."""
    parts = []
    for param in function.params:
        if param.default is not MISSING:
            parts.append(f"{param.name}={param.default!r}")
        else:
            parts.append(param.name if param.required else f"{param.name}=None")
    return f"{function.name}({', '.join(parts)})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def describe_type(type_: wit.Type) -> str:
    """A type in words for people."""
    if type_ == wit.IMAGE:
        return "an image"
    match type_:
        case wit.Primitive("string"):
            return "text"
        case wit.Primitive("char"):
            return "one character"
        case wit.Primitive("bool"):
            return "true or false"
        case wit.Primitive(name) if name in wit.INTEGER_RANGES:
            return f"a whole number, {name}"
        case wit.Primitive(name):
            return f"a number, {name}"
        case wit.Option(inner):
            return f"{describe_type(inner)}, or none"
        case wit.List(element):
            return f"a list of {element}"
        case _:
            return _describe_other(type_)


def _describe_other(type_: wit.Type) -> str:
    match type_:
        case wit.Bytes():
            return "bytes"
        case wit.Enum(_, names):
            return f"one of {', '.join(names)}"
        case wit.Flags(_, names):
            return f"any of {', '.join(names)}"
        case wit.Variant(_, cases):
            return f"one of {', '.join(name if each is None else f'{name}({each})' for name, each in cases)}"
        case _:
            return f"a {type_}"


def _count(count: int) -> str:
    return "no arguments" if count == 0 else "1 argument" if count == 1 else f"at most {count} arguments"
