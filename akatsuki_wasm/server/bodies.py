"""Bodies of requests: read whole under a limit, JSON read strictly."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.requests import ClientDisconnect

from akatsuki_wasm.errors import OverloadedError, QuotaError, RequestError, RequestTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

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


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        RequestTooLargeError: It is larger than `limit` bytes.
        RequestError: It is encoded, which would have to be inflated first.
        ClientDisconnect: The client went away.
    """
    check_headers(request, limit)
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


def check_headers(request: Request, limit: int) -> None:
    """Refuses by its headers what would be refused anyway, before it is read.

    Raises:
        RequestTooLargeError: The body is said to be larger than `limit` bytes.
        RequestError: It is encoded.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise RequestError(
            f"the body has the encoding {encoding[:40]!r}: expected none", hint="Send it as it is, not compressed."
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise too_large(limit)


class Budget:
    """Bytes that the bodies of requests may have in memory at once, of all requests of a process.

    Args:
        total: Of all users; one of them may have half of it.
    """

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self._users: dict[UUID, int] = {}

    @contextmanager
    def holding(self, user: User, size: int) -> Iterator[None]:
        """Counts a body from before it is read until nothing of it is needed any more.

        Raises:
            QuotaError: The user's bodies take more than half of all memory for them.
            OverloadedError: All bodies together take too much.
        """
        mine = self._users.get(user.id, 0) + size
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
        self._users[user.id] = mine
        try:
            yield
        finally:
            self.used -= size
            left = self._users[user.id] - size
            if left:
                self._users[user.id] = left
            else:
                del self._users[user.id]


def announced_size(request: Request, limit: int) -> int:
    """How large a body may become: what its header says, else the limit."""
    length = request.headers.get("content-length", "")
    return min(int(length[:20]), limit) if length.isdecimal() else limit


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
        found = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_constant)
    except RecursionError:
        raise RequestError(f"{what} is nested too deeply", hint=hint) from None
    except json.JSONDecodeError as exc:
        raise RequestError(
            f"{what} is not JSON: {exc.msg.lower()} at line {exc.lineno}, column {exc.colno}", hint=hint
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
