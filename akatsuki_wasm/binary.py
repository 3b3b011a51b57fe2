"""Reads the outline of a wasm binary: types, imports, exports, functions, memories, custom sections, local names.

A pure-Python reader for bytes that nobody has validated yet. It looks at what a registry and a sandbox need to know
before they hand the bytes to an engine; code and data are skipped. Whatever the bytes are, the answer is an outline or
one `InvalidModuleError`; no count or length in the bytes makes it read or allocate more than the bytes' own size.

Source: the binary format of the WebAssembly specification, https://webassembly.github.io/spec/core/binary/modules.html,
and its name section, https://webassembly.github.io/spec/core/appendix/custom.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from akatsuki_wasm.errors import InvalidModuleError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

MAGIC = b"\0asm"
CORE_VERSION = b"\1\0\0\0"
MAX_ITEMS = 1_000_000
"""Most types, functions or exports: the limit that the JavaScript API and every engine agree on."""
MAX_ARITY = 1_000
"""Most parameters or results of a function, as engines have it."""

_SECTIONS = (
    *("custom", "type", "import", "function", "table", "memory", "global"),
    *("export", "start", "element", "code", "data", "data count", "tag"),
)
_KINDS = ("func", "table", "memory", "global", "tag")
_VALUE_TYPES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref"}
_TYPED_REFERENCES = (0x63, 0x64)


@dataclass(frozen=True, slots=True)
class FunctionType:
    """A core function type; each entry is ``i32 i64 f32 f64 v128 funcref externref`` or ``ref``."""

    params: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return f"({', '.join(self.params)}) -> ({', '.join(self.results)})"


@dataclass(frozen=True, slots=True)
class Import:
    """What a module wants from its host; `kind` is ``func table memory global tag``."""

    module: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Export:
    """What a module offers; `index` counts imports first."""

    name: str
    kind: str
    index: int


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Of a memory, in pages of 64 KiB; `maximum` is None where there is none."""

    minimum: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Outline:
    """What a core module says of itself.

    Attributes:
        types: All function types.
        imports: In order.
        functions: Type index of every function, imported ones first.
        memories: Own memories.
        exports: In order.
        customs: (name, content) of every custom section, in order.
    """

    types: tuple[FunctionType, ...] = ()
    imports: tuple[Import, ...] = ()
    functions: tuple[int, ...] = ()
    memories: tuple[MemoryLimits, ...] = ()
    exports: tuple[Export, ...] = ()
    customs: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def function_exports(self) -> dict[str, FunctionType]:
        """Core type of every exported function, by export name.

        Raises:
            InvalidModuleError: An export names a function or type that does not exist.
        """
        found = {}
        for export in self.exports:
            if export.kind == "func":
                try:
                    found[export.name] = self.types[self.functions[export.index]]
                except IndexError as exc:
                    raise invalid(f"the export {export.name!r} names a function that does not exist") from exc
        return found

    def custom(self, name: str) -> tuple[bytes, ...]:
        """Contents of all custom sections of that name."""
        return tuple(content for each, content in self.customs if each == name)

    def local_names(self) -> dict[int, dict[int, str]]:
        """Names of parameters and locals by function index, from the name section; empty where it is absent or broken.

        The specification says that a broken name section must not make a module invalid.
        """
        for content in self.custom("name"):
            try:
                return _local_names(content)
            except InvalidModuleError:
                return {}
        return {}


def invalid(message: str, hint: str = "") -> InvalidModuleError:
    """The error for bytes that cannot be a module here."""
    return InvalidModuleError(message, hint=hint or "give a core WebAssembly module, such as `akatsuki build` writes")


