"""A raw connection: sends any bytes, and reads what comes until the server closes or is silent."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class Reply:
    """One answer that was read from a connection.

    Attributes:
        status: Its status.
        headers: Names small; those that came twice are joined by a comma.
        body: As long as its ``Content-Length`` says.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection to a server; a context manager.

    Args:
        host: An address.
        port: A port there.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), 20)
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, cls: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def send(self, data: bytes) -> bool:
        """Sends; False where the server has closed the connection."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def reply(self) -> Reply | None:
        """The next answer, or None where the server closed the connection without one."""
        while b"\r\n\r\n" not in self._held:
            if not self._more():
                return None
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self._held) < length:
            if not self._more():
                return None
        body, self._held = self._held[:length], self._held[length:]
        return Reply(int(first.split()[1]), headers, body)

    def replies(self) -> list[Reply]:
        """All answers until the server closes the connection, or says nothing more for a second."""
        found = []
        self._socket.settimeout(1)
        try:
            while (reply := self.reply()) is not None:
                found.append(reply)
        except TimeoutError:
            pass
        finally:
            self._socket.settimeout(20)
        return found

    def is_readable(self) -> bool:
        """Whether something came, or the connection was closed."""
        return bool(self._held) or bool(select.select([self._socket], [], [], 0)[0])

    def is_closed(self) -> bool:
        """Whether the server closes the connection now, without any more bytes."""
        return not self._held and not self._more()

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self._held += data
        return bool(data)


def request(method: str, path: str, token: str = "", *lines: str, body: bytes = b"", host: str = "localhost") -> bytes:
    """A request as bytes; lines are header lines as they are."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*head, *lines]).encode("latin-1") + b"\r\n\r\n" + body
