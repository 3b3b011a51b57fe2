"""The `akatsuki.module` document: what a module says of itself, as canonical JSON in a custom section.

`dump` and `load` are each other's inverse; `world` writes the same facts as WIT; `for_binary` is the one gate through
which a host learns what a binary can do: it believes a section only where the binary's real exports agree with it, and
finds the functions of a plain numeric module, of a component and of a command by itself.

The document::

    {"abi": 1, "build": {…}, "description": "…", "kind": "akatsuki",
     "records": [{"name": "point", "fields": [["x", "f64"], ["y", "f64"]]}],
     "functions": [{"name": "margin", "export": "margin", "batch": "akatsuki:batch/margin", "doc": "…", "result": "f64",
                    "params": [{"name": "price", "type": "f64", "doc": "…", "min": 0.0, "max": 10.0, "default": 1.0}]}]}

A parameter's ``min``, ``max`` and ``default``, and a function's ``batch``, are left out where there are none. Of a
component, ``records`` has the other named types too, with ``cases``, ``enum`` or ``flags`` in place of ``fields``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import binary, canonical, command, component_binary, component_manifest, wit
from akatsuki_wasm.contracts import MISSING, Function, Manifest, Parameter
from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.manifest_reader import (
    IDENTIFIER,
    MAX_BYTES,
    MAX_FUNCTIONS,
    MAX_PARAMETERS,
    SECTION,
    invalid,
    load,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BATCH_PREFIX", "SECTION", "append_section", "dump", "for_binary", "load", "read_section", "world"]

BATCH_PREFIX = "akatsuki:batch/"
"""Core exports of the batch lane are named so, with the function's export name behind it."""

_WIT_KEYWORDS = frozenset(
    re.findall(
        "[a-z0-9-]+",
        "as async bool borrow char constructor enum export f32 f64 flags from func future import include interface "
        "list option own package record resource result s16 s32 s64 s8 static stream string tuple type u16 u32 u64 "
        "u8 use variant with world error-context",
    )
)


# ---------------------------------------------------------------- writing


def _parameter_document(parameter: Parameter) -> dict[str, Any]:
    document: dict[str, Any] = {"name": parameter.name, "type": str(parameter.type), "doc": parameter.doc}
    if parameter.minimum is not None:
        document["min"] = parameter.minimum
    if parameter.maximum is not None:
        document["max"] = parameter.maximum
    if parameter.default is not MISSING:
        document["default"] = parameter.default
    return document


def _named_document(type_: wit.Named) -> dict[str, Any]:
    match type_:
        case wit.Record(name, fields):
            return {"name": name, "fields": [[label, str(each)] for label, each in fields]}
        case wit.Variant(name, cases):
            pairs = [[label, None if payload is None else str(payload)] for label, payload in cases]
            return {"name": name, "cases": pairs}
        case wit.Enum(name, cases):
            return {"name": name, "enum": list(cases)}
        case wit.Flags(name, names):
            return {"name": name, "flags": list(names)}


def _function_document(function: Function) -> dict[str, Any]:
    document = {
        "name": function.name,
        "export": function.export,
        "doc": function.doc,
        "params": [_parameter_document(parameter) for parameter in function.params],
        "result": None if function.result is None else str(function.result),
    }
    if function.batch is not None:
        document["batch"] = function.batch
    return document


