"""Lifting: results out of guest memory, which is trusted in nothing.

Every address is masked to 32 bits and checked to lie, with its length, inside the memory before a byte is read; lengths
are charged against the result limit before they are copied. What breaks the Canonical ABI ends the execution as a trap,
as it does between components. Results are copies: nothing keeps a view of the guest's memory.

``cabi_post_*`` is not called: it frees the result in an instance that is about to be thrown away.

Source: ``load`` and ``lift_flat`` of
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import canonical, wit
from akatsuki_wasm.errors import GuestError, GuestTrap
from akatsuki_wasm.sandbox.limits import result_too_large
from akatsuki_wasm.sandbox.scalars import DTYPES, f32_value

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Limits

OBJECT_BYTES, ARRAY_BYTES = 64, 160
"""What an element that becomes a Python object, or a numpy array, is charged at least: what it takes in the host."""
_STEP = 1024
"""Elements between two looks at the clock: some of a millisecond, or some tens where each is a large record."""


def broken(function: str, kind: str, text: str) -> GuestTrap:
    """The error for an answer that breaks the Canonical ABI."""
    return GuestTrap(
        f"{function} gave back an invalid result: {text}",
        kind=kind,
        hint="the module breaks the Canonical ABI: build it again",
    )


class Reader:
    """Guest memory after a call, with what may still be copied out of it.

    Args:
        view: The whole memory.
        function: For messages.
        limits: The execution's.
        look: Raises when the execution's time is over. A list of 16 million strings takes seconds to copy, and the
            guest microseconds to make.
    """

    __slots__ = ("_look", "_steps", "function", "left", "limits", "size", "view")

    def __init__(
        self, view: memoryview, function: str, limits: Limits, look: Callable[[str], None] = lambda function: None
    ) -> None:
        self.view, self.function, self.limits = view, function, limits
        self.size = len(view)
        self.left = limits.result_bytes
        self._look, self._steps = look, 0

    def step(self, count: int) -> None:
        """Counts elements that are about to be copied, and looks at the clock now and then.

        Raises:
            ExecutionTimeout: The execution's time is over.
            ExecutionCancelled: It was cancelled.
        """
        self._steps += count
        if self._steps >= _STEP:
            self._steps = 0
            self._look(self.function)

    def spend(self, size: int) -> None:
        """Counts bytes that are about to be copied, after their area was checked.

        Raises:
            ResultTooLargeError: All results together are past the limit.
        """
        self.left -= size
        if self.left < 0:
            raise result_too_large(self.function, self.limits)

    def area(self, address: int, size: int, alignment: int, what: str) -> int:
        """The address as an unsigned one, after checking that the area is aligned and inside the memory.

        Raises:
            GuestTrap: It is not.
        """
        address &= 0xFFFFFFFF
        if address % alignment:
            text = f"the address {address:#x} of {what} is not {alignment}-aligned"
            raise broken(self.function, "unaligned_pointer", text)
        if address + size > self.size:
            where = f"{size:,} bytes at {address:#x}, past its memory of {self.size:,} bytes"
            raise broken(self.function, "pointer_out_of_bounds", f"{what} would be {where}")
        return address

    def text(self, address: int, size: int) -> str:
        """A string of `size` UTF-8 bytes."""
        address = self.area(address, size, 1, "a string")
        self.spend(size)
        try:
            return str(self.view[address : address + size], "utf-8")
        except UnicodeDecodeError as exc:
            raise broken(self.function, "invalid_utf8", f"a string is not UTF-8 at byte {exc.start}") from exc


Load = Callable[[Reader, int], Any]
"""Reads a value at an address whose bytes are known to lie inside the memory."""
_PAIR = struct.Struct("<II")
_LAYOUTS = {"u8": "B", "s8": "b", "u16": "H", "s16": "h", "u32": "I", "s32": "i", "u64": "Q", "s64": "q"}
_LAYOUTS |= {"f32": "I", "f64": "d", "char": "I"}


def _character(function: str, code: int) -> str:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise broken(function, "invalid_char", f"{code:#x} is no character")
    return chr(code)


@lru_cache(maxsize=1024)
def loader(type_: wit.Type) -> Load:
    """The plan that reads a value of the type from memory."""
    match type_:
        case wit.Primitive(name):
            return _load_primitive(name)
        case wit.List(element):
            return _load_list(element)
        case wit.Option() | wit.Result():
            return _load_case(type_)
        case _:
            make: Callable[[list[Any]], Any]
            make = tuple if isinstance(type_, wit.Tuple) else wit.record_class(type_)._make
            children = wit.children(type_)
            plan = list(zip(map(loader, children), canonical.offsets(children), strict=True))
            return lambda reader, address: make([load(reader, address + offset) for load, offset in plan])


def _load_primitive(name: str) -> Load:
    match name:
        case "string":
            return lambda reader, address: reader.text(*_PAIR.unpack_from(reader.view, address))
        case "bool":  # any byte but 0 is true, says the Canonical ABI
            return lambda reader, address: reader.view[address] != 0
    unpack = struct.Struct("<" + _LAYOUTS[name]).unpack_from
    match name:
        case "f32":
            return lambda reader, address: f32_value(unpack(reader.view, address)[0])
        case "char":
            return lambda reader, address: _character(reader.function, unpack(reader.view, address)[0])
        case _:
            return lambda reader, address: unpack(reader.view, address)[0]


def _load_list(element: wit.Type) -> Load:
    size, alignment = canonical.size(element), canonical.alignment(element)
    what = f"a list<{element}>"
    if isinstance(element, wit.Primitive) and element.is_number:
        dtype = DTYPES[element.name]

        def numbers(reader: Reader, address: int) -> np.ndarray[Any, Any]:
            start, count = _PAIR.unpack_from(reader.view, address)
            start = reader.area(start, count * size, alignment, what)
            reader.spend(count * size)
            if not count:
                return np.empty(0, dtype)
            return np.frombuffer(reader.view, dtype, count, start).copy()

        return numbers

    is_array = (
        isinstance(element, wit.List) and isinstance(element.element, wit.Primitive) and element.element.is_number
    )
    load, charge = loader(element), max(size, ARRAY_BYTES if is_array else OBJECT_BYTES)

    def values(reader: Reader, address: int) -> list[Any]:
        start, count = _PAIR.unpack_from(reader.view, address)
        start = reader.area(start, count * size, alignment, what)
        reader.spend(count * charge)
        found: list[Any] = []
        for first in range(0, count, _STEP):
            some = min(_STEP, count - first)
            reader.step(some)
            found += [load(reader, start + index * size) for index in range(first, first + some)]
        return found

    return values


def _load_case(type_: wit.Option | wit.Result) -> Load:
    offset = canonical.payload_offset(type_)
    loads = [None if case is None else loader(case) for case in canonical.cases(type_)]
    fails = isinstance(type_, wit.Result)

    def load_case(reader: Reader, address: int) -> Any:
        index = reader.view[address]
        if index > 1:
            raise broken(reader.function, "invalid_discriminant", f"{type_} has no case {index}")
        load = loads[index]
        value = None if load is None else load(reader, address + offset)
        if index and fails:
            raise GuestError(str(value), hint="The function itself refused: change its arguments.")
        return value

    return load_case


@lru_cache(maxsize=1024)
def lifter(type_: wit.Type | None) -> Callable[[Reader, int], Any]:
    """The plan for a result returned as an address: checks its area, then loads it."""
    if type_ is None:
        return lambda reader, address: None
    load, size, alignment = loader(type_), canonical.size(type_), canonical.alignment(type_)

    def lift(reader: Reader, address: int) -> Any:
        return load(reader, reader.area(address, size, alignment, "the result"))

    return lift


Unflatten = Callable[[str, "list[Any]"], Any]
"""Takes what it needs from the end of the flat core values, which are reversed; the text is the function's name."""


