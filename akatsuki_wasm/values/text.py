"""Command-line text to Python values for a function's parameters, and results to text.

Numbers, booleans, characters and text are written as they are. A list, tuple or record is JSON (``[1, 2]``,
``{"x": 1}``) or ``@file.json``; a list of numbers or of image paths may also be separated by commas. An image is the
path of a file. ``none`` is the missing value of an option; ``"none"`` in quotes is that word.

What components have besides: an enum and a variant's case without payload are their name, flags are names separated by
commas, a case with payload is JSON (``{"circle": 2.5}``). A command's input is text, ``@FILE`` for a file's bytes, or
``-`` for standard input.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import default_hint, describe_type, range_text
from akatsuki_wasm.values.choices import cases, choice_to_json, is_doubled
from akatsuki_wasm.values.json import value_to_json

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Parameter

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Largest ``@file.json``: a list of ten million numbers fits, a mistyped disk image does not."""

_BOOLS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_SHOWN = 60


def parse(param: Parameter, text: str) -> Any:
    """Turns the text of one argument into a Python value, as `akatsuki_wasm.values.python.lower` takes it.

    Args:
        param: The parameter; ranges are not checked here.
        text: As it stood on the command line.

    Raises:
        ArgumentError: The text does not say a value of the parameter's type, or a file that it names cannot be read.
    """
    return _parse(param, param.type, text)


def expected(param: Parameter) -> str:
    """What a parameter wants, with its range, such as ``a number, f32, 0 to 1``."""
    words = "the path of an image" if param.type == wit.IMAGE else describe_type(param.type)
    return words if param.minimum is None and param.maximum is None else f"{words}, {range_text(param)}"


def _wrong(param: Parameter, text: str) -> ArgumentError:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return ArgumentError(f"{param.name} is {shown!r}: expected {expected(param)}", hint=_example(param.type))


def _example(type_: wit.Type) -> str:
    match type_:
        case wit.Primitive("char"):
            return "Give exactly one character."
        case wit.Primitive("bool"):
            return "Write true or false."
        case wit.Option(inner):
            return f"{_example(inner)[:-1]}, or none."
        case _:
            return f"Write it as, for example, {_sample(type_)}."


def _parse(param: Parameter, type_: wit.Type, text: str) -> Any:
    if type_ == wit.IMAGE:
        return _image(param, text)
    match type_:
        case wit.Primitive("string"):
            return text
        case wit.Primitive("char"):
            if len(text) != 1:
                raise _wrong(param, text)
            return text
        case wit.Primitive("bool"):
            if text.lower() not in _BOOLS:
                raise _wrong(param, text)
            return _BOOLS[text.lower()]
        case wit.Primitive():
            return _number(param, type_, text)
        case wit.Option(inner):
            if text.strip().lower() == "none":
                return None
            return "none" if inner == wit.STRING and text == '"none"' else _parse(param, inner, text)
        case _:
            return _parse_other(param, type_, text)


def _parse_other(param: Parameter, type_: wit.Type, text: str) -> Any:
    match type_:
        case wit.Bytes():
            return _stream(param, text)
        case wit.Enum():
            return text.strip()
        case wit.Flags() if not text.lstrip().startswith(("[", "@")):
            return [part.strip() for part in text.split(",") if part.strip()]
        case wit.Variant() if not text.lstrip().startswith(("{", "@", '"')):
            return text.strip()
        case _:
            return _structure(param, type_, text)


def _number(param: Parameter, type_: wit.Primitive, text: str) -> int | float:
    try:
        if type_.is_float:
            return float(text)
        number = _whole(text)
    except ValueError as exc:
        raise _wrong(param, text) from exc
    low, high = wit.INTEGER_RANGES[type_.name]
    if not low <= number <= high and param.minimum is None and param.maximum is None:
        raise ArgumentError(
            f"{param.name} is {text[:_SHOWN]}: expected a whole number, {type_.name}, {low} to {high}",
            hint=default_hint(param),
        )
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # 1e6 and 3.0 are whole numbers too
        if not number.is_integer():
            raise
        return int(number)


def _structure(param: Parameter, type_: wit.Type, text: str) -> Any:
    if text.startswith("@"):
        data = _json(param, _read(param, Path(text[1:]).expanduser()), text)
    elif isinstance(type_, wit.List) and not text.lstrip().startswith("["):
        if not (type_.is_numeric or type_.element == wit.IMAGE):
            raise ArgumentError(
                f"{param.name} is {text[:_SHOWN]!r}: expected {expected(param)} as JSON",
                hint=f"""Write it as JSON, such as '{_sample(type_)}', or as @file.json.""",
            )
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        return [_parse(param, type_.element, part) for part in parts]
    else:
        data = _json(param, text, text)
    return _from_json(param, type_, data)