class Reader:
    """A cursor over bytes; every read checks that the bytes are there."""

    def __init__(self, data: bytes, start: int, end: int, what: str) -> None:
        self.data, self.position, self.end, self.what = data, start, end, what

    def fail(self, problem: str) -> InvalidModuleError:
        return invalid(f"not a valid wasm module: {self.what} {problem} at byte {self.position}")

    def byte(self) -> int:
        if self.position >= self.end:
            raise self.fail("is cut off")
        self.position += 1
        return self.data[self.position - 1]

    def unsigned(self, bits: int = 32) -> int:
        """An unsigned LEB128 number of at most `bits` bits."""
        value = 0
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> bits:
                    break
                return value
        raise self.fail("has a number that is too long")

    def take(self, length: int) -> bytes:
        if length > self.end - self.position:
            raise self.fail(f"is cut off: {length} bytes are announced, {self.end - self.position} are left")
        self.position += length
        return self.data[self.position - length : self.position]

    def name(self) -> str:
        raw = self.take(self.unsigned())
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            raise self.fail("has a name that is not UTF-8") from exc

    def items(self, read: Callable[[], T], limit: int = MAX_ITEMS) -> Iterator[T]:
        """A vector, item by item; nothing is allocated for its announced length."""
        count = self.unsigned()
        if count > limit:
            raise self.fail(f"has {count} items where at most {limit} are allowed")
        for _ in range(count):
            yield read()

    def value_type(self) -> str:
        code = self.byte()
        if code in _VALUE_TYPES:
            return _VALUE_TYPES[code]
        if code in _TYPED_REFERENCES:
            self.unsigned(33)
            return "ref"
        raise self.fail(f"has the unknown value type 0x{code:02x}")

    def function_type(self) -> FunctionType:
        code = self.byte()
        if code != 0x60:
            raise self.fail(f"has a type of form 0x{code:02x} where only functions (0x60) are supported")
        params = tuple(self.items(self.value_type, MAX_ARITY))
        return FunctionType(params, tuple(self.items(self.value_type, MAX_ARITY)))

    def limits(self) -> MemoryLimits:
        flags = self.byte()
        if flags > 0x0F:
            raise self.fail(f"has limits of the unknown form 0x{flags:02x}")
        bits = 64 if flags & 4 else 32
        minimum = self.unsigned(bits)
        maximum = self.unsigned(bits) if flags & 1 else None
        if flags & 8:
            self.unsigned()
        return MemoryLimits(minimum, maximum)

    def kind(self) -> str:
        code = self.byte()
        if code >= len(_KINDS):
            raise self.fail(f"has an entry of the unknown kind 0x{code:02x}")
        return _KINDS[code]

    def import_(self) -> tuple[Import, int | None]:
        """An import, with its type index where it is a function."""
        found = Import(self.name(), self.name(), self.kind())
        match found.kind:
            case "func":
                return found, self.unsigned()
            case "table":
                self.value_type()
                self.limits()
            case "memory":
                self.limits()
            case "global":
                self.value_type()
                self.byte()
            case _:
                self.byte()
                self.unsigned()
        return found, None

    def export(self) -> Export:
        return Export(self.name(), self.kind(), self.unsigned())


def sections(wasm: bytes) -> Iterator[tuple[int, Reader]]:
    """(id, reader of the content) of every section, in order."""
    reader = Reader(wasm, 8, len(wasm), "the file")
    seen: set[int] = set()
    while reader.position < reader.end:
        code = reader.byte()
        if code >= len(_SECTIONS):
            raise reader.fail(f"has a section of the unknown kind {code}")
        if code in seen:
            raise reader.fail(f"has a second {_SECTIONS[code]} section")
        if code:
            seen.add(code)
        size = reader.unsigned()
        start = reader.position
        if size > reader.end - start:
            raise reader.fail(
                f"is cut off: its {_SECTIONS[code]} section announces {size} bytes, {reader.end - start} are left"
            )
        reader.position += size
        yield code, Reader(wasm, start, start + size, f"the {_SECTIONS[code]} section")


def check_header(wasm: bytes) -> None:
    """Refuses bytes that do not begin as a core module does, and says what they seem to be instead.

    Raises:
        InvalidModuleError: They are no core module.
    """
    if not wasm:
        raise invalid("not a wasm module: the file is empty")
    if wasm[:8] == MAGIC + CORE_VERSION:
        return
    if wasm[:4] == MAGIC and wasm[6:8] == b"\1\0":
        raise invalid(
            "this is a WebAssembly component, and a core module is expected",
            hint="give the core module that the component was made from",
        )
    if wasm[:4] == MAGIC:
        raise invalid(f"not a wasm module: the version is {wasm[4:8].hex() or 'missing'}, expected 01000000")
    what = describe(wasm)
    if what == "WebAssembly text":
        raise invalid("this is WebAssembly text, and the binary format is expected", hint="convert it with wat2wasm")
    if what:
        raise invalid(f"this is {what}, not a wasm module", hint="give a .wasm file, such as `akatsuki build` writes")
    raise invalid(f"not a wasm module: it begins with {wasm[:4].hex(' ')}, expected 00 61 73 6d")


