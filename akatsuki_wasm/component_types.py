"""The definitions in a component's index spaces, and how its value types are read from bytes.

A type that is not supported (resources, streams, futures and the like) is known by the reason, so that a function that
uses it can say why it cannot be called while the others can.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from akatsuki_wasm import binary, wit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_PARTS = 200_000
"""Most types, fields, functions, imports, exports and the like of a component; large real ones have some thousand."""
MAX_TYPE_DEPTH = 32
MAX_TYPE_WEIGHT = 1_000
"""Most parts of one type, named ones written out, as in a manifest."""
_PRIMITIVES = {
    **{0x7F: "bool", 0x7E: "s8", 0x7D: "u8", 0x7C: "s16", 0x7B: "u16", 0x7A: "s32", 0x79: "u32"},
    **{0x78: "s64", 0x77: "u64", 0x76: "f32", 0x75: "f64", 0x74: "char", 0x73: "string"},
}
SORTS = ("core", "func", "value", "type", "component", "instance")


@dataclass(frozen=True, slots=True)
class Value:
    """A value type, or the reason why it is not supported; `weight` and `depth` are counted as it is made of parts."""

    type: wit.Type | str
    weight: int = 1
    depth: int = 1


@dataclass(frozen=True, slots=True)
class FunctionType:
    """A component function's type.

    Attributes:
        params: (name as the component writes it, type).
        result: None where there is none.
        unsupported: Why it cannot be called from here, or empty.
    """

    params: tuple[tuple[str, wit.Type], ...]
    result: wit.Type | None
    unsupported: str = ""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A definition that no supported function can depend on, such as a resource or a core module."""

    what: str


@dataclass(slots=True)
class Instance:
    """An instance or its type.

    Attributes:
        exports: By name.
        only_types: Whether they are mere types, of which nothing need be provided. Kept as exports come, since
            instances may hold each other in chains and doublings that looking through them would never end.
    """

    exports: dict[str, Definition] = field(default_factory=dict)
    only_types: bool = True

    def add(self, name: str, definition: Definition) -> None:
        """Adds an export."""
        self.exports[name] = definition
        self.only_types = self.only_types and is_type(definition)


@dataclass(frozen=True, slots=True)
class ComponentType:
    """What a nested component exports, and the core objects that one instance of it has."""

    exports: Instance
    memories: int
    instances: int


Definition = Value | FunctionType | Opaque | Instance | ComponentType


def read_value(reader: Reader, code: int, one: Callable[[], Value]) -> Value:
    """A value type.

    Args:
        reader: Behind the type's first byte.
        code: That byte.
        one: Reads a type that it is made of: a primitive's code, or an index.

    Raises:
        InvalidModuleError: There is no such type.
    """
    if code in _PRIMITIVES:
        return Value(wit.Primitive(_PRIMITIVES[code]))

    def maybe() -> Value | None:
        return one() if reader.flag() else None

    match code:
        case 0x72:
            pairs = reader.all(lambda: (reader.name(), one()))
            return _made(lambda types: wit.Record("", tuple(zip(_snake(pairs), types, strict=True))), _seconds(pairs))
        case 0x71:

            def case() -> tuple[str, Value | None]:
                name, payload = reader.name(), maybe()
                if reader.byte() != 0:
                    raise reader.fail("has a variant of an unknown form")
                return name, payload

            cases = reader.all(case)

            def variant(types: list[wit.Type]) -> wit.Type:
                rest = iter(types)
                payloads = [None if payload is None else next(rest) for _, payload in cases]
                return wit.Variant("", tuple(zip(_snake(cases), payloads, strict=True)))

            return _made(variant, [payload for _, payload in cases if payload is not None])
        case 0x70:
            return _made(lambda types: wit.List(types[0]), [one()])
        case 0x6F:
            return _made(lambda types: wit.Tuple(tuple(types)), reader.all(one))
        case 0x6E:
            names = reader.all(reader.name)
            return Value(wit.Flags("", tuple(map(_snake_name, names))), len(names) or 1)
        case 0x6D:
            names = reader.all(reader.name)
            return Value(wit.Enum("", tuple(map(_snake_name, names))), len(names) or 1)
        case 0x6B:
            return _made(lambda types: wit.Option(types[0]), [one()])
        case 0x6A:
            ok, err = maybe(), maybe()

            def result(types: list[wit.Type]) -> wit.Type:
                rest = iter(types)
                return wit.Result(None if ok is None else next(rest), None if err is None else next(rest))

            return _made(result, [each for each in (ok, err) if each is not None])
        case _:
            return _unsupported(reader, code, one)


