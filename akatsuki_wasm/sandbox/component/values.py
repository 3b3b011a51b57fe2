"""Contract values to a component's values in wasmtime's C API, and back.

A codec is made once for each type, from the manifest's type and the engine's own: their shapes are compared there, so a
manifest that is not true of its component cannot be called with. wasmtime-py's conversion is not used: it tells the
cases of a variant apart by Python classes, lets integers wrap, and takes about a microsecond for each number of a list.

What is lowered is zeroed (which is ``false``) and attached to its parent before it is filled, so that deleting the root
frees all of it whatever fails in between.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from wasmtime import _ffi, component

from akatsuki_wasm import wit
from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.limits import result_too_large
from akatsuki_wasm.sandbox.scalars import (
    DTYPES,
    Mismatch,
    array,
    boolean,
    character,
    describe,
    double,
    f32_bits,
    f32_value,
    integer,
)

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Limits
    from akatsuki_wasm.sandbox.watch import Watch

_LOOK_AFTER = 2_000
"""Items of a list that are copied between two looks at the clock: a few milliseconds."""
Val = Any
"""A ``wasmtime_component_val_t``, by reference."""
_VAL_SIZE = ctypes.sizeof(_ffi.wasmtime_component_val_t)
_VAL_OF = int(_ffi.wasmtime_component_val_t.of.offset)
_ENTRY_SIZE = ctypes.sizeof(_ffi.wasmtime_component_valrecord_entry_t)
_KINDS = {
    name: int(getattr(_ffi, f"WASMTIME_COMPONENT_{name.upper()}").value)
    for name in (
        *("bool", *wit.INTEGER_RANGES, *wit.FLOATS, "char", "string", "list", "record", "tuple", "variant", "enum"),
        *("option", "result", "flags"),
    )
}
_ENGINE_PRIMITIVES = {
    getattr(component, name.capitalize()): name for name in wit.PRIMITIVES if hasattr(component, name.capitalize())
}


class Budget:
    """How much more of a result may be copied out, and whether there is time for it.

    Args:
        function: For the message.
        limits: Has the limit.
        watch: Of the execution.
    """

    def __init__(self, function: str, limits: Limits, watch: Watch) -> None:
        self._function, self._limits, self._left = function, limits, limits.result_bytes
        self._watch, self._items = watch, 0

    def take(self, size: int) -> None:
        """Counts bytes.

        Raises:
            ResultTooLargeError: There are none left.
        """
        self._left -= size
        if self._left < 0:
            raise result_too_large(self._function, self._limits)

    def item(self) -> None:
        """Counts an item of a list that is copied one by one.

        Raises:
            ExecutionTimeout: The time is over.
            ExecutionCancelled: It was cancelled.
        """
        self._items += 1
        if not self._items % _LOOK_AFTER:
            self._watch.look(self._function)


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type go in and out.

    Attributes:
        lower: Fills a zeroed value; raises `Mismatch`.
        lift: Reads a value, which stays the engine's.
    """

    lower: Callable[[Any, Val], None]
    lift: Callable[[Val, Budget], Any]


def codec(type_: wit.Type, engine_type: Any) -> Codec:
    """The codec of a type.

    Args:
        type_: The manifest's.
        engine_type: wasmtime's for the same value.

    Raises:
        InvalidModuleError: They differ.
    """
    match type_, engine_type:
        case wit.Primitive(name), _ if _ENGINE_PRIMITIVES.get(type(engine_type)) == name:
            return _primitive(name)
        case wit.List(element), component.ListType():
            return _list(type_, codec(element, engine_type.element))
        case wit.Option(inner), component.OptionType():
            return _option(codec(inner, engine_type.payload), doubled=isinstance(inner, wit.Option))
        case wit.Result(ok, err), component.ResultType():
            return _result(_maybe(ok, engine_type.ok), _maybe(err, engine_type.err))
        case wit.Tuple(items), component.TupleType() if len(items) == len(engine_type.elements):
            return _tuple(type_, [codec(*pair) for pair in zip(items, engine_type.elements, strict=True)])
        case wit.Record(_, fields), component.RecordType() if _same([n for n, _ in fields], engine_type.fields):
            parts = [codec(own, other) for (_, own), (_, other) in zip(fields, engine_type.fields, strict=True)]
            return _record(type_, [name for name, _ in engine_type.fields], parts)
        case wit.Variant(_, cases), component.VariantType() if _same([n for n, _ in cases], engine_type.cases):
            payloads = [_maybe(own, other) for (_, own), (_, other) in zip(cases, engine_type.cases, strict=True)]
            return _variant(type_, [name for name, _ in engine_type.cases], payloads)
        case wit.Enum(_, names), component.EnumType() if _same(names, engine_type.names):
            return _enum(type_, engine_type.names)
        case wit.Flags(_, names), component.FlagsType() if _same(names, engine_type.names):
            return _flags(type_, engine_type.names)
    raise InvalidModuleError(
        f"the component has a type that is not the {type_} of its manifest", hint="deploy the component again"
    )


