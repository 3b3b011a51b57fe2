"""Contract values as JSON for a server, checked as the sandbox checks them, and a server's JSON as contract values."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError, ServerUnreachableError
from akatsuki_wasm.sandbox import scalars
from akatsuki_wasm.sandbox.scalars import DTYPES, Mismatch
from akatsuki_wasm.values.choices import cases, choice_to_json, is_doubled
from akatsuki_wasm.values.images import to_pil, to_record
from akatsuki_wasm.values.json import data_url, value_to_json

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Function, Parameter

_SHORT = 8
"""Numbers up to which a list is written as an array, which people can read; longer ones are base64 of their bytes."""
_DATA_URL = re.compile(r"data:image/png;base64,")
_EXACT = 2**53

# ---------------------------------------------------------------- there


def argument_to_json(function: Function, param: Parameter, value: Any) -> Any:
    """The contract value of an argument as JSON-able data.

    Raises:
        ArgumentError: It is no value of the parameter's type; the error is the sandbox's own.
    """
    try:
        return _to_json(param.type, value)
    except Mismatch as mismatch:
        raise ArgumentError(
            f"argument {param.name}{mismatch.path} of {function.name}: expected {mismatch.expected}, "
            f"got {mismatch.got}",
            hint=mismatch.hint or f"the signature is {function.signature}",
        ) from mismatch


def _to_json(type_: wit.Type, value: Any) -> Any:
    if type_ == wit.IMAGE:
        return data_url(to_pil(value))
    match type_:
        case wit.Primitive(name):
            return value_to_json(type_, _scalar(name, value))
        case wit.Option(inner) if not is_doubled(type_):
            return None if value is None else _to_json(inner, value)
        case wit.List(wit.Primitive(name)) if name not in ("char", "string"):
            return _numbers(type_, name, value)
        case wit.List(element):
            if isinstance(value, str | bytes | Mapping | set) or not hasattr(value, "__len__"):
                raise Mismatch(str(type_), scalars.describe(value))
            return [_within(element, each, f"[{index}]") for index, each in enumerate(value)]
        case wit.Tuple(items):
            return [_within(item, each, f"[{i}]") for i, (item, each) in enumerate(zip(items, value, strict=True))]
        case wit.Record(_, fields):
            return {name: _within(field, each, f".{name}") for (name, field), each in zip(fields, value, strict=True)}
        case _:
            return choice_to_json(type_, value, _to_json)


def _within(type_: wit.Type, value: Any, step: str) -> Any:
    try:
        return _to_json(type_, value)
    except Mismatch as mismatch:
        raise mismatch.within(step) from None


def _scalar(name: str, value: Any) -> Any:
    if name == "string":
        try:
            str(value).encode()
        except UnicodeEncodeError as exc:
            got = f"a lone surrogate at position {exc.start}"
            raise Mismatch("string (Unicode scalar values)", got) from exc
        return value
    if name == "char":
        scalars.character(value)
        return value
    if name == "bool":
        return scalars.boolean(value)
    if name in wit.INTEGER_RANGES:
        return scalars.integer(name, value)
    found = scalars.double(name, value)
    if name == "f32":
        scalars.f32_bits(found)
    return found


def _numbers(type_: wit.List, name: str, value: Any) -> Any:
    checked = scalars.array(name, value, str(type_))
    found = checked.astype(DTYPES[name], copy=False)
    if name == "bool" or len(found) <= _SHORT:
        return [value_to_json(type_.element, each) for each in found.tolist()]
    return base64.b64encode(found.tobytes()).decode("ascii")


def png_of(record: Any) -> bytes:
    """An image as PNG, quickly rather than small."""
    buffer = io.BytesIO()
    to_pil(record).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


# ---------------------------------------------------------------- back


def value_from_json(type_: wit.Type | None, data: Any) -> Any:
    """A function's result, or an error that it gave, from JSON as `akatsuki_wasm.values.json.to_json` wrote it.

    Raises:
        ServerUnreachableError: It is no value of that type: what answered is not this service.
    """
    try:
        return _from_json(type_, data)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, binascii.Error) as exc:
        raise ServerUnreachableError(
            f"the server's result is no {type_}: {' '.join(str(exc).split())[:120]}",
            hint="Is the URL that of an akatsuki server, and of a version that fits?",
        ) from exc


def _from_json(type_: wit.Type | None, data: Any) -> Any:
    if type_ == wit.IMAGE:
        return image_from_png(base64.b64decode(_DATA_URL.sub("", data, count=1), validate=True))
    match type_:
        case None:
            return None
        case wit.Primitive(name):
            return _number(name, data) if type_.is_number else data
        case wit.Option(inner) if not is_doubled(type_):
            return None if data is None else _from_json(inner, data)
        case wit.List(wit.Primitive(name) as element) if type_.is_numeric:
            return np.array([_number(element.name, each) for each in data], DTYPES[name])
        case wit.List(element):
            return [_from_json(element, each) for each in data]
        case wit.Tuple(items):
            return tuple(_from_json(item, each) for item, each in zip(items, data, strict=True))
        case wit.Record(_, fields):
            return wit.record_class(type_)(*(_from_json(field, data[name]) for name, field in fields))
        case _:
            return _choice(type_, data)


def _choice(type_: wit.Type, data: Any) -> Any:
    match type_, data:
        case wit.Enum(), str():
            return data
        case wit.Flags(), list():
            return frozenset(data)
        case wit.Bytes(), str():
            return data.encode()
        case wit.Bytes(), {"base64": text}:
            return base64.b64decode(text, validate=True)
        case _, str():
            return wit.Case(data)
        case _, None:  # a doubled option without a value
            return None
        case _:
            ((name, payload),) = data.items()
            inner = cases(type_)[name]
            return wit.Case(name, None if inner is None else _from_json(inner, payload))


def _number(name: str, data: Any) -> Any:
    if name in wit.INTEGER_RANGES:
        return int(data)
    return float(data)


def image_from_png(data: bytes) -> Any:
    """An image's contract record from a PNG of the server.

    Raises:
        ServerUnreachableError: It is none, or damaged.
    """
    from akatsuki_wasm.values.image_files import MAX_MEGAPIXELS, read_image_bytes

    try:
        return to_record(read_image_bytes(data, "result", MAX_MEGAPIXELS), "result")
    except ArgumentError as exc:
        raise ServerUnreachableError(
            f"the server's image cannot be read: {exc}", hint="Is the URL that of an akatsuki server?"
        ) from exc
