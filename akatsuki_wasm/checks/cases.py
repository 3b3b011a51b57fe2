"""The automatic cases: every function of a built module on small inputs.

They come from the types and the documented ranges: images of 7x5, 1x1 and 0x0, empty and short lists and texts, extreme
numbers. A function may answer such a case with an error of its own; it may not trap, run past the time limit, make an
image whose pixels do not fit its size, or give another answer in its batch lane than alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import MISSING, Function, Parameter
from akatsuki_wasm.values.python import lower
from akatsuki_wasm.values.sources import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXTS = ("Hello, World", "", "a", "żółw 日本語 🎉 e\u0301", "word " * 200)
_MAX_CASES = 24


def automatic_cases(function: Function) -> Iterator[tuple[Any, ...]]:
    """Contract values to try: the usual values, then each parameter at its extremes with the others usual."""
    pools = [_values(param) for param in function.params]
    usual = tuple(pool[0] for pool in pools)
    yield usual
    made = 1
    for index, pool in enumerate(pools):
        for value in pool[1:]:
            if made == _MAX_CASES:
                return
            yield (*usual[:index], value, *usual[index + 1 :])
            made += 1


def _values(param: Parameter) -> list[Any]:
    """Values of one parameter, the usual one first."""
    found = _values_of(param.type, param)
    if param.default is not MISSING:
        found.insert(0, lower(param, param.default))
    return found


def _values_of(type_: wit.Type, param: Parameter | None = None) -> list[Any]:
    if type_ == wit.IMAGE:
        return [_image(7, 5), _image(1, 1), _image(0, 0)]
    match type_:
        case wit.Primitive("bool"):
            return [True, False]
        case wit.Primitive("char"):
            return ["a", "日", "\n"]
        case wit.Primitive("string"):
            return list(_TEXTS)
        case wit.Primitive():
            return _numbers(type_, param)
        case wit.Option(inner):
            return [*_values_of(inner, param), None]
        case wit.List(element):
            return _lists(element)
        case wit.Tuple(items):
            return [tuple(_values_of(item)[0] for item in items)]
        case wit.Record(_, fields):
            return [wit.record_class(type_)(*(_values_of(field)[0] for _, field in fields))]
        case _:
            raise AssertionError(f"{type_} is not a parameter type")


def _numbers(type_: wit.Primitive, param: Parameter | None) -> list[Any]:
    low = None if param is None else param.minimum
    high = None if param is None else param.maximum
    if type_.is_integer:
        bottom, top = wit.INTEGER_RANGES[type_.name]
        bottom = bottom if low is None else max(bottom, math.ceil(low))
        top = top if high is None else min(top, math.floor(high))
        found: list[Any] = [min(max(3, bottom), top), bottom, top, min(max(0, bottom), top)]
    else:
        largest = float(np.finfo(DTYPES[type_.name]).max)
        middle = 1.5 if low is None or high is None else (low + high) / 2
        found = [middle, 0.0, -2.5, largest, -largest, math.nan, math.inf, -math.inf]
        if low is not None or high is not None:
            bounds = [float(bound) for bound in (low, high) if bound is not None]
            found = [middle, *bounds, *found[1:3]]
        found = [value for value in found if _within(value, low, high)]
    return list(dict.fromkeys(found)) or [low if low is not None else high]


def _within(value: float, low: float | None, high: float | None) -> bool:
    if math.isnan(value):
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)


def _lists(element: wit.Type) -> list[Any]:
    items = _values_of(element)
    if isinstance(element, wit.Primitive) and element.is_number:
        dtype = DTYPES[element.name]
        usual = np.array([1, 2, 3, 4, 5, 6, 7, 2, 3], dtype)
        return [usual, np.array([], dtype), np.array([items[0]], dtype), np.full(33, 7, dtype)]
    return [items[:3], [], items[:1]]


def _image(width: int, height: int) -> Any:
    """A picture with every kind of pixel that goes wrong: dark, bright, coloured, transparent."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[..., 0] = (columns * 41) % 256
    pixels[..., 1] = (rows * 63) % 256
    pixels[..., 2] = ((columns + rows) * 23) % 256
    pixels[..., 3] = np.where((columns + rows) % 4 == 3, 128, 255)
    return wit.record_class(wit.IMAGE)(width, height, pixels.reshape(-1))