def _stream(param: Parameter, text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    return _read_bytes(param, Path(text[1:]).expanduser(), "a") if text.startswith("@") else text.encode()


def _read_bytes(param: Parameter, path: Path, what: str) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ArgumentError(f"{param.name} is @{path}: expected a file of at most {MAX_FILE_BYTES >> 20} MB")
        return path.read_bytes()
    except OSError as exc:
        raise ArgumentError(
            f"{param.name} is @{path}, which cannot be read: {(exc.strerror or str(exc)).lower()}",
            hint=f"Give the path of {what} file after the @.",
        ) from exc


def _read(param: Parameter, path: Path) -> str:
    try:
        return _read_bytes(param, path, "a JSON").decode()
    except UnicodeDecodeError as exc:
        raise ArgumentError(f"{param.name} is @{path}, which is not UTF-8 text: expected JSON") from exc


def _json(param: Parameter, content: str, text: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as exc:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        reason = (
            f": {exc.msg} at line {exc.lineno}, column {exc.colno}" if isinstance(exc, json.JSONDecodeError) else ""
        )
        raise ArgumentError(
            f"{param.name} is {shown!r}, which is not JSON{reason}",
            hint=f"Write it as JSON, such as '{_sample(param.type)}', or as @file.json.",
        ) from exc


def _from_json(param: Parameter, type_: wit.Type, data: Any) -> Any:
    """Replaces what JSON cannot hold (images, 64-bit integers, NaN); the rest is checked when it is lowered."""
    if type_ == wit.IMAGE and isinstance(data, str):
        return _image(param, data)
    match type_, data:
        case wit.Option(inner), _ if not is_doubled(type_):
            return None if data is None else _from_json(param, inner, data)
        case ((wit.Variant() | wit.Result() | wit.Option()), Mapping()):
            payloads = {name: each for name, each in cases(type_).items() if each is not None}
            return {
                name: _from_json(param, payloads[wit.snake(name)], each) if wit.snake(name) in payloads else each
                for name, each in data.items()
            }
        case wit.Primitive() as primitive, str() if primitive.is_number:
            return _number(param, primitive, data)
        case wit.List(element), list():
            return [_from_json(param, element, item) for item in data]
        case wit.List(), _:
            raise _wrong(param, json.dumps(data))
        case wit.Tuple(items), list() if len(items) == len(data):
            return tuple(_from_json(param, item, each) for item, each in zip(items, data, strict=True))
        case wit.Record(_, fields), Mapping():
            types = dict(fields)
            return {
                name: _from_json(param, types[name], each) if name in types else each for name, each in data.items()
            }
        case _:
            return data


def _image(param: Parameter, text: str) -> Any:
    from akatsuki_wasm.values.image_files import read_image  # Pillow is not needed for numbers and text

    return read_image(Path(text), param.name)


def _sample(type_: wit.Type) -> str:
    """A small JSON value of a type, for a hint."""

    def value(each: wit.Type) -> Any:
        if each == wit.IMAGE:
            return "photo.jpg"
        match each:
            case wit.Primitive("bool"):
                return True
            case wit.Primitive("string" | "char"):
                return "a"
            case wit.Primitive(name):
                return 0.5 if name in wit.FLOATS else 1
            case wit.Option(inner):
                return value(inner)
            case wit.List(element):
                return [value(element), value(element)]
            case wit.Tuple(items):
                return [value(item) for item in items]
            case wit.Record(_, fields):
                return {name: value(field) for name, field in fields}
            case wit.Enum(_, names):
                return names[0]
            case wit.Flags(_, names):
                return list(names[:2])
            case wit.Variant() | wit.Result():
                name, payload = next(iter(cases(each).items()))
                return name if payload is None else {name: value(payload)}
            case _:
                return None

    return json.dumps(value(type_))


def contains_image(type_: wit.Type | None) -> bool:
    """Whether a value of this type can hold an image."""
    return type_ is not None and (type_ == wit.IMAGE or any(map(contains_image, wit.children(type_))))


def plain(type_: wit.Type | None, value: Any, save: Callable[[Any], str]) -> Any:
    """A contract value as JSON-able data in which every image is replaced by what `save` answers.

    Args:
        type_: The function's result type.
        value: The contract value; ``result`` types arrive unwrapped.
        save: Gets the image's contract record, stores it and returns its path.
    """
    return _plain(type_.ok if isinstance(type_, wit.Result) else type_, value, save)


def _plain(type_: wit.Type | None, value: Any, save: Callable[[Any], str]) -> Any:
    if type_ == wit.IMAGE:
        return save(value)
    if type_ is None or not contains_image(type_):
        return value_to_json(type_, value)
    match type_:
        case wit.Option(inner) if not is_doubled(type_):
            return None if value is None else _plain(inner, value, save)
        case wit.List(element):
            return [_plain(element, item, save) for item in value]
        case wit.Tuple(items):
            return [_plain(item, each, save) for item, each in zip(items, value, strict=True)]
        case wit.Record(_, fields):
            return {name: _plain(field, each, save) for (name, field), each in zip(fields, value, strict=True)}
        case _:
            return choice_to_json(type_, value, lambda each, inner: _plain(each, inner, save))


def show(data: Any) -> str:
    """One line (or the text itself) for people from what `plain` gave."""
    if isinstance(data, str):
        return data
    if data is None:
        return "none"
    return json.dumps(data, ensure_ascii=False)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text with control characters made visible: a guest's text must not drive the user's terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
