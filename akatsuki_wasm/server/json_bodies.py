"""Reads JSON of clients strictly: one document, no key twice, no unknown field, no number or text that cannot be kept.

pydantic would take the last of two equal keys, ``NaN``, and a field that it does not know without a word; a proxy in
front of the service, or a person who reads the request, may take the first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from akatsuki_wasm.errors import RequestError
from akatsuki_wasm.server.bodies import announced, parse_object, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

MAX_JSON_BYTES = 1024 * 1024
"""Largest JSON body that has no reason to be larger."""
MAX_DEPTH = 64
"""Deepest nesting of a document."""
_HINT = "See /openapi.json."


class Body(BaseModel):
    """A JSON object that a client sends: camelCase, strict types, no other fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=False, extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )


B = TypeVar("B", bound=Body)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer as JSON Schema has it: 200.0 is one too, "200" and true are none."""


async def read_json(request: Request, model: type[B], *, limit: int = MAX_JSON_BYTES) -> B:
    """Reads the body of a request.

    Raises:
        RequestError: It is not sent as JSON, or is no such document.
        RequestTooLargeError: It is larger than `limit` bytes.
    """
    insist_on_json(request.headers)
    announced(request, limit)
    return parse_json(await read_body(request, limit), model)


def insist_on_json(headers: Mapping[str, str]) -> None:
    """Refuses a body that is not called JSON: a page of another site can send a form or plain text, and no JSON.

    Raises:
        RequestError: It is not.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(
            f"the body is {kind[:80] or 'of no type'}, expected application/json",
            hint="Send the header Content-Type: application/json.",
        )


def parse_json(data: bytes, model: type[B], *, where: str = "the body") -> B:
    """Reads one document.

    Args:
        data: UTF-8.
        model: What it must be.
        where: What to call it in errors.

    Raises:
        RequestError: It is not; the first problem is named.
    """
    check_document(parse_object(data, where), where)
    try:
        return model.model_validate_json(data)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(each) for each in first["loc"]) or where
        raise RequestError(f"{place[:200]}: {_lower(first['msg'])}", hint=_HINT) from exc


def _lower(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def check_document(document: Any, where: str = "the body") -> None:
    """Refuses what a database cannot keep: NUL and halves of surrogate pairs, endless numbers and nesting.

    Raises:
        RequestError: It has such.
    """
    level = [document]
    for _ in range(MAX_DEPTH):
        if not level:
            return
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value, *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
                raise RequestError(f"a text in {where} has NUL or half a surrogate pair", hint="Leave it out.")
            elif isinstance(value, float) and not math.isfinite(value):
                raise RequestError(f"a number in {where} is too large", hint="Send it as a text.")
        level = inner
    raise RequestError(f"{where} is nested more than {MAX_DEPTH} deep", hint="Nest it less.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
