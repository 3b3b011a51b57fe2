"""HTTP on a connection, with limits for clients that send too much header, or too slowly, or read too slowly.

uvicorn has none of these: without them, a client that sends a byte now and then holds a connection, and what was read
of its body, for as long as it likes. A request that comes whole in one packet, as most do, sets no timer.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from akatsuki_wasm.errors import AkatsukiError, RequestError, RequestTooLargeError
from akatsuki_wasm.server import problems

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

HEADER_SECONDS = 10.0
"""How long a request's first line and headers may take."""
BODY_SECONDS = 10.0
"""A body that is not whole is looked at this often."""
BODY_BYTES_PER_SECOND = 1024
"""The least that has to have come of it, on average since the last look."""
WRITE_SECONDS = 60.0
"""How long a client may take nothing of an answer."""
MAX_HEADER_BYTES = 48 * 1024
"""A token of 16 KiB, the same again in a cookie, and as much for the rest."""
MAX_HEADERS = 200
MAX_FRAMING_BYTES = 512 * 1024
"""Of a chunked body: sizes, extensions and trailers, beside `FRAMING_OF_BYTE` for each byte of its content."""
FRAMING_OF_BYTE = 16
"""A chunk of one byte has five more around it, and as much again for a client that is generous with them."""
_HINT = "See /openapi.json."


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a look at the clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_headers = True
        self._in_body = False
        self._came = 0
        self._content = 0
        self._framing = 0
        self._refusal: AkatsukiError | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = self.loop.call_later(HEADER_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._came += len(data)
        self._framing += len(data) if self._in_body else 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # the parser is at its end; the request itself is answered as any other
            return
        except httptools.HttpParserError:
            if self._refusal is not None:
                self._refuse(self._refusal, 431)
            else:
                self._refuse(RequestError("the request is not HTTP/1.1", hint=_HINT), 400)
            return
        if self._in_headers and self._came > MAX_HEADER_BYTES:
            self._refuse(_too_large(), 431)
        elif self._in_body and self._framing > MAX_FRAMING_BYTES + FRAMING_OF_BYTE * self._content:
            self._refuse(RequestError("the request's chunks are more framing than content", hint=_HINT), 400)
        elif self._watch is None and (self._in_headers or self._in_body):
            self._came = 0 if self._in_body else self._came
            self._watch = self.loop.call_later(BODY_SECONDS if self._in_body else HEADER_SECONDS, self._look)

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind a chunked body (RFC 9110, section 6.5) is none: it would count like one, though a proxy
        # that sets headers let it pass.
        if self._in_headers:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._content += len(body)
        self._framing -= len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        # The exact sum is asked for only where so much has come at all.
        if len(self.headers) > MAX_HEADERS or (
            self._came > MAX_HEADER_BYTES and self._header_bytes() > MAX_HEADER_BYTES
        ):
            self._refusal = _too_large()
            raise self._refusal
        self._in_headers = False
        self._in_body = True
        self._came = self._content = self._framing = 0
        if self._watch is not None:
            self._stop_watching()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._came = 0
        if self._watch is not None:
            self._stop_watching()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(WRITE_SECONDS, self._give_up_writing)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _look(self) -> None:
        """Ends what comes too slowly; where nothing is read, as an earlier part waits, the client has no fault."""
        self._watch = None
        if self.transport.is_closing():
            return
        if self._in_headers and not self._came:
            self.transport.close()  # a connection for later that never came to use
            return
        if self._in_headers and not self._answering():
            self._refuse(RequestError("the request's headers came too slowly", hint=_HINT), 408)
            return
        if self._in_body and not self._answering():
            self.transport.close()  # the answer was sent before the body was whole, and nobody reads the rest
            return
        if self._in_body and not self.flow.read_paused and self._came < BODY_BYTES_PER_SECOND * BODY_SECONDS:
            self._refuse(RequestError("the request's body came too slowly", hint=_HINT), 408)
            return
        if self._in_body:
            self._came = 0
        self._watch = self.loop.call_later(BODY_SECONDS, self._look)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, error: AkatsukiError, status: int) -> None:
        """Answers by itself, where no answer was begun, and closes the connection."""
        log.debug("a connection is closed: %s", error.message)
        self._stop_watching()
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle
        ours = self._in_headers or not self._answering()
        if self._answering():
            if ours or cycle.response_started:
                self.transport.abort()  # another request's answer is under way: nothing can be said between
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_answer(error, status, self.server_state.default_headers))
        self.transport.close()

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _give_up_writing(self) -> None:
        log.debug("a connection is closed: nothing of the answer was read")
        self.transport.abort()


def _too_large() -> RequestTooLargeError:
    return RequestTooLargeError(
        f"the request's headers have more than {MAX_HEADER_BYTES} bytes, or there are more than {MAX_HEADERS}",
        hint="Send less of them.",
    )


def _answer(error: AkatsukiError, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    body = json.dumps(problems.problem(error) | {"status": status}, ensure_ascii=False).encode()
    lines = [
        *headers,
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    return b"".join([STATUS_LINE[status], *(b"%s: %s\r\n" % line for line in lines), b"\r\n", body])
