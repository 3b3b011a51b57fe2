"""Lowering: host values into guest memory and flat core values, as the Canonical ABI lays them out.

A plan is compiled once for each type: a closure that knows sizes, offsets and checks, so that a call walks values and
not types. Flat core values are kept as what their slot holds: floats for f64, unsigned bits for i32, i64 and f32.

Source: ``store`` and ``lower_flat`` of
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from akatsuki_wasm import canonical, wit
from akatsuki_wasm.sandbox.scalars import (
    DTYPES,
    Mismatch,
    array,
    boolean,
    character,
    describe,
    double,
    f32_bits,
    integer,
)


class Memory(Protocol):
    """Guest memory that can be allocated from."""

    view: memoryview
    """All of it, as bytes; a new view after each `allocate`, as the memory may have grown."""

    def allocate(self, size: int, alignment: int) -> int:
        """Address of `size` new bytes, checked to lie in the memory."""
        ...


Store = Callable[[Memory, Any, int], None]
"""Writes a value at an address."""
Flatten = Callable[[Memory, Any, list[Any]], None]
"""Appends a value's flat core values."""

_FORMATS = {"u8": "B", "s8": "b", "u16": "H", "s16": "h", "u32": "I", "s32": "i", "u64": "Q", "s64": "q"}
_PAIR = struct.Struct("<II")


def _string(memory: Memory, value: Any) -> tuple[int, int]:
    """Copies text as UTF-8; its address and length in bytes."""
    if not isinstance(value, str):
        raise Mismatch("string", describe(value))
    try:
        data = value.encode()
    except UnicodeEncodeError as exc:
        raise Mismatch("string (Unicode scalar values)", f"a lone surrogate at position {exc.start}") from exc
    size = len(data)
    if not size:
        return 1, 0
    address = memory.allocate(size, 1)
    memory.view[address : address + size] = data
    return address, size


Lists = Callable[[Memory, Any], tuple[int, int]]
"""Copies a list; its address and its number of elements."""


@lru_cache(maxsize=1024)
def _list(type_: wit.List) -> Lists:
    element, text = type_.element, str(type_)
    size, alignment = canonical.size(element), canonical.alignment(element)
    if isinstance(element, wit.Primitive) and element.name not in ("char", "string"):
        name, dtype = element.name, DTYPES[element.name]

        def numbers(memory: Memory, value: Any) -> tuple[int, int]:
            found = array(name, value, text)
            count = len(found)
            if not count:
                return alignment, 0
            address = memory.allocate(count * size, alignment)
            np.frombuffer(memory.view, dtype, count, address)[...] = found
            return address, count

        return numbers

    store = storer(element)

    def values(memory: Memory, value: Any) -> tuple[int, int]:
        if isinstance(value, str | bytes | Mapping | set) or not (
            hasattr(value, "__len__") and hasattr(value, "__iter__")
        ):
            raise Mismatch(text, describe(value))
        count = len(value)
        if not count:
            return alignment, 0
        first = address = memory.allocate(max(count * size, 1), alignment)
        end = first + count * size
        for index, each in enumerate(value):
            if size and address >= end:
                raise Mismatch(text, f"{describe(value)} that gives more values than its length")
            try:
                store(memory, each, address)
            except Mismatch as mismatch:
                raise mismatch.within(f"[{index}]") from None
            address += size
        if address != end:
            raise Mismatch(text, f"{describe(value)} that gives fewer values than its length")
        return first, count

    return values


Fields = Callable[[Any], "list[Any] | tuple[Any, ...]"]
"""Takes a record or tuple value apart, in order."""


@lru_cache(maxsize=1024)
def _fields(type_: wit.Record | wit.Tuple) -> Fields:
    if isinstance(type_, wit.Tuple):
        count, text = len(type_.items), str(type_)

        def items(value: Any) -> list[Any] | tuple[Any, ...]:
            if not isinstance(value, tuple | list):
                raise Mismatch(text, describe(value))
            if len(value) != count:
                raise Mismatch(f"{text}, {count} values", f"{len(value)}")
            return value

        return items

    names = [name for name, _ in type_.fields]
    attributes = wit.record_class(type_)._fields
    expected = f"record {type_} ({', '.join(names)})"

    def fields(value: Any) -> list[Any] | tuple[Any, ...]:
        if isinstance(value, Mapping):
            return from_mapping(value)
        if isinstance(value, str | int | float | list) or value is None:
            raise Mismatch(expected, describe(value))
        try:
            return [getattr(value, attribute) for attribute in attributes]
        except AttributeError as exc:
            raise Mismatch(expected, f"{describe(value)} without {exc.name or 'a field'}") from exc

    def from_mapping(value: Mapping[Any, Any]) -> list[Any]:
        left = set(value)
        found = []
        for name, attribute in zip(names, attributes, strict=True):
            key = next((each for each in (name, attribute, wit.kebab(name)) if each in left), None)
            if key is None:
                raise Mismatch(expected, f"a mapping without {name}")
            left.discard(key)
            found.append(value[key])
        if left:
            raise Mismatch(expected, f"a mapping that also has {', '.join(sorted(map(str, left)))}")
        return found

    return fields


