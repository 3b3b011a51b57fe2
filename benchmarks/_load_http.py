"""A small HTTP/1.1 client for load: one connection each, no more work for an answer than reading it.

A general client costs more processor time than the service that it asks, which on a small machine is then not measured.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SECONDS = 90.0
"""An answer that takes longer is one that never comes: the longest execution is 30 s, and waiting for a slot 10 s."""


class GoneError(Exception):
    """The connection ended before an answer was whole."""


class NoAnswerError(Exception):
    """The connection stands, and nothing came in `ANSWER_SECONDS`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: status, headers with small names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A kept connection to one server; it connects anew where the server closed it.

    Args:
        host: An address.
        port: A port there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Sends a request and reads its answer.

        Raises:
            GoneError: The connection could not be made, or ended before the answer was whole.
            NoAnswerError: Nothing came for too long.
        """
        await self.send(method, path, headers, body)
        return await self.answer()

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, announced: int | None = None
    ) -> None:
        """Sends a request.

        Args:
            method: Such as POST.
            path: With its query.
            headers: Beside those of the connection and the body.
            body: All of the body, or its beginning.
            announced: Bytes that the body is said to have.
        """
        head = [f"{method} {path} HTTP/1.1", f"host: {self.host}:{self.port}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if body or announced is not None or method != "GET":
            head.append(f"content-length: {len(body) if announced is None else announced}")
        data = "\r\n".join(head).encode() + b"\r\n\r\n" + body
        fresh = self._writer is None
        try:
            writer = await self._connected()
            writer.write(data)
            await writer.drain()
        except OSError as exc:
            self.close()
            if fresh:
                raise GoneError(str(exc)) from exc
            await self.send(method, path, headers, body, announced=announced)  # the server closed an idle connection

    async def answer(self) -> Answer:
        """Reads the answer to what was sent."""
        assert self._reader is not None
        try:
            return await asyncio.wait_for(self._read(self._reader), ANSWER_SECONDS)
        except asyncio.CancelledError:
            self.close()  # what comes yet would be taken for the next one's answer
            raise
        except TimeoutError as exc:
            self.close()
            raise NoAnswerError from exc
        except (OSError, EOFError, ValueError) as exc:
            self.close()
            raise GoneError(f"{type(exc).__name__}: {exc}") from exc

    def close(self) -> None:
        """Closes it at once, in the middle of whatever it does."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            with contextlib.suppress(OSError, RuntimeError):
                writer.transport.abort()

    async def _connected(self) -> asyncio.StreamWriter:
        if self._writer is None or self._writer.is_closing() or (self._reader and self._reader.at_eof()):
            self.close()
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port, limit=2**20)
        return self._writer

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        headers = {}
        for line in head[1:-2]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join([chunk async for chunk in _chunks(reader)])
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, body)


async def _chunks(reader: asyncio.StreamReader):  # type: ignore[no-untyped-def]  # an async generator of bytes
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
