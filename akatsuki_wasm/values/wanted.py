"""What a parameter wants, in words: for the errors about values that people or programs wrote as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import describe_type, range_text
from akatsuki_wasm.values.choices import cases

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Parameter

SHOWN = 60
"""Characters of a wrong text that are shown."""


def expected(param: Parameter) -> str:
    """What a parameter wants, with its range, such as ``a number, f32, 0 to 1``."""
    words = "the path of an image" if param.type == wit.IMAGE else describe_type(param.type)
    return words if param.minimum is None and param.maximum is None else f"{words}, {range_text(param)}"


def wrong(param: Parameter, text: str) -> ArgumentError:
    """The error for a text that says no value of a parameter."""
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return ArgumentError(f"{param.name} is {shown!r}: expected {expected(param)}", hint=example(param.type))


def example(type_: wit.Type) -> str:
    """A hint that shows how a value of a type is written."""
    match type_:
        case wit.Primitive("char"):
            return "Give exactly one character."
        case wit.Primitive("bool"):
            return "Write true or false."
        case wit.Option(inner):
            return f"{example(inner)[:-1]}, or none."
        case _:
            return f"Write it as, for example, {sample(type_)}."


def sample(type_: wit.Type) -> str:
    """A small JSON value of a type, for a hint."""

    def value(each: wit.Type) -> Any:
        if each == wit.IMAGE:
            return "photo.jpg"
        match each:
            case wit.Primitive("bool"):
                return True
            case wit.Primitive("string" | "char"):
                return "a"
            case wit.Primitive(name):
                return 0.5 if name in wit.FLOATS else 1
            case wit.Option(inner):
                return value(inner)
            case wit.List(element):
                return [value(element), value(element)]
            case wit.Tuple(items):
                return [value(item) for item in items]
            case wit.Record(_, fields):
                return {name: value(field) for name, field in fields}
            case wit.Enum(_, names):
                return names[0]
            case wit.Flags(_, names):
                return list(names[:2])
            case wit.Variant() | wit.Result():
                name, payload = next(iter(cases(each).items()))
                return name if payload is None else {name: value(payload)}
            case _:
                return None

    return json.dumps(value(type_))
