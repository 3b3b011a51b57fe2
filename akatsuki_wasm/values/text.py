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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.choices import choice_to_json, is_doubled
from akatsuki_wasm.values.from_json import number, value_from_json
from akatsuki_wasm.values.json import value_to_json
from akatsuki_wasm.values.wanted import SHOWN, expected, sample, wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import Parameter

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Largest ``@file.json``: a list of ten million numbers fits, a mistyped disk image does not."""

_BOOLS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse(param: Parameter, text: str) -> Any:
    """Turns the text of one argument into a Python value, as `akatsuki_wasm.values.python.lower` takes it.

    Args:
        param: The parameter; ranges are not checked here.
        text: As it stood on the command line.

    Raises:
        ArgumentError: The text does not say a value of the parameter's type, or a file that it names cannot be read.
    """
    return _parse(param, param.type, text)


def _parse(param: Parameter, type_: wit.Type, text: str) -> Any:
    if type_ == wit.IMAGE:
        return _image(param, text)
    match type_:
        case wit.Primitive("string"):
            return text
        case wit.Primitive("char"):
            if len(text) != 1:
                raise wrong(param, text)
            return text
        case wit.Primitive("bool"):
            if text.lower() not in _BOOLS:
                raise wrong(param, text)
            return _BOOLS[text.lower()]
        case wit.Primitive():
            return number(param, type_, text)
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


def _structure(param: Parameter, type_: wit.Type, text: str) -> Any:
    if text.startswith("@"):
        data = _json(param, _read(param, Path(text[1:]).expanduser()), text)
    elif isinstance(type_, wit.List) and not text.lstrip().startswith("["):
        if not (type_.is_numeric or type_.element == wit.IMAGE):
            raise ArgumentError(
                f"{param.name} is {text[:SHOWN]!r}: expected {expected(param)} as JSON",
                hint=f"""Write it as JSON, such as '{sample(type_)}', or as @file.json.""",
            )
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        return [_parse(param, type_.element, part) for part in parts]
    else:
        data = _json(param, text, text)
    return value_from_json(param, type_, data, _image)


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
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        reason = (
            f": {exc.msg} at line {exc.lineno}, column {exc.colno}" if isinstance(exc, json.JSONDecodeError) else ""
        )
        raise ArgumentError(
            f"{param.name} is {shown!r}, which is not JSON{reason}",
            hint=f"Write it as JSON, such as '{sample(param.type)}', or as @file.json.",
        ) from exc


def _image(param: Parameter, text: str) -> Any:
    from akatsuki_wasm.values.image_files import read_image  # Pillow is not needed for numbers and text

    return read_image(Path(text), param.name)


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