_BEGINNINGS = (
    (b"\x7fELF", "an ELF program or library"),
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a macOS program or a Java class"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"PK\3\4", "a zip file"),
    (b"!<arch>\n", "a library archive (.a)"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF-", "a PDF document"),
    (b"#!", "a script"),
    (b"<!DOCTYPE html", "an HTML page"),
    (b"<html", "an HTML page"),
)
_TEXT_BEGINNINGS = (b"(module", b"(component", b"(;")


def describe(data: bytes) -> str:
    """What bytes that are no wasm seem to be, such as ``a gzip file``, or empty where they are not recognised."""
    if data.lstrip()[:10].startswith(_TEXT_BEGINNINGS):
        return "WebAssembly text"
    if data[:4] == b"\x7fELF" and b".wasmtime" in data[:1_000_000]:
        return "a module that wasmtime compiled already (.cwasm)"
    return next((words for beginning, words in _BEGINNINGS if data.startswith(beginning)), "")


def read(wasm: bytes) -> Outline:
    """Reads a module's outline.

    Args:
        wasm: Any bytes.

    Raises:
        InvalidModuleError: The bytes are not a core module, are cut off or contradict the binary format. Passing does
            not mean that an engine accepts the module: code and data are not looked at.
    """
    check_header(wasm)
    types: tuple[FunctionType, ...] = ()
    imports: tuple[tuple[Import, int | None], ...] = ()
    own: tuple[int, ...] = ()
    memories: tuple[MemoryLimits, ...] = ()
    exports: tuple[Export, ...] = ()
    customs = []
    for code, section in sections(wasm):
        match _SECTIONS[code]:
            case "custom":
                customs.append((section.name(), section.take(section.end - section.position)))
                continue
            case "type":
                types = tuple(section.items(section.function_type))
            case "import":
                imports = tuple(section.items(section.import_))
            case "function":
                own = tuple(section.items(section.unsigned))
            case "memory":
                memories = tuple(section.items(section.limits))
            case "export":
                exports = tuple(section.items(section.export))
            case _:
                continue
        if section.position != section.end:
            raise section.fail(f"has {section.end - section.position} bytes left over")
    if len({export.name for export in exports}) != len(exports):
        raise invalid("not a valid wasm module: two exports have the same name")
    functions = (*(index for _, index in imports if index is not None), *own)
    return Outline(types, tuple(each for each, _ in imports), functions, memories, exports, tuple(customs))


def imports(wasm: bytes) -> tuple[Import, ...]:
    """What a module wants from its host.

    Raises:
        InvalidModuleError: The bytes are not a core module.
    """
    return read(wasm).imports


def refuse_imports(outline: Outline) -> None:
    """Refuses a module that imports anything, since nothing is provided.

    Raises:
        InvalidModuleError: Names the first imports.
    """
    if outline.imports:
        if outline.custom("linking"):
            raise invalid(
                "this is a wasm object file, which a linker has not finished",
                hint="link it with wasm-ld, or with cargo",
            )
        shown = one_line(", ".join(map(str, outline.imports[:3]))) + (", …" if len(outline.imports) > 3 else "")
        raise invalid(
            f"the module imports what is not provided: {shown}",
            hint="build it for wasm32-unknown-unknown without a runtime (no WASI, no JavaScript glue)",
        )


def leb128(value: int) -> bytes:
    """An unsigned LEB128 number."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def rename_exports(wasm: bytes, rename: Callable[[str], str]) -> bytes:
    """The module with other export names; nothing else in it depends on them.

    Args:
        wasm: A core module.
        rename: Gives each export's new name.

    Raises:
        InvalidModuleError: The bytes are no core module, or two exports would have the same name.
    """
    renamed = [rename(export.name) for export in read(wasm).exports]
    if len(set(renamed)) != len(renamed):
        raise invalid("two exports would have the same name")
    parts, done = [wasm[:8]], 8
    for code, section in sections(wasm):
        if _SECTIONS[code] == "export":
            body = b"".join(
                leb128(len(name.encode())) + name.encode() + bytes((_KINDS.index(export.kind),)) + leb128(export.index)
                for name, export in zip(renamed, section.items(section.export), strict=True)
            )
            body = leb128(len(renamed)) + body
            parts.append(bytes((code,)) + leb128(len(body)) + body)
        else:
            parts.append(wasm[done : section.end])
        done = section.end
    return b"".join(parts)


def custom_section(name: str, content: bytes) -> bytes:
    """The bytes of a custom section, to be appended to a module."""
    title = name.encode()
    body = leb128(len(title)) + title + content
    return b"\0" + leb128(len(body)) + body


_LOCAL_NAMES = 2
"""Id of the subsection that names parameters and locals."""


def _local_names(content: bytes) -> dict[int, dict[int, str]]:
    reader = Reader(content, 0, len(content), "the name section")
    while reader.position < reader.end:
        code, size = reader.byte(), reader.unsigned()
        part = Reader(content, reader.position, reader.position + size, "the name section")
        reader.take(size)
        if code == _LOCAL_NAMES:

            def names(part: Reader = part) -> tuple[int, dict[int, str]]:
                function = part.unsigned()
                return function, dict(part.items(lambda: (part.unsigned(), part.name())))

            return dict(part.items(names))
    return {}