def _maybe(type_: wit.Type | None, engine_type: Any) -> Codec | None:
    if type_ is None and engine_type is None:
        return None
    if type_ is None:
        type_ = wit.Tuple(())  # differs from any
    return codec(type_, engine_type)


def _same(own: Any, others: Any) -> bool:
    """Whether labels are the component's own, in order."""
    names = [each if isinstance(each, str) else each[0] for each in others]
    return [wit.snake(name).lower() for name in names] == list(own)


# ---------------------------------------------------------------- scalars and text


def _primitive(name: str) -> Codec:
    kind = _KINDS[name]
    if name == "string":
        return Codec(_lower_string, _lift_string)
    if name == "f32":

        def lower_f32(value: Any, val: Val) -> None:
            val.of.u32 = f32_bits(value)  # the bits, since ctypes would set a NaN's quiet bit
            val.kind = kind

        return Codec(lower_f32, lambda val, budget: f32_value(val.of.u32))
    check: Callable[[Any], Any]
    attribute = {"bool": "boolean", "char": "character"}.get(name, name)
    if name == "bool":
        check = boolean
    elif name == "char":
        check = character
    elif name == "f64":
        check = lambda value: double("f64", value)  # noqa: E731
    else:
        check = lambda value: integer(name, value)  # noqa: E731

    def lower(value: Any, val: Val) -> None:
        setattr(val.of, attribute, check(value))
        val.kind = kind

    if name == "char":
        return Codec(lower, lambda val, budget: chr(val.of.character))
    return Codec(lower, lambda val, budget: getattr(val.of, attribute))


def _lower_string(value: Any, val: Val) -> None:
    if not isinstance(value, str):
        raise Mismatch("string", describe(value))
    try:
        data = value.encode()
    except UnicodeEncodeError as exc:
        raise Mismatch("string (Unicode scalar values)", f"a lone surrogate at position {exc.start}") from exc
    val.of.string = _ffi.bytes_to_capi(data)
    val.kind = _KINDS["string"]


def _lift_string(val: Val, budget: Budget) -> str:
    size = val.of.string.size
    budget.take(size)
    return ctypes.string_at(val.of.string.data, size).decode() if size else ""


def _text(vector: Any) -> str:
    return ctypes.string_at(vector.data, vector.size).decode() if vector.size else ""


# ---------------------------------------------------------------- lists


def _new_list(val: Val, kind: str, count: int) -> Any:
    """A zeroed list or tuple of values, attached to `val`."""
    holder = val.of.list if kind == "list" else val.of.tuple
    make = _ffi.wasmtime_component_vallist_new_uninit if kind == "list" else _ffi.wasmtime_component_valtuple_new_uninit
    make(ctypes.byref(holder), count)
    if count:
        ctypes.memset(holder.data, 0, count * _VAL_SIZE)
    val.kind = _KINDS[kind]
    return holder.data


def _list(type_: wit.List, element: Codec) -> Codec:
    if isinstance(type_.element, wit.Primitive) and type_.element.name not in ("char", "string"):
        return _array(type_, type_.element.name)
    text = str(type_)

    def lower(value: Any, val: Val) -> None:
        if isinstance(value, str | bytes | Mapping | set) or not (
            hasattr(value, "__len__") and hasattr(value, "__iter__")
        ):
            raise Mismatch(text, describe(value))
        items = list(value)
        data = _new_list(val, "list", len(items))
        for index, item in enumerate(items):
            _within(element, item, data[index], f"[{index}]")

    def lift(val: Val, budget: Budget) -> Any:
        holder = val.of.list
        budget.take(8 * holder.size)
        data, found = holder.data, []
        for index in range(holder.size):
            budget.item()
            found.append(element.lift(data[index], budget))
        return found

    return Codec(lower, lift)


