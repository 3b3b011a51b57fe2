"""Hostile bytes for whoever stores modules: descriptions that lie, and binaries that are broken in every way."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.manifest import SECTION
from akatsuki_wasm.testing.hostile_case import PATIENCE_S, shown
from akatsuki_wasm.testing.hostile_wasm import ALLOCATOR, HEADER, custom_section, leb128, section, vector, wat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Upload:
    """Bytes that no registry may take.

    Attributes:
        name: kebab-case, unique.
        about: One line.
        make: Makes the bytes.
    """

    name: str
    about: str
    make: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True)
class Refusal:
    """What came of an upload: the error, how long it took, and why that is wrong (or empty)."""

    upload: Upload
    error: BaseException | None
    seconds: float
    problem: str = ""


def refuse(store: Callable[[bytes], object], upload: Upload) -> Refusal:
    """Hands the bytes to `store`, which must raise an `InvalidModuleError` of one line, soon."""
    wasm = upload.make()
    error: BaseException | None = None
    problem = ""
    started = time.perf_counter()
    try:
        store(wasm)
    except InvalidModuleError as exc:
        error = exc
        if not str(exc).isprintable() or len(str(exc)) > 1_000:
            problem = f"its error is not one printable line: {shown(str(exc))}"
    except BaseException as exc:  # noqa: BLE001 - an untyped error is a wrong answer like any other
        error, problem = exc, f"it raised {type(exc).__name__}: {shown(str(exc))}, expected InvalidModuleError"
    else:
        problem = "it was stored, expected InvalidModuleError"
    seconds = time.perf_counter() - started
    if not problem and seconds > PATIENCE_S:
        problem = f"it took {seconds:.1f} s, expected at most {PATIENCE_S:g}"
    return Refusal(upload, error, seconds, problem)


_MODULE = f"""{ALLOCATOR} (func (export "f") (param f64) (result f64) (local.get 0))
(func (export "g") (result i32) (i32.const 64))"""
_PARAM = {"name": "a", "type": "f64", "doc": ""}
_FUNCTION = {"name": "f", "export": "f", "doc": "", "params": [_PARAM], "result": "f64"}
_DOCUMENT: dict[str, Any] = {
    "abi": 1, "kind": "akatsuki", "description": "", "build": {}, "records": [], "functions": [_FUNCTION],
}  # fmt: skip


def described(content: bytes | str) -> bytes:
    """An honest module with that description."""
    return wat(_MODULE) + custom_section(SECTION, content.encode() if isinstance(content, str) else content)


def honest() -> bytes:
    """The module whose description is true, from which the lies below are made."""
    return described(json.dumps(_DOCUMENT))


def _documents() -> Iterator[tuple[str, str, Any]]:
    def document(**changes: Any) -> dict[str, Any]:
        return {**_DOCUMENT, **changes}

    def functions(**changes: Any) -> dict[str, Any]:
        return document(functions=[{**_FUNCTION, **changes}])

    def parameter(**changes: Any) -> dict[str, Any]:
        return functions(params=[{**_PARAM, **changes}])

    yield "missing-function", "a function that is not exported", functions(export="h")
    yield "function-that-is-a-memory", "the memory as a function", functions(export="memory")
    yield "missing-batch", "a batch lane that is not exported", functions(batch="akatsuki:batch/f")
    yield "batch-of-another-type", "a batch lane of another type", functions(batch="g")
    yield "wrong-parameter", "a parameter of another type", parameter(type="s64")
    yield "wrong-count", "one parameter too many", functions(params=[_PARAM, {**_PARAM, "name": "b"}])
    yield "wrong-result", "a result of another type", functions(result="string")
    yield "no-result", "no result where there is one", functions(result=None)
    yield "no-function", "no functions at all", document(functions=[])
    yield "functions-1001", "1,001 functions", document(functions=[{**_FUNCTION, "name": f"f{n}"} for n in range(1001)])
    yield "parameters-257", "257 parameters", functions(params=[{**_PARAM, "name": f"p{n}"} for n in range(257)])
    yield "same-name-twice", "two functions of one name", document(functions=[_FUNCTION, {**_FUNCTION, "export": "g"}])
    for name, value in (("true", True), ("0", 0), ("minus-1", -1), ("2", 2), ("float", 1.5), ("text", "1")):
        yield f"abi-{name}", f"an ABI version of {value!r}", document(abi=value)
    yield "kind-core", "a description of kind core", document(kind="core")
    yield "kind-unknown", "a kind that does not exist", document(kind="x")
    yield "unknown-key", "a key that does not exist", document(surprise=1)
    for key in _DOCUMENT:
        yield f"without-{key}", f"no {key}", {each: value for each, value in _DOCUMENT.items() if each != key}
        yield f"{key}-of-the-wrong-shape", f"{key} is a number with a fraction", document(**{key: 0.5})
    yield "list", "an array", [1]
    yield "null", "null", None
    yield "number", "a number", 3
    for name, text in (
        ("unknown", "f128"), ("open", "list<"), ("deep", "list<" * 5000 + "u8" + ">" * 5000), ("empty", ""),
        ("result-inside", "list<result<u8, string>>"), ("long", "x" * 60_000), ("unknown-record", "point"),
        ("wide", f"tuple<{', '.join(['u8'] * 5000)}>"),
    ):  # fmt: skip
        yield f"type-{name}", f"a type that is {name.replace('-', ' ')}", parameter(type=text)
    doubling = [{"name": f"r{n}", "fields": [["a", f"r{n - 1}"], ["b", f"r{n - 1}"]]} for n in range(1, 60)]
    records = [{"name": "r0", "fields": [["a", "u8"]]}, *doubling]
    yield "records-that-double", "a record of 2^60 parts", document(records=records)
    yield "record-in-itself", "a record in itself", document(records=[{"name": "r", "fields": [["a", "list<r>"]]}])
    yield "record-without-fields", "a record without fields", document(records=[{"name": "r", "fields": []}])
    yield "name-of-no-identifier", "a function named as no identifier is", functions(name="__class__")
    yield "name-with-a-line-break", "a function name of two lines", functions(name="f\ng")
    yield "export-with-an-escape", "an export that moves a terminal's cursor", functions(export="f\x1b[2J")
    yield "default-of-another-type", "a default that is no number", parameter(default="x")
    yield "default-out-of-range", "a default out of its range", parameter(min=0, max=1, default=2)
    yield "range-upside-down", "a range whose end is before its beginning", parameter(min=1, max=0)
    yield "range-of-text", "a range of a text", parameter(min="a")
    yield "documentation-of-70000", "documentation of 70,000 characters", functions(doc="x" * 70_000)


_TEXTS: tuple[tuple[str, str, bytes], ...] = (
    ("empty", "nothing", b""),
    ("no-json", "no JSON", b"{"),
    ("no-utf8", "no UTF-8", b'{"abi": "\xff"}'),
    ("utf16", "UTF-16", json.dumps(_DOCUMENT).encode("utf-16")),
    ("nul", "JSON with a NUL", json.dumps(_DOCUMENT).encode() + b"\0"),
    ("deep-arrays", "500,000 arrays in each other", b"[" * 500_000),
    ("deep-closed-arrays", "100,000 arrays in each other, closed", b"[" * 100_000 + b"]" * 100_000),
    ("deep-objects", "100,000 objects in each other", b'{"a":' * 100_000),
    ("deep-build", "a build that is 100,000 arrays deep",
     json.dumps(_DOCUMENT).encode().replace(b'"build": {}', b'"build": {"a": ' + b"[" * 10**5 + b"]" * 10**5 + b"}")),
    ("large", "10 MB of white space", b" " * 10_000_000),
    ("large-text", "10 MB of text", b'{"description": "' + b"x" * 10_000_000 + b'"}'),
    ("large-number", "a number of 900,000 digits", b'{"abi": ' + b"9" * 900_000 + b"}"),
    ("endless-number", "a number past all doubles", json.dumps(_DOCUMENT).encode().replace(b": 1,", b": 1e999,", 1)),
    ("nan", "NaN", json.dumps(_DOCUMENT).encode().replace(b": 1,", b": NaN,", 1)),
    ("same-key-twice", "a key that is there twice", json.dumps(_DOCUMENT).encode().replace(b"{", b'{"abi": 1, ', 1)),
    ("many-keys", "100,000 keys", json.dumps({**_DOCUMENT, **{f"k{n}": 0 for n in range(60_000)}}).encode()),
    ("lone-surrogate", "half a surrogate pair", json.dumps({**_DOCUMENT, "description": "\ud800"}).encode()),
)  # fmt: skip


def _binaries() -> Iterator[tuple[str, str, bytes]]:
    good = honest()
    yield "nothing", "no bytes", b""
    yield "elf", "a program", b"\x7fELF" + bytes(100)
    yield "text", "WebAssembly text", b'(module (func (export "f")))'
    yield "text-with-a-mark", "WebAssembly text behind a byte order mark", b"\xef\xbb\xbf(module)"
    yield "component", "a component", b"\0asm\x0d\0\1\0"
    yield "version-2", "version 2", b"\0asm\2\0\0\0"
    yield "header-alone", "a module of nothing", HEADER
    yield "zeros", "1 MB of zeros", HEADER + bytes(1_000_000)
    yield "ones", "1 MB of ones", HEADER + b"\xff" * 1_000_000
    yield "two-descriptions", "two descriptions", good + custom_section(SECTION, json.dumps(_DOCUMENT).encode())
    yield "twice", "the same module twice, one behind the other", good + good
    for name, code in (("types", 1), ("imports", 2), ("functions", 3), ("exports", 7), ("code", 10), ("data", 11)):
        yield f"endless-{name}", f"announces 2^32 {name}", HEADER + section(code, leb128(0xFFFFFFFF))
        yield f"million-{name}", f"announces a million {name}", HEADER + section(code, leb128(1_000_000))
    yield "section-of-4-gib", "announces a section of 4 GiB", HEADER + b"\1" + leb128(0xFFFFFFFF)
    yield "long-number", "a number of 100,000 bytes", HEADER + b"\1" + b"\x80" * 100_000
    yield "name-of-4-gib", "an export whose name is 4 GiB", HEADER + section(7, b"\1" + leb128(0xFFFFFFFF))
    yield (
        "arity",
        "a type of 1,001 parameters",
        HEADER + section(1, vector([b"\x60" + leb128(1001) + b"\x7f" * 1001 + b"\0"])),
    )
    yield "no-code", "a function without code", HEADER + section(1, vector([b"\x60\0\0"])) + section(3, vector([b"\0"]))
    yield "many-customs", "100,000 custom sections and no function", HEADER + custom_section("x", b"") * 100_000
    step = max(1, len(good) // 40)
    for end in range(9, len(good), step):
        yield f"cut-at-{end}", f"an honest module, cut off at byte {end}", good[:end]


def uploads() -> tuple[Upload, ...]:
    """Every hostile upload."""
    found = [
        Upload(f"section-{name}", f"its description has {about}", _Made(described, json.dumps(content)))
        for name, about, content in _documents()
    ]
    found += [
        Upload(f"section-{name}", f"its description is {about}", _Made(described, text)) for name, about, text in _TEXTS
    ]
    found += [Upload(f"bytes-{name}", about, _Made(bytes, binary)) for name, about, binary in _binaries()]
    return tuple(found)


class _Made:
    """A call that is made later."""

    def __init__(self, make: Callable[[Any], bytes], content: Any) -> None:
        self._make, self._content = make, content

    def __call__(self) -> bytes:
        return self._make(self._content)
