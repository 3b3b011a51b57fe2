"""Values on the host's side of the boundary: checked scalars, and arrays of a list's element type.

Nothing wraps silently: an integer out of its type's range, a float where an integer is due, a float that only
``inf`` could stand for in 32 bits are refused in words that say what was expected.
"""

from __future__ import annotations

import operator
import struct
from typing import Any

import numpy as np

from akatsuki_wasm import wit

DTYPES: dict[str, np.dtype[Any]] = {
    **{name: np.dtype(f"<{name[0].replace('s', 'i')}{int(name[1:]) // 8}") for name in wit.INTEGER_RANGES},
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
    "bool": np.dtype(np.bool_),
    "char": np.dtype("<u4"),
}
"""How a column or list of a primitive lies in guest memory, which is little-endian."""
F32_MAX = float(np.finfo(np.float32).max)
_BYTES_LIKE = (bytes, bytearray)
_NUMBER_KINDS = "iuf"
_F32 = struct.Struct("<f")
_U64 = struct.Struct("<Q")
_F64 = struct.Struct("<d")


class Mismatch(Exception):  # noqa: N818 - never leaves the sandbox; becomes an ArgumentError with the parameter's name
    """A value is not of the type it should be.

    Args:
        expected: What was expected, such as ``u8 (0 to 255)``.
        got: What came, in words.
        hint: What to do.
    """

    def __init__(self, expected: str, got: str, hint: str = "") -> None:
        super().__init__(expected, got)
        self.expected, self.got, self.hint, self.path = expected, got, hint, ""

    def within(self, step: str) -> Mismatch:
        """The same, one level further out: `step` is ``[3]`` or ``.field``."""
        self.path = step + self.path
        return self


def describe(value: Any) -> str:
    """A value for a message: short, with its type."""
    if value is None:
        return "None"
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to write out a very long one
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, np.generic):
        return f"{value.item()!r} ({kind})"
    if isinstance(value, bool | int | float | str) and len(text := repr(value)) <= 40:
        return f"{text} ({kind})"
    if isinstance(value, str | bytes | bytearray | list | tuple | dict):
        return f"{kind} of length {len(value)}"
    return kind


def ranged(name: str) -> str:
    """A type with its range, for a message: ``u8 (0 to 255)``."""
    if name not in wit.INTEGER_RANGES:
        return name
    low, high = wit.INTEGER_RANGES[name]
    return f"{name} ({low} to {high})"


def integer(name: str, value: Any) -> int:
    """An integer of a type's range.

    Raises:
        Mismatch: It is none.
    """
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise Mismatch(ranged(name), describe(value))
    try:
        number: int = operator.index(value)
    except TypeError as exc:  # an array has the method and refuses
        raise Mismatch(ranged(name), describe(value)) from exc
    low, high = wit.INTEGER_RANGES[name]
    if not low <= number <= high:
        raise Mismatch(ranged(name), describe(value))
    return number


def double(name: str, value: Any) -> float:
    """A float; integers are taken, and rounded where they are past 2**53, as Python does.

    Raises:
        Mismatch: It is none, or is finite and too large for the type.
    """
    if type(value) is not float:
        refused = isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.ndim > 0)
        if refused or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
            raise Mismatch(name, describe(value))
        try:
            value = float(value)
        except (TypeError, ValueError, OverflowError) as exc:
            raise Mismatch(name, describe(value)) from exc
    if name == "f32" and value == value and abs(value) > F32_MAX and value not in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise Mismatch(f"f32 (at most {F32_MAX})", describe(value))
    return value  # type: ignore[no-any-return]  # is a float by now


def f32_bits(value: Any) -> int:
    """The 32 bits of a value for an f32; the payload and the quiet bit of a NaN are kept.

    Raises:
        Mismatch: It is no float, or too large.
    """
    if isinstance(value, np.float32):
        return int(value.view(np.uint32))
    number = double("f32", value)
    if number != number:  # noqa: PLR0124 - a conversion instruction would set the quiet bit, so move the bits
        bits: int = _U64.unpack(_F64.pack(number))[0]
        payload = (bits >> 29) & 0x7FFFFF
        return (bits >> 63) << 31 | 0x7F800000 | (payload or 0x400000)
    try:
        return int.from_bytes(_F32.pack(number), "little")
    except OverflowError as exc:  # rounds up past the largest
        raise Mismatch(f"f32 (at most {F32_MAX})", describe(value)) from exc