def _array(type_: wit.List, name: str) -> Codec:
    """Lists of numbers: their values lie `_VAL_SIZE` apart, where numpy reads and writes them all at once."""
    text, kind, dtype = str(type_), _KINDS[name], DTYPES[name]
    layout = np.dtype(
        {"names": ["kind", "value"], "formats": ["u1", dtype], "offsets": [0, _VAL_OF], "itemsize": _VAL_SIZE}
    )

    def places(holder: Any) -> np.ndarray[Any, Any]:
        address = ctypes.cast(holder.data, ctypes.c_void_p).value or 0
        return np.frombuffer(ffi.view(address, holder.size * _VAL_SIZE), layout)

    def lower(value: Any, val: Val) -> None:
        found = array(name, value, text)
        _new_list(val, "list", len(found))
        if len(found):
            items = places(val.of.list)
            items["value"] = found
            items["kind"] = kind

    def lift(val: Val, budget: Budget) -> Any:
        holder = val.of.list
        budget.take(holder.size * dtype.itemsize)
        found = places(holder)["value"].copy() if holder.size else np.empty(0, dtype)
        return found.tolist() if name == "bool" else found

    return Codec(lower, lift)


def _within(part: Codec, value: Any, val: Val, step: str) -> None:
    try:
        part.lower(value, val)
    except Mismatch as mismatch:
        raise mismatch.within(step) from None


def _tuple(type_: wit.Tuple, parts: list[Codec]) -> Codec:
    def lower(value: Any, val: Val) -> None:
        if not isinstance(value, tuple | list) or len(value) != len(parts):
            raise Mismatch(str(type_), describe(value))
        data = _new_list(val, "tuple", len(parts))
        for index, (part, item) in enumerate(zip(parts, value, strict=True)):
            _within(part, item, data[index], f"[{index}]")

    def lift(val: Val, budget: Budget) -> Any:
        data = val.of.tuple.data
        return tuple(part.lift(data[index], budget) for index, part in enumerate(parts))

    return Codec(lower, lift)


def _record(type_: wit.Record, names: list[str], parts: list[Codec]) -> Codec:
    made = wit.record_class(type_)
    fields = [name for name, _ in type_.fields]

    def lower(value: Any, val: Val) -> None:
        holder = val.of.record
        _ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(holder), len(parts))
        ctypes.memset(holder.data, 0, len(parts) * _ENTRY_SIZE)
        val.kind = _KINDS["record"]
        for index, (part, name) in enumerate(zip(parts, names, strict=True)):
            entry = holder.data[index]
            entry.name = _ffi.str_to_capi(name)
            _within(part, _field(value, fields[index], made._fields[index], type_), entry.val, f".{fields[index]}")

    def lift(val: Val, budget: Budget) -> Any:
        data = val.of.record.data
        return made(*(part.lift(data[index].val, budget) for index, part in enumerate(parts)))

    return Codec(lower, lift)


def _field(value: Any, name: str, attribute: str, type_: wit.Record) -> Any:
    try:
        return value[name] if isinstance(value, Mapping) else getattr(value, attribute)
    except (KeyError, AttributeError):
        raise Mismatch(f"{type_} with the field {name}", describe(value)) from None


# ---------------------------------------------------------------- choices


def _box(val: Val, payload: Codec, value: Any, attach: Callable[[Any], None]) -> None:
    """A value in a place of its own on the heap, attached before it is filled."""
    empty = _ffi.wasmtime_component_val_t()
    ctypes.memset(ctypes.byref(empty), 0, _VAL_SIZE)
    boxed = _ffi.wasmtime_component_val_new(ctypes.byref(empty))
    attach(boxed)
    payload.lower(value, boxed.contents)