def _unsupported(reader: Reader, code: int, one: Callable[[], Value]) -> Value:
    """A type that no value from here can have; its parts are read all the same."""
    match code:
        case 0x69 | 0x68:
            reader.unsigned()
            return Value("a resource")
        case 0x67:
            one()
            reader.unsigned()
            return Value("a list of fixed length")
        case 0x66 | 0x65:
            if reader.flag():
                one()
            return Value("a stream" if code == 0x66 else "a future")
        case 0x63:
            one()
            one()
            return Value("a map")
        case 0x64:
            return Value("an error context")
        case _:
            raise reader.fail(f"has a type of the unknown form 0x{code:02x}")


def _made(make: Callable[[list[wit.Type]], wit.Type], parts: list[Value]) -> Value:
    """A type made of parts, or the reason of the first part that is not supported."""
    weight, depth = 1 + sum(each.weight for each in parts), 1 + max((each.depth for each in parts), default=0)
    types = [each.type for each in parts]
    for each in types:
        if isinstance(each, str):
            return Value(each)
    if weight > MAX_TYPE_WEIGHT:
        return Value(f"a type of more than {MAX_TYPE_WEIGHT} parts")
    if depth > MAX_TYPE_DEPTH:
        return Value(f"a type nested deeper than {MAX_TYPE_DEPTH}")
    return Value(make([each for each in types if not isinstance(each, str)]), weight, depth)


def _seconds(pairs: list[tuple[str, Value]]) -> list[Value]:
    return [second for _, second in pairs]


def _snake(pairs: list[tuple[str, Value]] | list[tuple[str, Value | None]]) -> list[str]:
    return [_snake_name(name) for name, _ in pairs]


def _snake_name(name: str) -> str:
    return wit.snake(name).lower()


def named(definition: Definition, name: str) -> Definition:
    """A type under the name that it is imported or exported by; what wit-component puts before such names goes."""
    if isinstance(definition, Value) and isinstance(definition.type, wit.Named):
        spelled = _snake_name(name.removeprefix("import-type-"))
        return replace(definition, type=replace(definition.type, name=spelled))
    return definition


def is_type(definition: Definition) -> bool:
    """Whether an import is of mere types, which need not be provided."""
    return definition.only_types if isinstance(definition, Instance) else isinstance(definition, Value)


class Count:
    """How many more parts a component may have: what bounds the reader's work, whatever the size of the bytes."""

    def __init__(self) -> None:
        self.left = MAX_PARTS


class Reader(binary.Reader):
    """What the component format adds to the core format's numbers, names and vectors.

    Args:
        data: The whole file.
        start: First byte.
        end: One past the last byte.
        count: Shared by all readers of the file.
    """

    def __init__(self, data: bytes, start: int, end: int, count: Count) -> None:
        super().__init__(data, start, end, "a section of the component")
        self._count = count

    def items(self, read: Callable[[], binary.T], limit: int = binary.MAX_ITEMS) -> Iterator[binary.T]:
        """As in a core module, and counted."""
        for each in super().items(read, limit):
            self._count.left -= 1
            if self._count.left < 0:
                raise binary.invalid(f"the component has more than {MAX_PARTS} parts", hint="split it up")
            yield each

    def peek(self) -> int:
        if self.position >= self.end:
            raise self.fail("is cut off")
        return self.data[self.position]

    def signed33(self) -> int:
        """An index, which is written as a signed number of 33 bits."""
        value, shift = 0, 0
        while shift < 35:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if not byte & 0x40 and value < 1 << 32:
                    return value
                break
        raise self.fail("has a type index that is none")

    def all(self, read: Callable[[], binary.T]) -> list[binary.T]:
        return list(self.items(read))

    def each(self, read: Callable[[], object]) -> None:
        for _ in self.items(read):
            pass

    def flag(self) -> bool:
        byte = self.byte()
        if byte > 1:
            raise self.fail(f"has the byte {byte} where 0 or 1 is expected")
        return byte == 1

    def extern_name(self) -> str:
        """An import's or export's name; the byte before it tells plain names from interface names in older files."""
        form = self.byte()
        if form > 1:
            raise self.fail(f"has a name of the unknown form {form}")
        name = self.name()
        if not name.isprintable() or not 0 < len(name) <= 200:
            raise self.fail("has an import or export name that is empty, not printable or longer than 200")
        return name

    def sort(self) -> tuple[str, int | None]:
        """A sort's name, and which of the core sorts where it is one."""
        code = self.byte()
        if code >= len(SORTS):
            raise self.fail(f"has an entry of the unknown sort {code}")
        return SORTS[code], self.byte() if code == 0 else None

    def sort_and_index(self) -> tuple[str, int]:
        sort, _ = self.sort()
        return sort, self.unsigned()

    def option(self) -> None:
        """One option of a canonical function."""
        code = self.byte()
        if code in (3, 4, 5, 7):
            self.unsigned()
        elif code > 6:
            raise self.fail(f"uses the canonical option {code}, which is not supported,")
