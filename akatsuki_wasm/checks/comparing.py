"""When two values are the same, and how far apart they are where they are not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.checks.words import show
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.images import to_array, to_record

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = int(np.finfo(np.float64).max)
_EXCERPT = 50
_BEFORE = 10
"""Characters of a long text that are shown, and how many of them before where it differs."""
_CHANNELS = ("red", "green", "blue", "alpha")


def same(got: Any, expected: Any, tolerance: float) -> bool:
    """Whether two values are equal; floats within a relative tolerance, NaN equal to NaN, lists item by item."""
    if hasattr(got, "_asdict") and isinstance(expected, dict):
        got = got._asdict()
    if isinstance(got, np.generic | np.ndarray):
        got = got.tolist()
    if isinstance(expected, np.generic | np.ndarray):
        expected = expected.tolist()
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[key], expected[key], tolerance) for key in got)
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same, got, expected, [tolerance] * len(got)))
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, int | float) and isinstance(expected, int | float):
        if isinstance(got, int) and isinstance(expected, int):
            return got == expected
        if math.isnan(got) or math.isnan(expected):
            return math.isnan(got) and math.isnan(expected)
        return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    return bool(got == expected)


@dataclass(frozen=True)
class Tolerance:
    """What may differ.

    Attributes:
        rtol: Of a float, relative to the expected one.
        atol: Of a float, beside that.
        levels: Of a colour channel.
    """

    rtol: float
    atol: float = 0.0
    levels: int = 0


@dataclass(frozen=True)
class Difference:
    """How far two values are apart.

    Attributes:
        good: Whether that is within the tolerance.
        absolute: Largest difference of two finite numbers; of images in levels.
        relative: Largest difference relative to an expected number other than 0.
        place: Where the first or largest difference is, such as ``[3]`` or ``row 3, column 2, red``, or empty.
        got: What is there, as text.
        expected: What should be there, as text.
    """

    good: bool
    absolute: float = 0.0
    relative: float = 0.0
    place: str = ""
    got: str = ""
    expected: str = ""


def difference(type_: wit.Type | None, got: Any, expected: Any, tolerance: Tolerance) -> Difference:
    """Compares a result with what a reference answered.

    NaN equals NaN, and an infinity itself. A colour does not matter where both pixels are wholly transparent.

    Args:
        type_: The result's type.
        got: The contract value.
        expected: Any Python value: numbers, texts, sequences, arrays; a dict, tuple or object for a record; a PIL image
            or an array for an image, whose floats are rounded and clipped.
        tolerance: What may differ.
    """
    payload = type_.ok if isinstance(type_, wit.Result) else type_
    if payload == wit.IMAGE:
        return _image_difference(got, expected, tolerance)
    match payload:
        case wit.Option(inner) if got is not None and expected is not None:
            return difference(inner, got, expected, tolerance)
        case wit.List(element) if _is_sequence(got) and _is_sequence(expected):
            if len(got) != len(expected):
                return Difference(False, got=f"a list of {len(got)}", expected=f"a list of {len(expected)}")
            types: list[wit.Type] = [element] * len(got)
            return _worst([f"[{index}]" for index in range(len(got))], types, got, expected, tolerance)
        case wit.Tuple(items) if _is_sequence(expected) and len(expected) == len(items):
            return _worst([f"[{index}]" for index in range(len(items))], list(items), got, expected, tolerance)
        case wit.Record(_, fields):
            names = [name for name, _ in fields]
            wanted = _record_values(names, expected)
            if wanted is not None:
                return _worst([f".{name}" for name in names], [each for _, each in fields], got, wanted, tolerance)
    return _plain_difference(got, expected, tolerance)


def _worst(places: list[str], types: list[wit.Type], got: Any, expected: Any, tolerance: Tolerance) -> Difference:
    """The first part that differs by too much, or the largest differences of all parts."""
    absolute = relative = 0.0
    for place, type_, one, other in zip(places, types, got, expected, strict=True):
        found = difference(type_, one, other, tolerance)
        if not found.good:
            return Difference(False, found.absolute, found.relative, place + found.place, found.got, found.expected)
        absolute, relative = max(absolute, found.absolute), max(relative, found.relative)
    return Difference(True, absolute, relative)


def _plain_difference(got: Any, expected: Any, tolerance: Tolerance) -> Difference:
    got, expected = _scalar(got), _scalar(expected)
    if isinstance(got, str) and isinstance(expected, str):
        return _text_difference(got, expected)
    if not _is_number(got) or not _is_number(expected):
        return Difference(same(got, expected, tolerance.rtol), got=show(got), expected=show(expected))
    if not (math.isfinite(got) and math.isfinite(expected)):
        good = got == expected or (math.isnan(got) and math.isnan(expected))
        return Difference(good, got=show(got), expected=show(expected))
    apart = abs(got - expected)
    exact = isinstance(got, int)  # a module gives such only for whole numbers' types
    good = got == expected if exact else apart <= tolerance.atol + tolerance.rtol * abs(expected)
    return Difference(good, float(apart), _relative(got, expected), "", show(got), show(expected))


def _text_difference(got: str, expected: str) -> Difference:
    """Long texts from a little before where they part, as their beginnings alone may be alike."""
    if max(len(got), len(expected)) <= _EXCERPT:
        return Difference(got == expected, got=show(got), expected=show(expected))
    alike = next(
        (i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), min(len(got), len(expected))
    )
    start = max(0, alike - _BEFORE)
    excerpts = (show(text[start : start + _EXCERPT]) for text in (got, expected))
    return Difference(got == expected, 0.0, 0.0, f"character {alike}" if start else "", *excerpts)


def _scalar(value: Any) -> Any:
    """A number as an int or float of Python's, whatever a reference computes with; other values as they are."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        value = value.item()
    if isinstance(value, Decimal | Fraction):
        value = float(value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        return math.inf if value > 0 else -math.inf
    return value


def _relative(got: float, expected: float) -> float:
    return float(abs(got - expected) / abs(expected)) if expected else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _record_values(names: list[str], value: Any) -> list[Any] | None:
    """The fields of a dict, a tuple or an object, or None where it has not all of them and no other."""
    if isinstance(value, Mapping):
        return [value[name] for name in names] if set(value) == set(names) else None
    if isinstance(value, list | tuple):
        return list(value) if len(value) == len(names) else None
    return [getattr(value, name) for name in names] if all(hasattr(value, name) for name in names) else None


def _image_difference(got: Any, expected: Any, tolerance: Tolerance) -> Difference:
    wanted = _image_array(expected)
    if wanted is None:
        return Difference(False, got="an image", expected=f"no image, but {show(expected)}")
    try:
        found = to_array(got)
    except ArgumentError as exc:
        return Difference(False, got=str(exc), expected="an image with as many pixels as its size says")
    if found.shape != wanted.shape:
        got, expected = (f"an image of {array.shape[1]}x{array.shape[0]}" for array in (found, wanted))
        return Difference(False, got=got, expected=expected)
    apart = np.abs(found.astype(np.int16) - wanted.astype(np.int16))
    apart[(found[..., 3] == 0) & (wanted[..., 3] == 0), :3] = 0
    largest = int(apart.max(initial=0))
    if largest <= tolerance.levels:
        return Difference(True, float(largest))
    row, column, channel = (int(each) for each in np.unravel_index(int(apart.argmax()), apart.shape))
    place = f"row {row}, column {column}, {_CHANNELS[channel]}"
    return Difference(
        False, float(largest), 0.0, place, str(found[row, column, channel]), str(wanted[row, column, channel])
    )


def _image_array(value: Any) -> NDArray[np.uint8] | None:
    if isinstance(value, np.ndarray) and value.dtype != np.uint8 and value.dtype.kind in "biuf":
        value = np.clip(np.rint(np.nan_to_num(value.astype(np.float64))), 0, 255).astype(np.uint8)
    try:
        return to_array(to_record(value, "the reference's image"))
    except ArgumentError:
        return None
