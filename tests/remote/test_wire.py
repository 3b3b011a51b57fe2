"""Values survive the way to a server and back: every type of the contract, and those that components have besides."""

from __future__ import annotations

import base64
import io
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from wit_kit import types

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Function, Parameter
from akatsuki_wasm.errors import ArgumentError, ServerUnreachableError
from akatsuki_wasm.remote.events import read_events
from akatsuki_wasm.remote.wire import argument_to_json, value_from_json
from akatsuki_wasm.values.from_json import from_json
from akatsuki_wasm.values.images import ImageRecord
from akatsuki_wasm.values.json import to_json
from akatsuki_wasm.values.python import lower

_FLAGS = wit.Flags("may", ("read", "write"))
_SHAPE = wit.Variant("shape", (("circle", wit.F64), ("empty", None)))
_COMPONENT_TYPES = [
    wit.Enum("colour", ("red", "green")),
    _FLAGS,
    _SHAPE,
    wit.List(_SHAPE),
    wit.List(wit.Result(wit.STRING, wit.Primitive("u8"))),
    wit.Option(wit.Option(wit.Primitive("u8"))),
    wit.Bytes(),
]


def values(type_: wit.Type) -> st.SearchStrategy[Any]:
    """Contract values of a type."""
    if type_ == wit.IMAGE:
        return st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
            lambda size: st.binary(min_size=size[0] * size[1] * 4, max_size=size[0] * size[1] * 4).map(
                lambda data: ImageRecord(*size, np.frombuffer(data, np.uint8))
            )
        )
    match type_:
        case wit.Primitive("bool"):
            return st.booleans()
        case wit.Primitive("char"):
            return st.characters(exclude_categories=["Cs"])
        case wit.Primitive("string"):
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
        case wit.Primitive(name) if name in wit.INTEGER_RANGES:
            return st.integers(*wit.INTEGER_RANGES[name])
        case wit.Primitive(name):
            return st.floats(width=32 if name == "f32" else 64)
        case wit.Option(wit.Option(inner)):
            return st.none() | (st.none() | values(inner)).map(lambda value: wit.Case("some", value))
        case wit.Option(inner):
            return st.none() | values(inner)
        case wit.List(element):
            return st.lists(values(element), max_size=12)
        case wit.Tuple(items):
            return st.tuples(*map(values, items))
        case wit.Record(_, fields):
            return st.builds(wit.record_class(type_), *(values(each) for _, each in fields))
        case _:
            return _component_values(type_)


def _component_values(type_: wit.Type) -> st.SearchStrategy[Any]:
    match type_:
        case wit.Enum(_, names):
            return st.sampled_from(names)
        case wit.Flags(_, names):
            return st.frozensets(st.sampled_from(names))
        case wit.Bytes():
            return st.binary(max_size=10)
        case wit.Variant(_, cases):
            pairs = cases
        case wit.Result(ok, err):
            pairs = (("ok", ok), ("err", err))
        case _:
            raise AssertionError(type_)
    return st.one_of(
        st.just(wit.Case(name)) if each is None else values(each).map(lambda value, name=name: wit.Case(name, value))
        for name, each in pairs
    )


def plain(value: Any) -> Any:
    """A value that can be compared: arrays as lists, NaN as a text."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return repr(value)


def typed(strategy: st.SearchStrategy[wit.Type]) -> st.SearchStrategy[tuple[wit.Type, Any]]:
    return strategy.flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))


def image_of(param: Parameter, text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text.removeprefix("data:image/png;base64,"))))


@given(typed(types() | st.sampled_from(_COMPONENT_TYPES)))
def test_an_argument_arrives_as_it_was(pair: tuple[wit.Type, Any]) -> None:
    type_, value = pair
    param = Parameter("x", type_)
    function = Function("f", (param,), None)
    sent = json.loads(json.dumps(argument_to_json(function, param, value), allow_nan=False))
    assert plain(lower(param, from_json(param, sent, image_of))) == plain(value)


@given(typed(types() | st.sampled_from(_COMPONENT_TYPES)))
def test_a_result_arrives_as_it_was(pair: tuple[wit.Type, Any]) -> None:
    type_, value = pair
    found = value_from_json(type_, json.loads(json.dumps(to_json(type_, value), allow_nan=False)))
    assert plain(found) == plain(value)
    if isinstance(type_, wit.List) and type_.is_numeric:
        assert isinstance(found, np.ndarray)


@given(types(), st.recursive(st.none() | st.text() | st.floats() | st.booleans(), st.lists, max_leaves=5))
def test_a_result_of_another_shape_is_an_error_in_words(type_: wit.Type, data: Any) -> None:
    with suppress(ServerUnreachableError):  # no other
        value_from_json(type_, data)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (wit.List(wit.STRING), "text"),
        (wit.List(wit.Primitive("u8")), "AAAA"),
        (wit.List(wit.Primitive("u8")), [1.5]),
        (wit.List(wit.Primitive("s16")), np.array([40_000])),
        (wit.Primitive("f32"), 1e300),
    ],
)
def test_what_the_sandbox_would_refuse_is_not_sent(type_: wit.Type, value: Any) -> None:
    param = Parameter("x", type_)
    with pytest.raises(ArgumentError, match=r"argument x.* of f: expected"):
        argument_to_json(Function("f", (param,), None), param, value)


def test_events_are_read_as_browsers_read_them() -> None:
    lines = [": hello", "", "retry: 1000", "", "id: 7", "event: note", 'data: {"text":', 'data:  "x"}', "", "data: {}"]
    found = list(read_events(lines))
    assert [tuple(each) for each in found] == [("7", "note", {"text": "x"})]
    for wrong in ("data: [1]", "data: {"):
        with pytest.raises(ServerUnreachableError):
            list(read_events([wrong, ""]))
