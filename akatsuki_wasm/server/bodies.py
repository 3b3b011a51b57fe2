"""Bodies of requests: read whole under a limit, JSON read strictly."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from starlette.requests import ClientDisconnect

from akatsuki_wasm.errors import OverloadedError, QuotaError, RequestError, RequestTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import Request

    from akatsuki_wasm.contracts import User

MAX_DEPTH = 200
"""Arrays and objects inside each other; a value of the guest contract needs a few."""
MAX_CONTAINERS = 200_000
"""Arrays and objects of one document. Python takes a microsecond for each, in which the process answers nobody."""
MAX_VALUES = 2_000_000
"""Values of one document, for the same reason."""
_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""JSON texts; one that does not end goes to the end, so that none is looked at twice."""


class Announced(NamedTuple):
    """What the headers of a request say of its body.

    Attributes:
        media_type: Such as ``application/json``, without parameters; ``""`` where they do not say.
        size: The largest that it may become, bytes.
        accept: What the answer may be; ``""`` where they do not say.
    """

    media_type: str
    size: int
    accept: str


def announced(request: Request, limit: int) -> Announced:
    """Reads the headers, and refuses by them what would be refused anyway, before the body is read.

    Raises:
        RequestTooLargeError: The body is said to be larger than `limit` bytes.
        RequestError: It is encoded, and would have to be inflated first.
    """
    kind = accept = b""
    size = limit
    # One look at all headers takes less than looking for one of them by its name.
    for name, value in reversed(request.scope["headers"]):
        if name == b"content-type":
            kind = value
        elif name == b"accept":
            accept = value
        elif name == b"content-length" and value.isdigit():
            size = int(value[:20])
        elif name == b"content-encoding" and value.lower() != b"identity":
            encoding = value.decode("latin-1")
            raise RequestError(
                f"the body has the encoding {encoding[:40]!r}: expected none", hint="Send it as it is, not compressed."
            )
    if size > limit:
        raise too_large(limit)
    media_type = kind.decode("latin-1").partition(";")[0].strip().lower()
    return Announced(media_type, size, accept.decode("latin-1"))


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body of a request whose headers are accepted (`announced`).

    Raises:
        RequestTooLargeError: It is larger than `limit` bytes.
        ClientDisconnect: The client went away.
    """
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):  # the usual case
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        return body
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await request.receive()


class Budget:
    """Bytes that the bodies of requests may have in memory at once, of all requests of a process.

    Args:
        total: Of all users; one of them may have half of it.
    """

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self._users: dict[int, int] = {}

    @contextmanager
    def holding(self, user: User, size: int) -> Iterator[None]:
        """Counts a body from before it is read until nothing of it is needed any more.

        Raises:
            QuotaError: The user's bodies take more than half of all memory for them.
            OverloadedError: All bodies together take too much.
        """
        key = user.id.int
        mine = self._users.get(key, 0) + size
        if mine > self.total // 2:
            raise QuotaError(
                f"your requests under way have bodies of {mine:,} bytes: at most {self.total // 2:,} are taken",
                hint="Send fewer at once.",
                retry_after=1.0,
            )
        if self.used + size > self.total:
            raise OverloadedError(
                "the bodies of requests under way take all the memory for them", hint="Try again.", retry_after=1.0
            )
        self.used += size
        self._users[key] = mine
        try:
            yield
        finally:
            self.used -= size
            left = self._users[key] - size
            if left:
                self._users[key] = left
            else:
                del self._users[key]


def too_large(limit: int) -> RequestTooLargeError:
    """The error for a body of more than `limit` bytes."""
    return RequestTooLargeError(
        f"the body is larger than {limit:,} bytes", hint="Send less, or ask who runs the service for a larger limit."
    )


def parse_object(body: bytes, what: str = "the body") -> dict[str, Any]:
    """A JSON object (RFC 8259), read strictly: UTF-8, no key twice, no NaN, no endless depth or numbers.

    Raises:
        RequestError: It is none.
    """
    hint = "Send a JSON object."
    if len(body) > MAX_CONTAINERS:
        _check_values(body, what)
    try:
        text = body.decode()
        if text.startswith("\ufeff"):
            raise RequestError(f"{what} begins with a byte order mark (UTF-8 BOM): expected JSON alone", hint=hint)
        found = _DECODER.decode(text)
    except RecursionError:
        raise RequestError(f"{what} is nested too deeply", hint=hint) from None
    except json.JSONDecodeError as exc:
        raise RequestError(
            f"{what} is not JSON: {exc.msg.lower().removesuffix(' at')} at line {exc.lineno}, column {exc.colno}",
            hint=hint,
        ) from exc
    except UnicodeDecodeError as exc:
        raise RequestError(f"{what} is not UTF-8", hint=hint) from exc
    except ValueError as exc:  # a number of thousands of digits, or one of ours
        raise RequestError(f"{what} is not usable JSON: {str(exc)[:200]}", hint=hint) from exc
    if not isinstance(found, dict):
        raise RequestError(f"{what} is JSON, but no object", hint=hint)
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:  # only then can it be that deep
        _check_depth(found, what)
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # always None
        raise ValueError(f"the key {twice[:80]!r} is there twice")
    return found


def _constant(text: str) -> NoReturn:
    raise ValueError(f'{text} is no JSON; it is written as the text "{text}"')


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant)


def _check_values(body: bytes, what: str) -> None:
    """Refuses a document of very many values by its bytes, before it is read."""
    if _are_many(body):
        # What stands in texts is no value; but to tell takes time too, where there are many texts or escapes.
        marks = body.count(b'"') + body.count(b"\\")
        if marks > 2 * MAX_CONTAINERS or _are_many(_TEXTS.sub(b"", body)):
            raise RequestError(
                f"{what} has more than {MAX_VALUES:,} values, or more than {MAX_CONTAINERS:,} arrays and objects",
                hint="Send columns as an Arrow stream, images as they are.",
            )


def _are_many(data: bytes) -> bool:
    containers = data.count(b"[") + data.count(b"{")
    return containers > MAX_CONTAINERS or containers + data.count(b",") > MAX_VALUES


def _check_depth(value: Any, what: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for each in level
            if isinstance(each, list | dict)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, list | dict)
        ]
        if not level:
            return
    raise RequestError(f"{what} is nested deeper than {MAX_DEPTH} levels", hint="Send flatter JSON.")