def _steps(type_: wit.Record | wit.Tuple) -> tuple[str, ...]:
    """How each part is named in a message."""
    if isinstance(type_, wit.Tuple):
        return tuple(f"[{index}]" for index in range(len(type_.items)))
    return tuple(f".{name}" for name, _ in type_.fields)


@lru_cache(maxsize=1024)
def storer(type_: wit.Type) -> Store:
    """The plan that writes a value of the type into memory."""
    match type_:
        case wit.Primitive(name):
            return _store_primitive(name)
        case wit.List():
            copy = _list(type_)

            def store_list(memory: Memory, value: Any, address: int) -> None:
                pair = copy(memory, value)  # allocates, so the view is taken afterwards
                _PAIR.pack_into(memory.view, address, *pair)

            return store_list
        case wit.Option(inner):
            store_inner, offset = storer(inner), canonical.payload_offset(type_)

            def store_option(memory: Memory, value: Any, address: int) -> None:
                memory.view[address] = value is not None
                if value is not None:
                    store_inner(memory, value, address + offset)

            return store_option
        case wit.Record() | wit.Tuple():
            return _store_parts(type_)
        case _:
            raise ValueError(f"{type_} is no type of a parameter")


def _store_parts(type_: wit.Record | wit.Tuple) -> Store:
    apart = _fields(type_)
    children = wit.children(type_)
    plan = list(zip(map(storer, children), canonical.offsets(children), _steps(type_), strict=True))

    def store_parts(memory: Memory, value: Any, address: int) -> None:
        for part, (store, offset, step) in zip(apart(value), plan, strict=True):
            try:
                store(memory, part, address + offset)
            except Mismatch as mismatch:
                raise mismatch.within(step) from None

    return store_parts


def _store_primitive(name: str) -> Store:
    if name == "string":

        def store_string(memory: Memory, value: Any, address: int) -> None:
            pair = _string(memory, value)
            _PAIR.pack_into(memory.view, address, *pair)

        return store_string
    convert = converter(name)
    layout = struct.Struct("<" + {"bool": "B", "char": "I", "f32": "I", "f64": "d"}.get(name, _FORMATS.get(name, "")))

    def store_number(memory: Memory, value: Any, address: int) -> None:
        layout.pack_into(memory.view, address, convert(value))

    return store_number


def converter(name: str) -> Callable[[Any], Any]:
    """Checks a scalar; gives an int (bits for f32) or, for f64, a float."""
    if name in wit.INTEGER_RANGES:
        low, high = wit.INTEGER_RANGES[name]

        def convert(value: Any) -> int:
            return value if type(value) is int and low <= value <= high else integer(name, value)

        return convert
    if name == "f64":
        return lambda value: value if type(value) is float else double("f64", value)
    return {"bool": lambda value: int(boolean(value)), "char": character, "f32": f32_bits}[name]


_ZEROS: dict[str, Any] = {"i32": 0, "i64": 0, "f32": 0, "f64": 0.0}


@lru_cache(maxsize=1024)
def flattener(type_: wit.Type) -> Flatten:
    """The plan that turns a value of the type into flat core values."""
    match type_:
        case wit.Primitive("string"):
            return lambda memory, value, flat: flat.extend(_string(memory, value))
        case wit.Primitive(name):
            convert = converter(name)
            mask = 0xFFFFFFFFFFFFFFFF if name.endswith("64") else 0xFFFFFFFF
            if name.startswith("s"):
                return lambda memory, value, flat: flat.append(convert(value) & mask)
            return lambda memory, value, flat: flat.append(convert(value))
        case wit.List():
            copy = _list(type_)
            return lambda memory, value, flat: flat.extend(copy(memory, value))
        case wit.Option(inner):
            flatten_inner = flattener(inner)
            nothing = [_ZEROS[core] for core in canonical.flatten(type_)]

            def flatten_option(memory: Memory, value: Any, flat: list[Any]) -> None:
                if value is None:
                    flat.extend(nothing)
                else:
                    flat.append(1)
                    flatten_inner(memory, value, flat)

            return flatten_option
        case wit.Record() | wit.Tuple():
            return _flatten_parts(type_)
        case _:
            raise ValueError(f"{type_} is no type of a parameter")


def _flatten_parts(type_: wit.Record | wit.Tuple) -> Flatten:
    apart = _fields(type_)
    plan = list(zip(map(flattener, wit.children(type_)), _steps(type_), strict=True))

    def flatten_parts(memory: Memory, value: Any, flat: list[Any]) -> None:
        for part, (flatten, step) in zip(apart(value), plan, strict=True):
            try:
                flatten(memory, part, flat)
            except Mismatch as mismatch:
                raise mismatch.within(step) from None

    return flatten_parts
