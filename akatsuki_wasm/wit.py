"""The types of functions, as the Component Model's WIT writes them.

A type is one of the frozen dataclasses below; they compare by value and can be dictionary keys. ``str(type)`` is its
WIT text (a named type is written as its name), `parse` reads that text back.

Authors write with the guest contract's types: the primitives, `List`, `Option`, `Tuple`, `Record`, and `Result` with a
text as its error. The others (`Variant`, `Enum`, `Flags`, any other `Result`) are met in the functions of components
that were made elsewhere, and `Bytes` in commands.

Source: the WIT format, https://github.com/WebAssembly/component-model/blob/main/design/mvp/WIT.md
"""

from __future__ import annotations

import keyword
import re
from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Mapping

INTEGER_RANGES: dict[str, tuple[int, int]] = {
    **{f"u{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"s{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
FLOATS = ("f32", "f64")
PRIMITIVES = ("bool", *INTEGER_RANGES, *FLOATS, "char", "string")


@dataclass(frozen=True, slots=True)
class Primitive:
    """``bool``, an integer, a float, ``char`` or ``string``."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def is_integer(self) -> bool:
        return self.name in INTEGER_RANGES

    @property
    def is_float(self) -> bool:
        return self.name in FLOATS

    @property
    def is_number(self) -> bool:
        return self.is_integer or self.is_float


@dataclass(frozen=True, slots=True)
class List:
    """``list<element>``."""

    element: Type

    def __str__(self) -> str:
        return f"list<{self.element}>"

    @property
    def is_numeric(self) -> bool:
        """Whether it is a list of numbers, which Python sees as a 1-D numpy array of that dtype."""
        return isinstance(self.element, Primitive) and self.element.is_number


@dataclass(frozen=True, slots=True)
class Option:
    """``option<inner>``; in the guest contract `inner` is never itself an option, so that None is unambiguous.

    Where a component has an option directly inside an option, a value that is there is a `Case` named ``some``.
    """

    inner: Type

    def __str__(self) -> str:
        return f"option<{self.inner}>"


@dataclass(frozen=True, slots=True)
class Result:
    """``result<ok, err>``; either is None where there is no payload, as in ``result<_, string>``.

    In the guest contract the error is text and only a function's own result may be one. Inside other types of a
    component a value is a `Case` named ``ok`` or ``err``.
    """

    ok: Type | None
    err: Type | None = Primitive("string")

    def __str__(self) -> str:
        if self.err is None:
            return "result" if self.ok is None else f"result<{self.ok}>"
        return f"result<{'_' if self.ok is None else self.ok}, {self.err}>"


@dataclass(frozen=True, slots=True)
class Tuple:
    """``tuple<…>`` of at least one item."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"tuple<{', '.join(map(str, self.items))}>"


@dataclass(frozen=True, slots=True)
class Record:
    """A named record. Names are snake_case here and kebab-case in WIT text."""

    name: str
    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return kebab(self.name)


@dataclass(frozen=True, slots=True)
class Variant:
    """A named choice of cases, each with a payload or None; a value is a `Case`. Names are as in a record."""

    name: str
    cases: tuple[tuple[str, Type | None], ...]

    def __str__(self) -> str:
        return kebab(self.name)


@dataclass(frozen=True, slots=True)
class Enum:
    """A named choice of cases without payloads; a value is the case's name as str."""

    name: str
    cases: tuple[str, ...]

    def __str__(self) -> str:
        return kebab(self.name)


@dataclass(frozen=True, slots=True)
class Flags:
    """A named set of switches; a value is the frozenset of the names that are on."""

    name: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return kebab(self.name)


@dataclass(frozen=True, slots=True)
class Bytes:
    """A stream of bytes, which is bytes in Python, not an array of numbers: what a command reads and writes."""

    def __str__(self) -> str:
        return "bytes"


class Case(NamedTuple):
    """A value of a `Variant`, or of a `Result` or doubled `Option` inside another type.

    Attributes:
        name: snake_case.
        value: The payload, or None where the case has none.
    """

    name: str
    value: Any = None


Named = Record | Variant | Enum | Flags
"""The types that are written as a name."""
Type = Primitive | List | Option | Result | Tuple | Record | Variant | Enum | Flags | Bytes

BOOL, CHAR, STRING = Primitive("bool"), Primitive("char"), Primitive("string")
U8, U16, U32, U64 = (Primitive(f"u{bits}") for bits in (8, 16, 32, 64))
S8, S16, S32, S64 = (Primitive(f"s{bits}") for bits in (8, 16, 32, 64))
F32, F64 = Primitive("f32"), Primitive("f64")
BYTES = Bytes()

IMAGE = Record("image", (("width", U32), ("height", U32), ("pixels", List(U8))))
"""RGBA, 8 bits a channel, row-major, `pixels` of ``width * height * 4`` bytes, straight (not premultiplied) alpha."""


def kebab(name: str) -> str:
    """A name as WIT and exports write it: ``black_scholes`` becomes ``black-scholes``, ``Point2D`` ``point2-d``.

    Every word of a WIT name begins with a letter, so a word that begins with a digit joins the one before it:
    ``rotate_90`` becomes ``rotate90``.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"-(?=[0-9])", "", re.sub(r"[_-]+", "-", spaced).strip("-")).lower()


def snake(name: str) -> str:
    """A name as people write it: ``black-scholes`` becomes ``black_scholes``."""
    return name.replace("-", "_")


def children(type_: Type) -> tuple[Type, ...]:
    """The types that a type is directly made of."""
    match type_:
        case List(element):
            return (element,)
        case Option(inner):
            return (inner,)
        case Result(ok, err):
            return tuple(each for each in (ok, err) if each is not None)
        case Tuple(items):
            return items
        case Record(_, fields):
            return tuple(field for _, field in fields)
        case Variant(_, cases):
            return tuple(payload for _, payload in cases if payload is not None)
        case _:
            return ()


def named(*types: Type | None) -> dict[str, Named]:
    """All named types that the types use, by their snake_case name, each after those that it is made of."""
    found: dict[str, Named] = {}

    def visit(type_: Type) -> None:
        for child in children(type_):
            visit(child)
        if isinstance(type_, Named):
            found.setdefault(type_.name, type_)

    for type_ in types:
        if type_ is not None:
            visit(type_)
    return found


def records(*types: Type | None) -> dict[str, Record]:
    """All records among `named`."""
    return {name: each for name, each in named(*types).items() if isinstance(each, Record)}


_TOKEN = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*|[<>,_])")


def parse(text: str, known: Mapping[str, Type] | None = None) -> Type:
    """Reads WIT type text.

    Args:
        text: Such as ``list<tuple<string, u32>>``.
        known: The types that the text may name, by snake_case name; `IMAGE` is known by itself only if it is in here.

    Raises:
        ValueError: The text is not a type.
    """
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is not a type: unexpected {text[position:].strip()[:10]!r}")
        tokens.append(match[1])
        position = match.end()
    reader = _Reader(text, tokens, known or {})
    type_ = reader.type()
    if reader.tokens:
        raise ValueError(f"{text!r} is not a type: {reader.tokens[0]!r} is left over")
    return type_


class _Reader:
    """A recursive-descent reader; its depth is capped so that hostile text cannot exhaust the stack."""

    def __init__(self, text: str, tokens: list[str], known: Mapping[str, Type]) -> None:
        self.text, self.tokens, self.known, self.depth = text, tokens, known, 0

    def take(self, expected: str | None = None) -> str:
        token = self.tokens.pop(0) if self.tokens else "the end"
        if expected is not None and token != expected:
            raise ValueError(f"{self.text!r} is not a type: expected {expected!r}, got {token!r}")
        return token

    def type(self) -> Type:
        self.depth += 1
        if self.depth > 32:
            raise ValueError(f"{self.text[:40]!r}… is not a type: nested deeper than 32")
        head = self.take()
        found: Type
        if head in PRIMITIVES:
            found = Primitive(head)
        elif head == "list":
            found = List(self.arguments(1)[0])
        elif head == "option":
            found = Option(self.arguments(1)[0])
        elif head == "tuple":
            found = Tuple(tuple(self.arguments(None)))
        elif head == "result":
            found = self.result()
        elif snake(head) in self.known:
            found = self.known[snake(head)]
        else:
            raise ValueError(f"{self.text!r} is not a type: {head!r} is not known")
        self.depth -= 1
        return found

    def arguments(self, count: int | None) -> list[Type]:
        self.take("<")
        items = [self.type()]
        while self.tokens and self.tokens[0] == ",":
            self.take(",")
            items.append(self.type())
        self.take(">")
        if count is not None and len(items) != count:
            raise ValueError(f"{self.text!r} is not a type: expected {count} argument(s), got {len(items)}")
        return items

    def result(self) -> Type:
        if not self.tokens or self.tokens[0] != "<":
            return Result(None, None)
        self.take("<")
        ok: Type | None = None
        if self.tokens and self.tokens[0] == "_":
            self.take("_")
            self.take(",")
        else:
            ok = self.type()
            if self.tokens and self.tokens[0] == ">":
                self.take(">")
                return Result(ok, None)
            self.take(",")
        err = self.type()
        self.take(">")
        return Result(ok, err)


_CLASSES: WeakValueDictionary[Record, type[Any]] = WeakValueDictionary()


@lru_cache(maxsize=256)
def record_class(record: Record) -> type[Any]:
    """The named tuple that a record is in Python; a field named as a Python keyword gets a trailing underscore.

    Equal records have one class for as long as anything refers to it, so that values can be told by their class.
    """
    fields = [f"{name}_" if keyword.iskeyword(name) else name for name, _ in record.fields]
    title = "".join(part.capitalize() for part in record.name.split("_"))
    # The cache in front keeps recent classes alive; this one finds those that it forgot and somebody still has.
    return _CLASSES.setdefault(record, namedtuple(title, fields))
