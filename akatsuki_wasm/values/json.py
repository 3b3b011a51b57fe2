"""Contract values to JSON, as the DESIGN table of types says: what HTTP and ``--json`` answer."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

from akatsuki_wasm import wit
from akatsuki_wasm.values.choices import choice_to_json, is_doubled
from akatsuki_wasm.values.images import to_pil

_EXACT = 2**53
"""The largest integer up to which every JSON reader keeps integers exact; larger ones are written as strings."""


def to_json(type_: wit.Type | None, value: Any) -> Any:
    """Converts a contract value (``result`` types arrive unwrapped) to JSON-able data.

    64-bit integers beyond 2**53 become strings, NaN and infinities the strings ``"NaN" "Infinity" "-Infinity"``, images
    PNG data URLs, records objects, a case ``{"name": payload}`` or its name alone, flags an array of names, a command's
    output text (``{"base64": …}`` where it is no UTF-8).
    """
    return value_to_json(type_.ok if isinstance(type_, wit.Result) else type_, value)


def value_to_json(type_: wit.Type | None, value: Any) -> Any:
    """As `to_json`, for a value inside another one, where a result is a case."""
    if isinstance(type_, wit.Primitive):  # the usual case, and the quickest
        return _primitive_to_json(type_, value)
    if type_ == wit.IMAGE:
        return data_url(to_pil(value))
    match type_:
        case None:
            return None
        case wit.Option(inner) if not is_doubled(type_):
            return None if value is None else value_to_json(inner, value)
        case wit.List(element):
            return [value_to_json(element, item) for item in (value.tolist() if hasattr(value, "tolist") else value)]
        case wit.Tuple(items):
            return [value_to_json(item, each) for item, each in zip(items, value, strict=True)]
        case wit.Record(_, fields):
            return {name: value_to_json(field, each) for (name, field), each in zip(fields, value, strict=True)}
        case _:
            return choice_to_json(type_, value, value_to_json)


def _primitive_to_json(type_: wit.Primitive, value: Any) -> Any:
    if type_.is_float:
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value) if type_.name in ("u64", "s64") and abs(value) > _EXACT else value


def data_url(image: Any) -> str:
    """A PIL image as a PNG data URL."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
