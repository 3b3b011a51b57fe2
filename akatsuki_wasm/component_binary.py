"""Reads what a WebAssembly component exports and imports, with its WIT types, from the bytes alone.

A pure-Python reader for bytes that nobody has validated yet, as `akatsuki_wasm.binary` is one for core modules. The
other way to learn a component's type is to ask an engine, which compiles it first: that is the worst thing to do with
hostile bytes, needs a process of its own to be bounded, and costs a second where a listing needs milliseconds. The work
here is linear in the size of the bytes, and nothing here is believed where it counts: before the first call the sandbox
holds the engine's own word against it (`akatsuki_wasm.sandbox.component.sandbox`).

A component is a chain of definitions in index spaces: types, functions, instances, components. Types are structural
and resources are not supported, so a nested component's exports follow from its own text, whatever it is instantiated
with, and each is read once.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from dataclasses import dataclass

from akatsuki_wasm import binary, wit
from akatsuki_wasm.component_types import (
    SORTS,
    ComponentType,
    Count,
    Definition,
    FunctionType,
    Instance,
    Opaque,
    Reader,
    Value,
    is_type,
    named,
    read_value,
)

COMPONENT_VERSION = b"\x0d\0\1\0"
MAX_DEPTH = 16
"""Components inside components; what composition tools write has two or three levels."""
MAX_MEMORIES = 8
MAX_INSTANCES = 64
"""Most linear memories and core instances that instantiating makes: each memory gets its share of the limit."""

_CORE_MODULE = 0x11


@dataclass(frozen=True, slots=True)
class ExportedFunction:
    """A function that a component offers.

    Attributes:
        interface: Such as ``example:shapes/area@0.1.0``, or empty for one of the world itself.
        name: As the component writes it.
        type: Of its parameters and result.
    """

    interface: str
    name: str
    type: FunctionType


@dataclass(frozen=True, slots=True)
class ComponentOutline:
    """What a component says of itself.

    Attributes:
        imports: Names of all imports but those of mere types.
        functions: In order of export.
        modules: Where each core module is in the bytes: (start, end).
        memories: Linear memories of an instance.
        minimum_pages: Of all core modules' memories together, pages of 64 KiB.
        maximum_pages: The same; None where one has no maximum.
    """

    imports: tuple[str, ...]
    functions: tuple[ExportedFunction, ...]
    modules: tuple[tuple[int, int], ...]
    memories: int
    minimum_pages: int
    maximum_pages: int | None


def is_component(wasm: bytes) -> bool:
    """Whether bytes begin as a component does."""
    return wasm[:8] == binary.MAGIC + COMPONENT_VERSION


def read(wasm: bytes) -> ComponentOutline:
    """Reads a component's outline.

    Args:
        wasm: Bytes that begin as a component does.

    Raises:
        InvalidModuleError: They contradict the binary format, or use a part of it that is not supported (values,
            asynchronous functions' built-ins). Passing does not mean that an engine accepts the component.
    """
    shared = _File(wasm)
    top = _Scope(None, shared)
    top.read(8, len(wasm))
    if top.memories > MAX_MEMORIES or top.instances > MAX_INSTANCES:
        raise binary.invalid(
            f"the component has {top.memories} memories in {top.instances} core instances, at most {MAX_MEMORIES} and "
            f"{MAX_INSTANCES} are allowed",
            hint="compose it of fewer parts",
        )
    memories = shared.memories
    maxima = [memory.maximum for memory in memories]
    return ComponentOutline(
        tuple(top.imports),
        tuple(_functions(top.exports)),
        tuple(shared.modules),
        top.memories,
        sum(memory.minimum for memory in memories),
        None if None in maxima else sum(each or 0 for each in maxima),
    )


def _functions(exports: Instance) -> list[ExportedFunction]:
    found = []
    for name, definition in exports.exports.items():
        if isinstance(definition, FunctionType):
            found.append(ExportedFunction("", name, definition))
        elif isinstance(definition, Instance):
            found += [
                ExportedFunction(name, inner, each)
                for inner, each in definition.exports.items()
                if isinstance(each, FunctionType)
            ]
    return found


class _File:
    """What all scopes of a file share.

    Args:
        wasm: The whole file.

    Attributes:
        modules: Where its core modules are.
        memories: Of all of them.
        count: Of the parts read so far.
    """

    def __init__(self, wasm: bytes) -> None:
        self.wasm = wasm
        self.modules: list[tuple[int, int]] = []
        self.memories: list[binary.MemoryLimits] = []
        self.count = Count()

    def core_module(self, start: int, end: int) -> int:
        """Takes a core module; how many memories an instance of it has."""
        self.modules.append((start, end))
        found = binary.read(self.wasm[start:end]).memories
        self.memories += found
        return len(found)


class _Scope:
    """The index spaces of one component, component type or instance type, filled in order."""

    def __init__(self, parent: _Scope | None, file: _File) -> None:
        self.parent, self.file, self.wasm = parent, file, file.wasm
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.spaces: dict[str, list[Definition]] = {sort: [] for sort in SORTS}
        self.core_modules: list[int] = []  # memories that an instance of each has
        self.exports = Instance()
        self.imports: list[str] = []
        self.memories = self.instances = 0

    # ------------------------------------------------------------ sections

    def read(self, start: int, end: int) -> None:
        outer = binary.Reader(self.wasm, start, end, "the component")
        if self.depth > MAX_DEPTH:
            raise outer.fail(f"is nested deeper than {MAX_DEPTH}")
        while outer.position < outer.end:
            code, size = outer.byte(), outer.unsigned()
            start = outer.position
            if size > outer.end - start:
                raise outer.fail(f"is cut off: a section announces {size} bytes, {outer.end - start} are left")
            outer.position += size
            reader = Reader(self.wasm, start, start + size, self.file.count)
            self.section(code, reader, outer)
            if reader.position != reader.end:
                raise reader.fail(f"has {reader.end - reader.position} bytes left over")

    def section(self, code: int, reader: Reader, outer: binary.Reader) -> None:
        match code:
            case 0 | 3:  # custom; core types, which no component function's type depends on
                reader.position = reader.end
            case 1:
                self.core_modules.append(self.file.core_module(reader.position, reader.end))
                reader.position = reader.end
            case 2:
                reader.each(lambda: self.core_instance(reader))
            case 4:
                self.component(reader)
            case 5:
                reader.each(lambda: self.instance(reader))
            case 6:
                reader.each(lambda: self.alias(reader))
            case 7:
                reader.each(lambda: self.type(reader))
            case 8:
                reader.each(lambda: self.canonical(reader))
            case 10:
                reader.each(lambda: self.import_(reader))
            case 11:
                reader.each(lambda: self.export(reader))
            case 9 | 12:
                raise outer.fail("has a start function or values, which are not supported,")
            case _:
                raise outer.fail(f"has a section of the unknown kind {code}")

    def component(self, reader: Reader) -> None:
        if self.wasm[reader.position : reader.position + 8] != binary.MAGIC + COMPONENT_VERSION:
            raise reader.fail("has a nested component without a component's header")
        inner = _Scope(self, self.file)
        inner.read(reader.position + 8, reader.end)
        reader.position = reader.end
        self.spaces["component"].append(ComponentType(inner.exports, inner.memories, inner.instances))

    def core_instance(self, reader: Reader) -> None:
        form = reader.byte()
        if form == 0:
            module = reader.unsigned()
            reader.each(lambda: (reader.name(), reader.byte(), reader.unsigned()))
            self.instances += 1
            if module >= len(self.core_modules):
                raise reader.fail(f"instantiates the core module {module}, which does not exist,")
            self.memories += self.core_modules[module]
        elif form == 1:
            reader.each(lambda: (reader.name(), reader.byte(), reader.unsigned()))
        else:
            raise reader.fail(f"has a core instance of the unknown form {form}")

    def instance(self, reader: Reader) -> None:
        form = reader.byte()
        made = Instance()
        if form == 0:
            component = self.get(reader, "component", reader.unsigned())
            reader.each(lambda: (reader.name(), reader.sort_and_index()))
            if not isinstance(component, ComponentType):
                raise reader.fail("instantiates a component that it imports, which is not supported,")
            self.memories += component.memories
            self.instances += component.instances
            made = component.exports
        elif form == 1:

            def item() -> None:
                name, (sort, index) = reader.extern_name(), reader.sort_and_index()
                made.add(name, self.get(reader, sort, index))

            reader.each(item)
        else:
            raise reader.fail(f"has an instance of the unknown form {form}")
        self.spaces["instance"].append(made)

    def alias(self, reader: Reader) -> None:
        sort, core = reader.sort()
        form = reader.byte()
        if form == 0:
            instance, name = self.get(reader, "instance", reader.unsigned()), reader.name()
            if core is not None:
                if core == _CORE_MODULE:
                    self.core_modules.append(1)
                return
            if not isinstance(instance, Instance) or name not in instance.exports:
                raise reader.fail(f"takes {name[:60]!r} from an instance that does not export it,")
            self.define(reader, sort, instance.exports[name])
        elif form == 1:
            reader.unsigned()
            reader.name()
        elif form == 2:
            count, index = reader.unsigned(), reader.unsigned()
            scope: _Scope | None = self
            for _ in range(min(count, MAX_DEPTH + 1)):
                scope = None if scope is None else scope.parent
            if scope is None:
                raise reader.fail("refers to a component around it that does not exist,")
            if core == _CORE_MODULE:
                if index >= len(scope.core_modules):
                    raise reader.fail(f"refers to the core module {index}, which does not exist,")
                self.core_modules.append(scope.core_modules[index])
            elif core is None:
                self.define(reader, sort, scope.get(reader, sort, index))
        else:
            raise reader.fail(f"has an alias of the unknown form {form}")

    def canonical(self, reader: Reader) -> None:
        code = reader.byte()
        if code in (0, 1):
            if reader.byte() != 0:
                raise reader.fail("has a canonical function of an unknown form")
            reader.unsigned()
            reader.each(reader.option)
            if code == 0:
                definition = self.get(reader, "type", reader.unsigned())
                if not isinstance(definition, FunctionType):
                    raise reader.fail("lifts a function to a type that is none,")
                self.define(reader, "func", definition)
        elif code in (2, 3, 4, 7):  # what a component does with resources
            reader.unsigned()
        else:
            raise reader.fail(f"uses the canonical built-in 0x{code:02x} (asynchronous functions), not supported,")

    def import_(self, reader: Reader) -> None:
        name = reader.extern_name()
        definition = self.extern(reader, name)
        if not is_type(definition):
            self.imports.append(name)

    def export(self, reader: Reader) -> None:
        name, (sort, index) = reader.extern_name(), reader.sort_and_index()
        if sort == "core":
            definition: Definition = Opaque("a core module")
        else:
            definition = named(self.get(reader, sort, index), name)
        if reader.flag():
            # The type that is written beside an export is what others see, under its own names.
            definition = self.extern(reader, name, define=False)
        if name in self.exports.exports:
            raise reader.fail(f"exports {name[:60]!r} twice,")
        self.exports.add(name, definition)
        if sort != "core":
            self.define(reader, sort, definition)

    # ------------------------------------------------------------ index spaces

    def get(self, reader: Reader, sort: str, index: int) -> Definition:
        space = self.spaces[sort]
        if index >= len(space):
            raise reader.fail(f"refers to the {sort} {index}, which does not exist,")
        return space[index]

    def define(self, reader: Reader, sort: str, definition: Definition) -> None:
        good = {
            "func": (FunctionType,),
            "component": (ComponentType, Opaque),
            "instance": (Instance,),
        }.get(sort)
        if good is not None and not isinstance(definition, good):
            raise reader.fail(f"has a {sort} that is none,")
        self.spaces[sort].append(definition)

    def extern(self, reader: Reader, name: str, *, define: bool = True) -> Definition:
        """An import's or export's type; the definition that it stands for is added to its index space."""
        code = reader.byte()
        definition: Definition
        match code:
            case 0:
                reader.byte()
                reader.unsigned()
                if define:
                    self.core_modules.append(1)
                return Opaque("a core module")
            case 1 | 4 | 5:
                definition = self.get(reader, "type", reader.unsigned())
                sort = {1: "func", 4: "component", 5: "instance"}[code]
            case 3:
                sort = "type"
                bound = reader.byte()
                if bound == 0:
                    definition = named(self.get(reader, "type", reader.unsigned()), name)
                elif bound == 1:
                    definition = Opaque("a resource")
                else:
                    raise reader.fail(f"has a type bound of the unknown form {bound}")
            case _:
                raise reader.fail(f"has an import or export of the unknown or unsupported kind {code}")
        if define:
            self.define(reader, sort, definition)
        return definition

    # ------------------------------------------------------------ types

    def type(self, reader: Reader) -> None:
        code = reader.byte()
        definition: Definition
        match code:
            case 0x40 | 0x43:
                definition = self.function_type(reader, asynchronous=code == 0x43)
            case 0x41 | 0x42:
                inner = _Scope(self, self.file)
                if inner.depth > MAX_DEPTH:
                    raise reader.fail(f"is nested deeper than {MAX_DEPTH}")
                reader.each(lambda: inner.declaration(reader))
                # A component's type could only serve to import one, and nothing is provided to a component.
                definition = inner.exports if code == 0x42 else Opaque("a component")
            case 0x3F | 0x3E:
                reader.byte()
                if code == 0x3E:
                    reader.unsigned()
                if reader.flag():
                    reader.unsigned()
                if code == 0x3E and reader.flag():
                    reader.unsigned()
                definition = Opaque("a resource")
            case _:
                definition = read_value(reader, code, lambda: self.reference(reader))
        self.spaces["type"].append(definition)

    def declaration(self, reader: Reader) -> None:
        code = reader.byte()
        match code:
            case 1:
                self.type(reader)
            case 2:
                self.alias(reader)
            case 3:
                self.import_(reader)
            case 4:
                name = reader.extern_name()
                self.exports.add(name, self.extern(reader, name))
            case _:
                raise reader.fail(f"has a declaration of the unknown or unsupported kind {code}")

    def function_type(self, reader: Reader, *, asynchronous: bool) -> FunctionType:
        reasons = ["it is asynchronous"] if asynchronous else []

        def plain(value: Value) -> wit.Type:
            if isinstance(value.type, str):
                reasons.append(f"it uses {value.type}")
                return wit.BOOL
            return value.type

        params = tuple(reader.all(lambda: (reader.name(), plain(self.reference(reader)))))
        result = None
        if reader.byte() == 0:
            result = plain(self.reference(reader))
        elif reader.unsigned():
            raise reader.fail("has a function with named results, which is not supported,")
        return FunctionType(params, result, reasons[0] if reasons else "")

    def reference(self, reader: Reader) -> Value:
        """A value type as it is written inside another one: a primitive's code, or an index."""
        byte = reader.peek()
        if 0x40 <= byte < 0x80:
            return read_value(reader, reader.byte(), lambda: self.reference(reader))
        definition = self.get(reader, "type", reader.signed33())
        if isinstance(definition, Opaque):
            return Value(definition.what)
        if not isinstance(definition, Value):
            raise reader.fail("uses a function or an instance as a value's type,")
        return definition