def dump(manifest: Manifest) -> bytes:
    """Writes a manifest as canonical JSON: sorted keys, no spaces, UTF-8; the same manifest gives the same bytes."""
    document = {
        "abi": manifest.abi,
        "kind": manifest.kind,
        "description": manifest.description,
        "build": dict(manifest.build),
        "records": [_named_document(each) for each in manifest.named_types.values()],
        "functions": [_function_document(function) for function in manifest.functions],
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


# ---------------------------------------------------------------- as WIT


def _wit_name(name: str) -> str:
    text = wit.kebab(name)
    return f"%{text}" if text in _WIT_KEYWORDS else text


def _wit_type(type_: wit.Type) -> str:
    """As ``str(type_)``, with the escapes that WIT wants and the shorter form of a result without payload."""
    match type_:
        case wit.Record(name, _):
            return _wit_name(name)
        case wit.List(element):
            return f"list<{_wit_type(element)}>"
        case wit.Option(inner):
            return f"option<{_wit_type(inner)}>"
        case wit.Result(ok):
            return f"result<{'_' if ok is None else _wit_type(ok)}, string>"
        case wit.Tuple(items):
            return f"tuple<{', '.join(map(_wit_type, items))}>"
        case _:
            return str(type_)


def _wit_docs(text: str, indent: str) -> list[str]:
    return [f"{indent}/// {line}".rstrip() for line in text.splitlines()]


def world(manifest: Manifest) -> str:
    """The manifest as a WIT package with one world, ``module``, from which standard tools make a component."""
    lines = ["package akatsuki:guest;", "", *_wit_docs(manifest.description, ""), "world module {"]
    for record in manifest.records.values():
        fields = ", ".join(f"{_wit_name(name)}: {_wit_type(type_)}" for name, type_ in record.fields)
        lines += [f"  record {_wit_name(record.name)} {{ {fields} }}", ""]
    for function in manifest.functions:
        params = ", ".join(f"{_wit_name(each.name)}: {_wit_type(each.type)}" for each in function.params)
        result = "" if function.result is None else f" -> {_wit_type(function.result)}"
        lines += [*_wit_docs(function.doc, "  "), f"  export {_wit_name(function.name)}: func({params}){result};"]
    return "\n".join([*lines, "}", ""])


# ---------------------------------------------------------------- in a binary


def append_section(wasm: bytes, manifest: Manifest) -> bytes:
    """The module with the document appended as a custom section.

    Raises:
        InvalidModuleError: The bytes are no core module, or have such a section already.
    """
    if binary.read(wasm).custom(SECTION):
        raise invalid("the module has one already")
    document = dump(manifest)
    if len(document) > MAX_BYTES:
        raise InvalidModuleError(
            f"the module's description would be {len(document)} bytes long, at most {MAX_BYTES} are allowed",
            hint="shorten the documentation of its functions",
        )
    return wasm + binary.custom_section(SECTION, document)


def read_section(wasm: bytes) -> Manifest | None:
    """The manifest in the module's section, unchecked against its exports (see `for_binary`); None where there is none.

    Raises:
        InvalidModuleError: The bytes are no core module, or the section is broken or there twice.
    """
    return _section(binary.read(wasm))


def _section(outline: binary.Outline) -> Manifest | None:
    found = outline.custom(SECTION)
    if len(found) > 1:
        raise invalid(f"it is there {len(found)} times")
    if not found:
        return None
    manifest = load(found[0])
    if manifest.kind != "akatsuki":
        raise invalid(f'kind is {manifest.kind!r}, expected "akatsuki"')
    return manifest


def for_binary(wasm: bytes) -> Manifest:
    """What a binary can do: its section where there is one, else what its exports say.

    Args:
        wasm: Any bytes.

    Raises:
        InvalidModuleError: The bytes are of no kind that is known, import what is not provided, have a section that
            their exports contradict, or have no function that can be called.
    """
    if component_binary.is_component(wasm):
        return _readable(component_manifest.of(component_binary.read(wasm)))
    outline = binary.read(wasm)
    manifest = _section(outline)
    if manifest is None and command.is_command(outline):
        return command.check(outline)
    binary.refuse_imports(outline)
    if manifest is None:
        return _plain(outline)
    _check_exports(manifest, outline)
    return manifest


def _readable(manifest: Manifest) -> Manifest:
    """Refuses a manifest that could be written and not read back, for a name or size that the document cannot have."""
    try:
        return load(dump(manifest))
    except InvalidModuleError as exc:
        problem = str(exc).partition("is wrong: ")[2]
        raise InvalidModuleError(
            f"the component's functions cannot be described: {problem}", hint="use fewer or shorter names"
        ) from exc


def _check_exports(manifest: Manifest, outline: binary.Outline) -> None:
    """Refuses a section that promises what the module does not export, so that a call cannot misread its memory."""
    if not manifest.functions:
        raise invalid("it names no function")
    exports = outline.function_exports()

    def expect(name: str, params: tuple[str, ...], results: tuple[str, ...], why: str) -> None:
        got, wanted = exports.get(name), binary.FunctionType(params, results)
        if got is None:
            raise invalid(f"the module has no function export {name!r}, which {why} needs")
        if got != wanted:
            raise invalid(f"the export {name!r} has the core type {got}, and {why} needs {wanted}")

    for function in manifest.functions:
        types = tuple(each.type for each in function.params)
        expect(function.export, *canonical.core_signature(types, function.result), f"{function.signature!r}")
        if function.batch is not None:
            expect(function.batch, ("i32",), (), f"the batch lane of {function.name!r}")
        post = f"cabi_post_{function.export}"
        if post in exports:
            _, flat_result = canonical.core_signature((), function.result)
            expect(post, flat_result, (), f"{function.signature!r}")
        takes_memory = canonical.spills_params(types) or any(map(canonical.owns_memory, types))
        if takes_memory or function.batch is not None:
            expect("cabi_realloc", ("i32",) * 4, ("i32",), f"{function.signature!r}")
        if takes_memory or function.batch is not None or canonical.returns_pointer(function.result):
            _expect_memory(outline)


def _expect_memory(outline: binary.Outline) -> None:
    if not any(export.name == "memory" and export.kind == "memory" for export in outline.exports):
        raise invalid("the module exports no memory named 'memory'")


_NUMERIC = {"i32": wit.S32, "i64": wit.S64, "f32": wit.F32, "f64": wit.F64}
_NOT_FOR_CALLERS = re.compile(r"_.*|cabi_.*|canonical_abi_.*|akatsuki:.*|asyncify_.*")
"""Exports that a toolchain or an ABI put there: start functions, allocators, post-returns."""


def _plain(outline: binary.Outline) -> Manifest:
    """The manifest of a module without a section: every export whose parameters and result are numbers."""
    exports, locals_ = outline.function_exports(), outline.local_names()
    indexes = {export.name: export.index for export in outline.exports if export.kind == "func"}
    functions, taken = [], set()
    for name, core in exports.items():
        if _NOT_FOR_CALLERS.fullmatch(name) or len(core.results) > 1 or len(core.params) > MAX_PARAMETERS:
            continue
        if not name.isprintable() or not 0 < len(name) <= 200 or wit.kebab(name) in taken:
            continue
        if not all(each in _NUMERIC for each in (*core.params, *core.results)):
            continue
        taken.add(wit.kebab(name))
        spelled = wit.snake(name)
        functions.append(
            Function(
                spelled if IDENTIFIER.fullmatch(spelled) else name,
                _plain_parameters(core.params, locals_.get(indexes[name], {})),
                _NUMERIC[core.results[0]] if core.results else None,
                export=name,
            )
        )
    if not functions:
        raise InvalidModuleError(
            "the module has no function that can be called: no export takes and returns only numbers",
            hint=f"export a numeric function, or build it with `akatsuki build`, which adds the section {SECTION}",
        )
    if len(functions) > MAX_FUNCTIONS:
        raise InvalidModuleError(f"the module exports {len(functions)} functions, at most {MAX_FUNCTIONS} are allowed")
    return Manifest(tuple(functions), kind="core", abi=0)


def _plain_parameters(core: tuple[str, ...], names: Mapping[int, str]) -> tuple[Parameter, ...]:
    """Parameters named as the name section has them where that works for all of them, else a, b, c and so on."""
    spelled = [wit.snake(names.get(index, "")) for index in range(len(core))]
    distinct = len({wit.kebab(name) for name in spelled}) == len(core)
    if not distinct or not all(IDENTIFIER.fullmatch(name) and len(name) <= 200 for name in spelled):
        spelled = [chr(ord("a") + index) if index < 26 else f"p{index}" for index in range(len(core))]
    return tuple(Parameter(name, _NUMERIC[each]) for name, each in zip(spelled, core, strict=True))
