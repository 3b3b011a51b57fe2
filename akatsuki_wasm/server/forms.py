"""Reads ``multipart/form-data`` in bounded memory: known parts, each once, each with a largest size of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from akatsuki_wasm.errors import RequestError, RequestTooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request
    from python_multipart.multipart import MultipartCallbacks

OVERHEAD = 64 * 1024
"""Bytes of boundaries and headers that a form may have beside its parts."""
READ_SECONDS = 120.0
"""Within which a form must have arrived: a client that sends a byte now and then would hold its memory for ever."""
_HINT = "Send multipart/form-data with the parts that /openapi.json names."


@dataclass
class _Part:
    disposition: bytearray = field(default_factory=bytearray)
    name: str = ""
    data: bytearray = field(default_factory=bytearray)


async def read_form(request: Request, limits: Mapping[str, int], *, total: int) -> dict[str, bytes]:
    """Reads the parts of a form.

    Args:
        request: Its body is read to the end, or not any further once something is wrong.
        limits: Most bytes of each part, by its name.
        total: Most bytes of the whole body.

    Returns:
        The parts that are there.

    Raises:
        RequestError: It is no form, or has an unknown part or one twice, or did not arrive in time.
        RequestTooLargeError: It, or a part of it, is too large.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise RequestError("the body is no multipart/form-data with a boundary", hint=_HINT)
    reader = _Reader(limits)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > total:
        raise _too_large(total)
    size = 0
    try:
        parser = MultipartParser(boundary, reader.callbacks)
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > total:
                    raise _too_large(total)
                parser.write(chunk)
        parser.finalize()
    except FormParserError as exc:
        raise RequestError(f"the body is no well-formed multipart/form-data: {exc}", hint=_HINT) from exc
    except TimeoutError as exc:
        raise RequestError(f"the body did not arrive within {READ_SECONDS:.0f} s", hint="Send it faster.") from exc
    except ClientDisconnect as exc:
        raise RequestError("the client went away before the body had arrived", hint="Send it again.") from exc
    if not reader.ended:
        raise RequestError("the body ends in the middle of a part", hint=_HINT)
    return {name: bytes(data) for name, data in reader.found.items()}


def _too_large(total: int) -> RequestTooLargeError:
    return RequestTooLargeError(
        f"the body is larger than {total:,} bytes", hint="Send a smaller module, or ask who runs the service."
    )


class _Reader:
    """Takes what the parser finds."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._part = _Part()
        self._header = bytearray()
        self._overhead = 0
        self.found: dict[str, bytearray] = {}
        self.ended = False

    @property
    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._header.clear,
            "on_header_field": self._field,
            "on_header_value": self._value,
            "on_headers_finished": self._headers,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._part = _Part()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        if self._header.lower() == b"content-disposition":
            self._part.disposition += data[start:end]

    def _count(self, size: int) -> None:
        self._overhead += size
        if self._overhead > OVERHEAD:
            raise RequestTooLargeError("the headers of the form's parts are too large", hint=_HINT)

    def _headers(self) -> None:
        kind, options = parse_options_header(bytes(self._part.disposition))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or name not in self._limits:
            known = ", ".join(self._limits)
            raise RequestError(f"the form has a part {name[:80]!r}, expected {known}", hint=_HINT)
        if name in self.found:
            raise RequestError(f"the form has the part {name!r} twice", hint=_HINT)
        self._part.name = name
        self.found[name] = self._part.data

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.data += data[start:end]
        most = self._limits[part.name]
        if len(part.data) > most:
            raise RequestTooLargeError(f"the part {part.name!r} is larger than {most:,} bytes", hint="Send less.")

    def _end(self) -> None:
        self.ended = True
