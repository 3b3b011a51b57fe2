"""The manifest of a component: names as people write them for what its outline says it exports.

A function of an interface has the function's own name where no other has it, else the interface's name before it:
``area_square`` for ``example:shapes/area#square``. Its ``export`` is the whole name, and both are understood.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm import binary, wit
from akatsuki_wasm.contracts import Function, Manifest, Parameter
from akatsuki_wasm.manifest_reader import IDENTIFIER, MAX_FUNCTIONS, MAX_PARAMETERS, RESERVED_RECORDS, weight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from akatsuki_wasm.component_binary import ComponentOutline, ExportedFunction

_SHOWN = 3
MAX_WEIGHT = 20_000
"""Most parts of all functions' types together, which bounds the work that is done with them."""


def of(outline: ComponentOutline) -> Manifest:
    """What a component can do.

    Functions that take or return resources, streams or futures, or are asynchronous, are left out; the manifest's
    build facts name them.

    Raises:
        InvalidModuleError: It imports functions, or no function of it can be called.
    """
    if outline.imports:
        shown = ", ".join(outline.imports[:_SHOWN]) + (", …" if len(outline.imports) > _SHOWN else "")
        wasi = any(name.startswith("wasi:") for name in outline.imports)
        raise binary.invalid(
            f"this is a {'WASI preview 2' if wasi else 'WebAssembly'} component that imports {shown}: nothing is "
            "provided to a component",
            hint="build it without imports, or as a WASI preview 1 command (wasm32-wasip1)"
            if wasi
            else "compose it with a component that exports them",
        )
    left_out = {_full_name(each): each.type.unsupported for each in outline.functions if each.type.unsupported}
    offered = [each for each in outline.functions if not each.type.unsupported]
    if not offered:
        name, reason = next(iter(left_out.items()), ("", ""))
        raise binary.invalid(
            "the component has no function that can be called: "
            + (f"{name} cannot be, {reason}" if name else "it exports none"),
            hint="export a function of plain values: numbers, text, lists, records, variants, enums, flags",
        )
    if len(offered) > MAX_FUNCTIONS:
        raise binary.invalid(f"the component exports {len(offered)} functions, at most {MAX_FUNCTIONS} are allowed")
    _check_weight(offered)
    names = _names(offered)
    spell = _type_names(offered)
    functions = tuple(
        Function(
            name,
            _parameters(each, spell),
            None if each.type.result is None else _renamed(each.type.result, lambda t, e=each: spell(e, t)),  # type: ignore[misc]
            export=_full_name(each),
        )
        for name, each in zip(names, offered, strict=True)
    )
    build = {"left_out": dict(sorted(left_out.items()))} if left_out else {}
    return Manifest(functions, kind="component", abi=0, build=build)


def _check_weight(functions: Sequence[ExportedFunction]) -> None:
    total = 0
    for function in functions:
        for type_ in (*(type_ for _, type_ in function.type.params), function.type.result):
            total += 0 if type_ is None else weight(type_)
            if total > MAX_WEIGHT:
                raise binary.invalid(f"the types of the component's functions have more than {MAX_WEIGHT} parts")


def _full_name(function: ExportedFunction) -> str:
    return f"{function.interface}#{function.name}" if function.interface else function.name


def _interface_word(function: ExportedFunction) -> str:
    """The interface's own name: ``area`` of ``example:shapes/area@0.1.0``."""
    return function.interface.partition("@")[0].rpartition("/")[2]


def _names(functions: Sequence[ExportedFunction]) -> list[str]:
    own = [wit.snake(each.name).lower() for each in functions]
    counts = Counter(own)
    found = []
    for name, each in zip(own, functions, strict=True):
        interface = wit.snake(_interface_word(each)).lower()
        found.append(f"{interface}_{name}" if counts[name] > 1 and interface else name)
    for name, count in Counter(map(wit.kebab, found)).items():
        if count > 1:
            raise binary.invalid(f"the component exports two functions named {name!r}", hint="rename one of them")
    for name, each in zip(found, functions, strict=True):
        if not IDENTIFIER.fullmatch(name) or len(name) > 200 or len(_full_name(each)) > 200:
            raise binary.invalid(
                f"the component exports a function with the name {name[:60]!r}, which is none of WIT's"
            )
    return found


def _parameters(
    function: ExportedFunction, spell: Callable[[ExportedFunction, wit.Named], str]
) -> tuple[Parameter, ...]:
    if len(function.type.params) > MAX_PARAMETERS:
        raise binary.invalid(
            f"{_full_name(function)} takes {len(function.type.params)} parameters, at most {MAX_PARAMETERS} are allowed"
        )
    names = [wit.snake(name).lower() for name, _ in function.type.params]
    if len({*map(wit.kebab, names)}) != len(names) or not all(map(IDENTIFIER.fullmatch, names)):
        raise binary.invalid(f"{_full_name(function)} has parameters with names that are none of WIT's")
    types = (_renamed(type_, lambda each: spell(function, each)) for _, type_ in function.type.params)
    return tuple(Parameter(name, type_) for name, type_ in zip(names, types, strict=True))


def _type_names(functions: Sequence[ExportedFunction]) -> Callable[[ExportedFunction, wit.Named], str]:
    """How a named type is called: two different types of one name are told apart by their interface."""
    meanings: dict[str, list[wit.Named]] = {}
    for each in functions:
        for type_ in _all_named(each):
            known = meanings.setdefault(type_.name, [])
            if type_ not in known:
                known.append(type_)

    def spell(function: ExportedFunction, type_: wit.Named) -> str:
        known = meanings[type_.name]
        name = type_.name or "unnamed"
        if len(known) > 1:
            word = wit.snake(_interface_word(function)).lower()
            name = f"{word}_{name}" if word else f"{name}_{known.index(type_) + 1}"
        return f"{name}_type" if name in RESERVED_RECORDS else name

    return spell


def _all_named(function: ExportedFunction) -> list[wit.Named]:
    found: list[wit.Named] = []

    def visit(type_: wit.Type) -> None:
        for child in wit.children(type_):
            visit(child)
        if isinstance(type_, wit.Named):
            found.append(type_)

    for _, type_ in function.type.params:
        visit(type_)
    if function.type.result is not None:
        visit(function.type.result)
    return found


def _renamed(type_: wit.Type, spell: Callable[[wit.Named], str]) -> wit.Type:
    """The type with every named type in it under the name that `spell` gives."""

    def again(each: wit.Type) -> wit.Type:
        return _renamed(each, spell)

    def maybe(each: wit.Type | None) -> wit.Type | None:
        return None if each is None else again(each)

    match type_:
        case wit.List(element):
            return wit.List(again(element))
        case wit.Option(inner):
            return wit.Option(again(inner))
        case wit.Result(ok, err):
            return wit.Result(maybe(ok), maybe(err))
        case wit.Tuple(items):
            return wit.Tuple(tuple(map(again, items)))
        case wit.Record(_, fields):
            return wit.Record(spell(type_), tuple((name, again(each)) for name, each in fields))
        case wit.Variant(_, cases):
            return wit.Variant(spell(type_), tuple((name, maybe(each)) for name, each in cases))
        case wit.Enum() | wit.Flags():
            return replace(type_, name=spell(type_))
        case _:
            return type_
