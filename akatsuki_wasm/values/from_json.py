"""JSON to Python values for a function's parameters, as DESIGN's table of types says: what HTTP and the shell take.

A number of 64 bits may be a string, and so may be ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``. A list of numbers is
an array, or base64 text of its values, little-endian. An image is a text that the given reader understands: a data URL,
or a path. The rest is checked when it is lowered.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import default_hint, describe_type
from akatsuki_wasm.values.choices import cases, is_doubled
from akatsuki_wasm.values.wanted import SHOWN, wrong

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Parameter


Reader = Callable[["Parameter", str], Any]
"""Reads an image from a text."""


def from_json(param: Parameter, data: Any, image: Reader) -> Any:
    """Turns parsed JSON into a Python value, as `akatsuki_wasm.values.python.lower` takes it.

    Args:
        param: The parameter; ranges are not checked here.
        data: What a JSON parser gave.
        image: Reads an image from a text: a data URL, or a path.

    Raises:
        ArgumentError: The data says no value of the parameter's type.
    """
    type_ = param.type
    if type(type_) is wit.Primitive and not isinstance(data, str):  # the usual case, and the quickest
        return _finite(param, data) if type(data) is float else data
    return value_from_json(param, type_, data, image)


def value_from_json(param: Parameter, type_: wit.Type, data: Any, image: Reader) -> Any:
    """As `from_json`, for a value of a type inside the parameter's."""
    if type_ == wit.IMAGE and isinstance(data, str):
        return image(param, data)
    match type_, data:
        case wit.Option(inner), _ if not is_doubled(type_):
            return None if data is None else value_from_json(param, inner, data, image)
        case wit.Primitive() as primitive, str() if primitive.is_number:
            return number(param, primitive, data)
        case wit.Primitive(), float():
            return _finite(param, data)
        case wit.List(), _:
            return _list(param, type_, data, image)
        case wit.Tuple(items), list() if len(items) == len(data):
            return tuple(value_from_json(param, item, each, image) for item, each in zip(items, data, strict=True))
        case wit.Record(_, fields), Mapping():
            return _members(param, dict(fields), data, image)
        case ((wit.Variant() | wit.Result() | wit.Option()), Mapping()):
            payloads = {name: each for name, each in cases(type_).items() if each is not None}
            return _members(param, payloads, {wit.snake(name): each for name, each in data.items()}, image)
        case wit.Bytes(), {"base64": str() as text} if len(data) == 1:
            return _base64(param, text)
        case _:
            return data


def _list(param: Parameter, type_: wit.List, data: Any, image: Reader) -> Any:
    if isinstance(data, str) and isinstance(type_.element, wit.Primitive) and type_.is_numeric:
        return _packed(param, type_.element, data)
    if not isinstance(data, list):
        raise wrong(param, json.dumps(data))
    return [value_from_json(param, type_.element, item, image) for item in data]


def _members(param: Parameter, types: Mapping[str, wit.Type], data: Mapping[str, Any], image: Reader) -> Any:
    """Values by name; a name that the type does not have is told when the value is lowered."""
    return {
        name: value_from_json(param, types[name], each, image) if name in types else each for name, each in data.items()
    }


def number(param: Parameter, type_: wit.Primitive, text: str) -> int | float:
    """A number that is written as text.

    Raises:
        ArgumentError: It is none, or outside the type's range.
    """
    try:
        if "_" in text or not text.isascii():  # Python's own ways to write numbers, and digits of other scripts
            raise ValueError
        if type_.is_float:
            return float(text)
        found = _whole(text)
    except (ValueError, OverflowError) as exc:
        raise wrong(param, text) from exc
    low, high = wit.INTEGER_RANGES[type_.name]
    if not low <= found <= high and param.minimum is None and param.maximum is None:
        raise ArgumentError(
            f"{param.name} is {text[:SHOWN]}: expected a whole number, {type_.name}, {low} to {high}",
            hint=default_hint(param),
        )
    return found


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        found = float(text)  # 1e6 and 3.0 are whole numbers too
        if not found.is_integer():
            raise
        return int(found)


def _finite(param: Parameter, value: float) -> float:
    # A parser reads 1e999 as infinity, which nobody wrote.
    if math.isinf(value):
        raise ArgumentError(
            f"{param.name} is a number beyond what f64 can hold: expected {describe_type(param.type)}",
            hint='Infinity is written as the text "Infinity".',
        )
    return value


def _packed(param: Parameter, element: wit.Primitive, text: str) -> Any:
    """A list of numbers from base64 text of its values."""
    import numpy as np

    data = _base64(param, text)
    kind = {"f": "f", "s": "i", "u": "u"}[element.name[0]]
    dtype = np.dtype(f"<{kind}{int(element.name[1:]) // 8}")
    if len(data) % dtype.itemsize:
        raise ArgumentError(
            f"{param.name} is base64 of {len(data)} bytes: expected a multiple of {dtype.itemsize}, as each value is "
            f"{element.name}",
            hint="Send the values little-endian, one after the other.",
        )
    return np.frombuffer(data, dtype)


def _base64(param: Parameter, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ArgumentError(f"{param.name} is text that is no base64: {exc}", hint="Send an array.") from exc
