"""Arguments of a call from a request: JSON, image files and columns to one Python value for each parameter."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.server.arrow_bodies import read_columns
from akatsuki_wasm.values.bind import bind, usage
from akatsuki_wasm.values.from_json import from_json

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Function, Parameter
    from akatsuki_wasm.server.calls import ExecuteRequest

MAX_MEGAPIXELS = 64.0
"""Largest image that is decoded: 256 MB as RGBA, however few bytes its file has."""
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]{1,40};base64,", re.IGNORECASE)


def bound_arguments(function: Function, request: ExecuteRequest) -> list[Any]:
    """One Python value for each parameter.

    Raises:
        ArgumentError: A value is missing, unknown, of the wrong type, or no image.
        RequestError: The stream of columns is none.
    """
    params = function.params
    if type(request.args) is list and not request.files and request.columns is None:
        values = [_value(param, each) for param, each in zip(params, request.args, strict=False)]
        return bind(function, values + request.args[len(values) :], {})
    by_name = {wit.snake(param.name): param for param in params}
    if isinstance(request.args, dict):
        positional: list[Any] = []
        named = {wit.snake(name): value for name, value in request.args.items()}
        named = {name: _value(by_name[name], value) if name in by_name else value for name, value in named.items()}
    else:
        positional = [_value(params[i], each) if i < len(params) else each for i, each in enumerate(request.args)]
        named = {}
    for name, data in request.files.items():
        param = _image_parameter(function, name)
        if positional:  # the file stands among the values in its place
            positional.insert(min(params.index(param), len(positional)), _decode(param, data))
        elif param.name in named:
            raise ArgumentError(f"{param.name} was given twice: as a value and as a file", hint=usage(function))
        else:
            named[param.name] = _decode(param, data)
    if request.columns is not None:
        for name, column in read_columns(request.columns).items():
            if wit.snake(name) in named:
                raise ArgumentError(f"{name} was given twice: as a value and as a column", hint=usage(function))
            named[wit.snake(name)] = column
    return bind(function, positional, named)


def _value(param: Parameter, data: Any) -> Any:
    return from_json(param, data, _from_data_url)


def _from_data_url(param: Parameter, text: str) -> Any:
    head = _DATA_URL.match(text)
    if head is None:
        raise ArgumentError(
            f"{param.name} is text that is no image: expected a data URL",
            hint="Send it as data:image/png;base64,…, or as a part of a multipart body.",
        )
    try:
        data = base64.b64decode(text[head.end() :], validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ArgumentError(f"{param.name} is a data URL that is no base64: {exc}", hint="Encode it again.") from exc
    return _decode(param, data)


def _decode(param: Parameter, data: bytes) -> Any:
    from akatsuki_wasm.values.image_files import read_image_bytes  # Pillow is not needed for numbers and text

    return read_image_bytes(data, param.name, MAX_MEGAPIXELS)


def _image_parameter(function: Function, name: str) -> Parameter:
    images = [param for param in function.params if _takes_image(param.type)]
    found = images[:1] if name == "" else [param for param in images if param.name == wit.snake(name)]
    if not found:
        what = "has no parameter that is an image" if name == "" else f"has no image parameter {name[:80]!r}"
        raise ArgumentError(f"{function.name} {what}", hint=usage(function))
    return found[0]


def _takes_image(type_: wit.Type) -> bool:
    return type_ == wit.IMAGE or (isinstance(type_, wit.Option) and type_.inner == wit.IMAGE)
