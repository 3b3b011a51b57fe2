"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) from the lines of a response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from akatsuki_wasm.errors import ServerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_EVENT = 64 << 20
"""Characters of one event; a server that sends more is none of ours."""


class Event(NamedTuple):
    """One event.

    Attributes:
        id: For ``Last-Event-ID``, or empty.
        kind: Its name.
        data: Its JSON object.
    """

    id: str
    kind: str
    data: dict[str, Any]


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events, each as soon as its last line has come.

    Raises:
        ServerUnreachableError: One holds no JSON object: what answers is not this service.
    """
    fields: dict[str, str] = {}
    size = 0
    for line in lines:
        size += len(line)
        if size > MAX_EVENT:
            raise _wrong("an event is endless")
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            # A line that begins with a colon is a sign of life.
            if name:
                fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value
            continue
        if "data" in fields:
            yield Event(fields.get("id", ""), fields.get("event", "message"), _object(fields["data"]))
        fields, size = {}, 0


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise _wrong("an event is not JSON") from exc
    if not isinstance(found, dict):
        raise _wrong("an event is no JSON object")
    return found


def _wrong(what: str) -> ServerUnreachableError:
    return ServerUnreachableError(
        f"the server's events cannot be read: {what}", hint="Is the URL that of an akatsuki server?"
    )
