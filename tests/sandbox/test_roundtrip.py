"""The law of the Canonical ABI's two directions: what is lowered is lifted unchanged, for any type and value."""

from __future__ import annotations

import contextlib
import math
import struct
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from wat_guests import ALLOCATOR, guest

from akatsuki_wasm import canonical, wit
from akatsuki_wasm.contracts import Call, Function, Limits, Parameter
from akatsuki_wasm.sandbox.ffi import SLOT_SIZE
from akatsuki_wasm.sandbox.lift import Reader, loader, unflattener
from akatsuki_wasm.sandbox.lower import flattener, storer
from akatsuki_wasm.sandbox.sandbox import Sandbox
from akatsuki_wasm.sandbox.slots import slot_layout

PRIMITIVES = [wit.Primitive(name) for name in wit.PRIMITIVES]


class HostMemory:
    """A guest memory in a bytearray; each allocation is apart from the others and starts dirty."""

    def __init__(self) -> None:
        self.bytes = bytearray(b"\xaa" * 64)
        self.view = memoryview(self.bytes)

    def allocate(self, size: int, alignment: int) -> int:
        address = canonical.align_to(len(self.bytes) + 3, alignment)
        self.bytes = self.bytes + b"\xaa" * (address + size - len(self.bytes))
        self.view = memoryview(self.bytes)
        return address

    def reader(self) -> Reader:
        return Reader(self.view, "f", Limits())


def types(depth: int = 3) -> st.SearchStrategy[wit.Type]:
    base: st.SearchStrategy[wit.Type] = st.sampled_from(PRIMITIVES)
    if depth == 0:
        return base
    inner = types(depth - 1)
    names = st.lists(st.sampled_from(["a", "b", "class", "long_name", "x1"]), min_size=1, max_size=4, unique=True)
    return st.one_of(
        base,
        inner.map(wit.List),
        inner.filter(lambda each: not isinstance(each, wit.Option)).map(wit.Option),
        st.lists(inner, min_size=1, max_size=4).map(lambda items: wit.Tuple(tuple(items))),
        names.flatmap(
            lambda labels: st.tuples(*[inner] * len(labels)).map(
                lambda fields: wit.Record("rec", tuple(zip(labels, fields, strict=True)))
            )
        ),
    )


def values(type_: wit.Type) -> st.SearchStrategy[Any]:
    match type_:
        case wit.Primitive("bool"):
            return st.booleans()
        case wit.Primitive("char"):
            return st.characters(exclude_categories=["Cs"])
        case wit.Primitive("string"):
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        case wit.Primitive("f32"):
            return st.floats(width=32)
        case wit.Primitive("f64"):
            return st.floats()
        case wit.Primitive(name):
            low, high = wit.INTEGER_RANGES[name]
            return st.integers(low, high)
        case wit.List(element):
            return st.lists(values(element), max_size=5)
        case wit.Option(inner):
            return st.none() | values(inner)
        case wit.Tuple(items):
            return st.tuples(*map(values, items))
        case wit.Record(_, fields):
            return st.tuples(*(values(field) for _, field in fields)).map(wit.record_class(type_)._make)
        case _:
            raise AssertionError(type_)


TYPED = types().flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))


def plain(value: Any) -> Any:
    """Comparable: arrays as lists, NaN as one thing, -0.0 apart from 0.0, a record's class kept."""
    if isinstance(value, np.ndarray):
        return [plain(each) for each in value.tolist()]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, tuple):
        return type(value).__name__, tuple(plain(each) for each in value)
    return type(value).__name__, value


def same(type_: wit.Type, got: Any, value: Any) -> bool:
    if isinstance(type_, wit.List) and type_.is_numeric:
        return got.tolist() == value or plain(got) == [plain(each) for each in np.array(value, got.dtype).tolist()]
    match type_:
        case wit.List(element):
            return len(got) == len(value) and all(same(element, a, b) for a, b in zip(got, value, strict=True))
        case wit.Option(inner):
            return (got is None) == (value is None) and (value is None or same(inner, got, value))
        case wit.Tuple() | wit.Record():
            parts = zip(wit.children(type_), got, value, strict=True)
            return type(got) is type(value) and all(same(*part) for part in parts)
        case _:
            return bool(plain(got) == plain(value))


@settings(max_examples=400, deadline=None)
@given(TYPED)
def test_stored_values_load_unchanged(pair: tuple[wit.Type, Any]) -> None:
    type_, value = pair
    memory = HostMemory()
    address = memory.allocate(canonical.size(type_), canonical.alignment(type_))
    storer(type_)(memory, value, address)
    assert same(type_, loader(type_)(memory.reader(), address), value)


@settings(max_examples=400, deadline=None)
@given(TYPED)
def test_flat_values_are_as_many_and_of_the_kinds_that_the_layout_says(pair: tuple[wit.Type, Any]) -> None:
    type_, value = pair
    memory = HostMemory()
    flat: list[Any] = []
    flattener(type_)(memory, value, flat)
    core = canonical.flatten(type_)
    assert len(flat) == len(core)
    slots = bytearray(SLOT_SIZE * len(core))
    slot_layout(core).pack_into(slots, flat)
    if all(not canonical.owns_memory(each) for each in [type_]) and _no_option(type_):
        back = list(slot_layout(core).unpack_from(slots, 0))
        back.reverse()
        assert same(type_, unflattener(type_)("f", back), value)


def _no_option(type_: wit.Type) -> bool:
    return not isinstance(type_, wit.Option) and all(map(_no_option, wit.children(type_)))


@settings(max_examples=60, deadline=None)
@given(TYPED)
def test_the_same_through_a_real_guest(pair: tuple[wit.Type, Any]) -> None:
    """Seventeen bytes beside the value spill the parameters to memory, and the guest gives that address back."""
    type_, value = pair
    padding = tuple(Parameter(f"p{i}", wit.U8) for i in range(17))
    result = wit.Tuple((type_, *(wit.U8,) * 17))
    echo = Function("same", (Parameter("value", type_), *padding), result, export="same")
    module = guest(ALLOCATOR + '(func (export "same") (param i32) (result i32) (local.get 0))', echo)
    got = SANDBOX.execute(module, Call("same", (value, *range(17)))).value
    assert same(type_, got[0], value)
    assert got[1:] == tuple(range(17))


SANDBOX = Sandbox()


@settings(max_examples=300, deadline=None)
@given(types(2), st.binary(max_size=400))
def test_any_bytes_lift_to_a_value_or_a_typed_error(type_: wit.Type, data: bytes) -> None:
    from akatsuki_wasm.errors import ExecuteError

    memory = bytearray(data.ljust(canonical.size(type_), b"\0"))
    reader = Reader(memoryview(memory), "f", Limits(result_bytes=100_000))
    with contextlib.suppress(ExecuteError):
        loader(type_)(reader, 0)