def f32_value(bits: int) -> float:
    """The float whose f32 has these bits; a NaN keeps its payload and its quiet bit."""
    if bits & 0x7F800000 == 0x7F800000 and bits & 0x7FFFFF:
        wide = (bits >> 31) << 63 | 0x7FF << 52 | (bits & 0x7FFFFF) << 29
        return float(_F64.unpack(_U64.pack(wide))[0])
    return float(_F32.unpack(bits.to_bytes(4, "little"))[0])


def character(value: Any) -> int:
    """The code point of a one-character string.

    Raises:
        Mismatch: It is none, or a surrogate.
    """
    if not isinstance(value, str) or len(value) != 1:
        raise Mismatch("char (one character)", describe(value))
    code = ord(value)
    if 0xD800 <= code <= 0xDFFF:
        raise Mismatch("char (a Unicode scalar value)", f"the surrogate U+{code:04X}")
    return code


def array(name: str, value: Any, expected: str, valid: Any = None) -> np.ndarray[Any, Any]:
    """A 1-D array of numbers (or bools), checked for an element type but not yet of its dtype.

    Assigning it to an array of `DTYPES[name]` neither wraps nor truncates.

    Args:
        name: Element type: an integer, a float or ``bool``.
        value: numpy array of shape (n,), buffer, sequence, or anything with ``__array__`` (a pandas Series).
        expected: What the whole value should be, for messages, such as ``list<u8>``.
        valid: bool array of shape (n,): where False, the place may hold anything.

    Raises:
        Mismatch: It is none of these, or an element does not fit.
    """
    found = _as_array(name, value, expected)
    if found.ndim != 1:
        raise Mismatch(f"{expected}, 1-D", describe(found))
    if found.dtype == DTYPES[name] or not found.size:
        return found
    if found.dtype.kind == "O" or (found.dtype.kind == "f" and isinstance(value, list | tuple)):
        return _by_element(name, found if found.dtype.kind == "O" else value, valid)
    if name == "bool" or found.dtype.kind not in _NUMBER_KINDS:
        raise Mismatch(expected, describe(found))
    if name in wit.INTEGER_RANGES:
        if found.dtype.kind == "f":
            hint = f"round it and convert it first, such as .astype(numpy.{DTYPES[name].name})"
            raise Mismatch(expected, describe(found), hint)
        low, high = wit.INTEGER_RANGES[name]
        info = np.iinfo(found.dtype)
        if info.min < low or info.max > high:
            _check_places(found, (found < max(low, info.min)) | (found > min(high, info.max)), ranged(name), valid)
    elif name == "f32" and found.dtype.itemsize > 4 and found.dtype.kind == "f":
        _check_places(found, np.isfinite(found) & (np.abs(found) > F32_MAX), f"f32 (at most {F32_MAX})", valid)
    return found


def _as_array(name: str, value: Any, expected: str) -> np.ndarray[Any, Any]:
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, _BYTES_LIKE):
        if name not in ("u8", "s8"):
            raise Mismatch(expected, describe(value), "bytes are a list<u8>; use numpy.frombuffer for other numbers")
        return np.frombuffer(value, np.uint8)
    if isinstance(value, str | dict | set) or not (
        hasattr(value, "__array__") or hasattr(value, "__len__") or isinstance(value, memoryview)
    ):
        raise Mismatch(expected, describe(value))
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError) as exc:  # ragged nesting, and the like
        raise Mismatch(f"{expected}, 1-D", describe(value)) from exc


def _by_element(name: str, values: Any, valid: Any) -> np.ndarray[Any, Any]:
    """The slow way, for Python numbers that numpy made no integers of; its errors name the place."""
    made = np.zeros(len(values), DTYPES[name])
    for index, value in enumerate(values):
        if valid is not None and not valid[index]:
            continue
        try:
            made[index] = _scalar(name, value)
        except Mismatch as mismatch:
            raise mismatch.within(f"[{index}]") from None
    return made


def _scalar(name: str, value: Any) -> Any:
    if name == "bool":
        return boolean(value)
    return integer(name, value) if name in wit.INTEGER_RANGES else double(name, value)


def boolean(value: Any) -> bool:
    """A bool, Python's or numpy's.

    Raises:
        Mismatch: It is none.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise Mismatch("bool", describe(value))


def _check_places(found: np.ndarray[Any, Any], wrong: np.ndarray[Any, Any], expected: str, valid: Any) -> None:
    if valid is not None:
        wrong = wrong & valid
    if wrong.any():
        index = int(np.argmax(wrong))
        raise Mismatch(expected, describe(found[index])).within(f"[{index}]")
