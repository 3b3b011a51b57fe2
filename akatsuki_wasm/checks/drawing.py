"""Random arguments of the right types: ordinary values, with the edges of their types and ranges mixed in.

Floats without a documented range are of magnitudes up to a million, and neither NaN nor infinite: a reference seldom
means to say what becomes of those. The automatic cases try them; an oracle's ``inputs`` and ``EXAMPLES`` can ask for
them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import MISSING, Function, Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.python import lower
from akatsuki_wasm.values.sources import DTYPES

_SIZES = ((1, 1), (1, 9), (8, 1), (2, 3), (7, 5), (16, 16), (33, 17), (64, 48))
"""Widths and heights: single rows and columns, odd and even, more than one SIMD lane."""
_LENGTHS = (0, 1, 2, 3, 5, 8, 13, 40, 250)
_EDGE = 0.2
"""How often a value is an edge; with several parameters most rows still have an ordinary one."""
_ALIKE = 0.85
"""How often the images and lists of one row have the same size: functions of two mostly need that."""
_WORDS = (
    "apple",
    "Zebra",
    "ocean",
    "the",
    "a",
    "naïve",
    "Straße",
    "東京",
    "2024",
    "x-ray",
    "e-mail",
    "İstanbul",
    "😀",
    "don't",
)
_CHARS = "aZ09 .-_\n\téßЖ日🎉"
_TEXTS = (
    "",
    " ",
    "a",
    "A",
    "aa",
    "racecar",
    "Hello, World!",
    "  two  spaces ",
    "1,2;3",
    "-12.5e3",
    "line\nline",
    "żółw 日本語 🎉 e\u0301",
)


class Drawer:
    """Draws the arguments of one function.

    Args:
        function: Whose arguments.
        seed: The same seed draws the same arguments, whatever other functions there are.
    """

    def __init__(self, function: Function, seed: int) -> None:
        self._function = function
        self.rng = np.random.default_rng([seed, *function.name.encode()])
        self._size = _SIZES[0]
        self._length = 0

    def row(self) -> tuple[Any, ...]:
        """One contract value for each parameter."""
        self._size = self._pick(_SIZES)
        self._length = self._pick(_LENGTHS)
        values: list[Any] = []
        for index, param in enumerate(self._function.params):
            earlier = [values[i] for i in range(index) if self._function.params[i].type == param.type]
            values.append(self._argument(param, earlier))
        return tuple(values)

    def _argument(self, param: Parameter, earlier: list[Any]) -> Any:
        if param.default is not MISSING and self._often(0.15):
            return lower(param, param.default)
        if earlier and param.minimum is None and param.maximum is None and self._often(0.05):
            return earlier[-1]  # two equal arguments are an edge of their own
        return self._value(param.type, param)

    def _value(self, type_: wit.Type, param: Parameter | None = None) -> Any:
        if type_ == wit.IMAGE:
            return self._image()
        match type_:
            case wit.Primitive("bool"):
                return self._often(0.5)
            case wit.Primitive("char"):
                return self._pick(_CHARS)
            case wit.Primitive("string"):
                return self._text()
            case wit.Primitive(name):
                return self._whole(name, param) if type_.is_integer else self._float(name, param)
            case wit.Option(inner):
                return None if self._often(0.25) else self._value(inner, param)
            case wit.List(element):
                return self._list(element)
            case wit.Tuple(items):
                return tuple(self._value(item) for item in items)
            case wit.Record(_, fields):
                return wit.record_class(type_)(*(self._value(field) for _, field in fields))
            case _:
                return self._choice(type_)

    def _choice(self, type_: wit.Type) -> Any:
        """A value of a component's own types."""
        match type_:
            case wit.Enum(_, names):
                return self._pick(names)
            case wit.Flags(_, names):
                return frozenset(name for name in names if self._often(0.5))
            case wit.Variant(_, cases):
                name, payload = self._pick(cases)
                return wit.Case(name, None if payload is None else self._value(payload))
            case _:
                raise ArgumentError(
                    f"no {type_} can be drawn at random for {self._function.name}",
                    hint="Define inputs(rng, rows) with columns for all parameters.",
                )

    def _often(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def _pick(self, among: Any) -> Any:
        return among[int(self.rng.integers(len(among)))]

    # ------------------------------------------------------------ numbers

    def _whole(self, name: str, param: Parameter | None) -> int:
        bottom, top = wit.INTEGER_RANGES[name]
        if param is not None and param.minimum is not None:
            bottom = max(bottom, math.ceil(param.minimum))
        if param is not None and param.maximum is not None:
            top = min(top, math.floor(param.maximum))
        if bottom >= top:
            return bottom
        if self._often(_EDGE):
            return int(self._pick([value for value in (bottom, top, -1, 0, 1, 2) if bottom <= value <= top]))
        choice = self.rng.random()
        if choice < 0.6:
            return self._between(max(bottom, min(-20, top)), min(top, max(100, bottom + 100)))
        if choice < 0.85:
            size = int(10.0 ** self.rng.uniform(1, 6))
            return min(max(-size if self._often(0.3) else size, bottom), top)
        return self._between(bottom, top)

    def _between(self, low: int, high: int) -> int:
        """From low to high, both included; also where the width is more than 64 bits."""
        return low + int.from_bytes(self.rng.bytes(12), "little") % (high - low + 1)

    def _float(self, name: str, param: Parameter | None) -> float:
        low = None if param is None else param.minimum
        high = None if param is None else param.maximum
        edges = [value for value in (low, high, 0.0, 1.0, -1.0, 0.5) if value is not None and _inside(value, low, high)]
        if edges and self._often(_EDGE):
            value = float(self._pick(edges))
        elif low is not None and high is not None:
            value = float(self.rng.uniform(low, high))
        else:
            size = abs(self._size_of_float())
            value = low + size if low is not None else high - size if high is not None else self._signed(size)
        return _nearest_f32(value, low, high) if name == "f32" else value

    def _size_of_float(self) -> float:
        choice = self.rng.random()
        if choice < 0.4:
            return float(self.rng.uniform(0, 100))
        if choice < 0.65:
            return float(self.rng.normal())
        if choice < 0.85:
            return float(self.rng.integers(0, 1000))
        return float(10.0 ** self.rng.uniform(-3, 6))

    def _signed(self, size: float) -> float:
        return -size if self._often(0.3) else size

    # ------------------------------------------------------------ texts, lists, images

    def _text(self) -> str:
        choice = self.rng.random()
        if choice < 0.3:
            return str(self._pick(_TEXTS))
        if choice < 0.35:
            return " ".join(self._pick(_WORDS) for _ in range(200))
        if choice < 0.55:
            return "".join(chr(self._between(32, 126)) for _ in range(self._between(1, 12)))
        if choice < 0.65:
            return "".join(self._pick(_CHARS) for _ in range(self._between(1, 8)))
        return " ".join(self._pick(_WORDS) for _ in range(self._between(1, 8)))

    def _list(self, element: wit.Type) -> Any:
        length = self._length if self._often(_ALIKE) else self._pick(_LENGTHS)
        if not isinstance(element, wit.Primitive):
            length = min(length, 8)  # lists of lists grow fast
        items = [self._value(element) for _ in range(length)]
        return (
            np.array(items, DTYPES[element.name]) if isinstance(element, wit.Primitive) and element.is_number else items
        )

    def _image(self) -> Any:
        width, height = self._size if self._often(_ALIKE) else self._pick(_SIZES)
        rows, columns = np.mgrid[0:height, 0:width]
        pixels = np.full((height, width, 4), 255, np.uint8)
        match self._pick(("noise", "transparent", "across", "down", "flat")):
            case "noise":
                pixels[..., :3] = self.rng.integers(0, 256, (height, width, 3))
            case "transparent":
                pixels[...] = self.rng.integers(0, 256, (height, width, 4))
                pixels[self.rng.random((height, width)) < 0.2, 3] = 0
            case "across":
                pixels[..., :3] = (columns * 255 // max(width - 1, 1))[..., None]
                pixels[..., self._between(0, 2)] = 128
            case "down":
                pixels[..., :3] = (rows * 255 // max(height - 1, 1))[..., None]
                pixels[..., self._between(0, 2)] = 64
            case _:
                pixels[..., :3] = self._pick(((0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (12, 200, 77)))
        return wit.record_class(wit.IMAGE)(width, height, pixels.reshape(-1))


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _nearest_f32(value: float, low: float | None, high: float | None) -> float:
    """The nearest value that an f32 has, inside the range."""
    near = np.float32(value)
    # As Python floats: numpy would round the bound to an f32 too.
    if low is not None and float(near) < low:
        near = np.nextafter(near, np.float32(math.inf))
    if high is not None and float(near) > high:
        near = np.nextafter(near, np.float32(-math.inf))
    return float(near)
