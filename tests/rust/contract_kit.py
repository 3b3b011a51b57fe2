"""Values of every type of the contract, and a comparison that does not care who made them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from akatsuki_wasm import wit

_FLOATS = {"f32": st.floats(width=32, allow_nan=False), "f64": st.floats(allow_nan=False)}


def values(type_: wit.Type) -> st.SearchStrategy[Any]:
    """Contract values of a type."""
    match type_:
        case wit.Primitive("bool"):
            return st.booleans()
        case wit.Primitive("char"):
            return st.characters(exclude_categories=["Cs"])
        case wit.Primitive("string"):
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
        case wit.Primitive(name) if name in _FLOATS:
            return _FLOATS[name]
        case wit.Primitive(name):
            return st.integers(*wit.INTEGER_RANGES[name])
        case wit.List(element):
            return st.lists(values(element), max_size=5)
        case wit.Option(inner):
            return st.none() | values(inner)
        case wit.Tuple(items):
            return st.tuples(*map(values, items))
        case wit.IMAGE:
            return st.tuples(st.integers(0, 3), st.integers(0, 3)).flatmap(_image)
        case wit.Record(_, fields):
            return st.fixed_dictionaries({name: values(field) for name, field in fields})
        case _:
            raise AssertionError(f"{type_} is only a result")


def _image(size: tuple[int, int]) -> st.SearchStrategy[Any]:
    width, height = size
    length = width * height * 4
    pixels = st.lists(st.integers(0, 255), min_size=length, max_size=length)
    return st.fixed_dictionaries({"width": st.just(width), "height": st.just(height), "pixels": pixels})


def plain(value: Any) -> Any:
    """A value of either face as lists, dictionaries and scalars; floats by their text, so that -0.0 is itself."""
    match value:
        case np.ndarray() | bytes() | bytearray():
            return [plain(each) for each in list(value)]
        case np.generic():
            return plain(value.item())
        case float():
            return "nan" if math.isnan(value) else repr(value)
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return {name.rstrip("_"): plain(each) for name, each in value._asdict().items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case bool() | int() | str() | None:
            return value
        case _:
            return {name.replace("-", "_"): plain(each) for name, each in vars(value).items()}