def _option(inner: Codec, *, doubled: bool) -> Codec:
    def lower(value: Any, val: Val) -> None:
        val.kind = _KINDS["option"]
        if value is None:
            return
        if doubled:
            name, value = _case(value, "an option's value", ("some",))
            if name != "some":
                raise Mismatch("None, or the case 'some'", name)
        _box(val, inner, value, lambda boxed: setattr(val.of, "option", boxed))

    def lift(val: Val, budget: Budget) -> Any:
        if not val.of.option:
            return None
        value = inner.lift(val.of.option.contents, budget)
        return wit.Case("some", value) if doubled else value

    return Codec(lower, lift)


def _result(ok: Codec | None, err: Codec | None) -> Codec:
    """A result is a `wit.Case` here, the function's own too; who called it unwraps that one."""

    def lower(value: Any, val: Val) -> None:
        name, payload = _case(value, "a result", ("ok", "err"))
        val.kind = _KINDS["result"]
        val.of.result.is_ok = name == "ok"
        _payload(val, ok if name == "ok" else err, name, payload, lambda boxed: setattr(val.of.result, "val", boxed))

    def lift(val: Val, budget: Budget) -> Any:
        fine = bool(val.of.result.is_ok)
        part = ok if fine else err
        value = None if part is None else part.lift(val.of.result.val.contents, budget)
        return wit.Case("ok" if fine else "err", value)

    return Codec(lower, lift)


def _variant(type_: wit.Variant, names: list[str], payloads: list[Codec | None]) -> Codec:
    own = tuple(name for name, _ in type_.cases)
    numbers = {name: index for index, name in enumerate(names)}

    def lower(value: Any, val: Val) -> None:
        name, payload = _case(value, str(type_), own)
        index = own.index(name)
        val.of.variant.discriminant = _ffi.str_to_capi(names[index])
        val.kind = _KINDS["variant"]
        _payload(val, payloads[index], name, payload, lambda boxed: setattr(val.of.variant, "val", boxed))

    def lift(val: Val, budget: Budget) -> Any:
        index = numbers[_text(val.of.variant.discriminant)]
        part = payloads[index]
        value = None if part is None else part.lift(val.of.variant.val.contents, budget)
        return wit.Case(own[index], value)

    return Codec(lower, lift)


def _payload(val: Val, part: Codec | None, name: str, value: Any, attach: Callable[[Any], None]) -> None:
    if part is None:
        if value is not None:
            raise Mismatch(f"the case {name!r} alone", describe(value))
        return
    try:
        _box(val, part, value, attach)
    except Mismatch as mismatch:
        raise mismatch.within(f".{name}") from None


def _case(value: Any, expected: str, names: tuple[str, ...]) -> tuple[str, Any]:
    """A case's name and payload."""
    if not isinstance(value, wit.Case) or value.name not in names:
        got = value.name if isinstance(value, wit.Case) else describe(value)
        raise Mismatch(f"{expected}, one of {', '.join(names)}", got)
    return value.name, value.value


def _enum(type_: wit.Enum, names: list[str]) -> Codec:
    own = dict(zip(type_.cases, names, strict=True))
    back = {name: spelled for spelled, name in own.items()}

    def lower(value: Any, val: Val) -> None:
        if not isinstance(value, str) or value not in own:
            raise Mismatch(f"{type_}, one of {', '.join(own)}", describe(value))
        val.of.enumeration = _ffi.str_to_capi(own[value])
        val.kind = _KINDS["enum"]

    return Codec(lower, lambda val, budget: back[_text(val.of.enumeration)])


def _flags(type_: wit.Flags, names: list[str]) -> Codec:
    own = dict(zip(type_.names, names, strict=True))
    back = {name: spelled for spelled, name in own.items()}

    def lower(value: Any, val: Val) -> None:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise Mismatch(f"{type_}, a set of {', '.join(own)}", describe(value))
        chosen = list(dict.fromkeys(value))
        for each in chosen:
            if not isinstance(each, str) or each not in own:
                raise Mismatch(f"{type_}, a set of {', '.join(own)}", describe(each))
        holder = val.of.flags
        _ffi.wasmtime_component_valflags_new_uninit(ctypes.byref(holder), len(chosen))
        for index, each in enumerate(chosen):
            holder.data[index] = _ffi.str_to_capi(own[each])
        val.kind = _KINDS["flags"]

    def lift(val: Val, budget: Budget) -> Any:
        holder = val.of.flags
        return frozenset(back[_text(holder.data[index])] for index in range(holder.size))

    return Codec(lower, lift)