@lru_cache(maxsize=1024)
def unflattener(type_: wit.Type | None) -> Unflatten:
    """The plan for a result in core values: scalars, and tuples or records of them."""
    match type_:
        case None:
            return lambda function, flat: None
        case wit.Primitive("f32"):
            return lambda function, flat: f32_value(flat.pop())
        case wit.Primitive("bool"):
            return lambda function, flat: flat.pop() != 0
        case wit.Primitive("char"):
            return lambda function, flat: _character(function, flat.pop())
        case wit.Primitive(name) if name in wit.INTEGER_RANGES:
            return _unflatten_integer(name)
        case wit.Primitive("f64"):
            return lambda function, flat: flat.pop()
        case wit.Tuple() | wit.Record():
            make: Callable[[list[Any]], Any]
            make = tuple if isinstance(type_, wit.Tuple) else wit.record_class(type_)._make
            plan = [unflattener(child) for child in wit.children(type_)]
            return lambda function, flat: make([each(function, flat) for each in plan])
        case _:
            raise ValueError(f"{type_} is never returned in core values")


def _unflatten_integer(name: str) -> Unflatten:
    """Takes the low bits, as the Canonical ABI does, and the sign from the type."""
    bits = int(name[1:])
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    if name.startswith("u"):
        return lambda function, flat: flat.pop() & mask
    return lambda function, flat: ((flat.pop() & mask) ^ half) - half
