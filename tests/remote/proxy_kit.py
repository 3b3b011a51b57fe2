"""A proxy of TCP connections that can cut them: what a network does to a client."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Proxy:
    """Hands bytes on in both directions.

    Attributes:
        url: Of the proxy.
        connections: How many were made.
        lose_answer_to: A request that begins so gets no answer: the connection ends instead, once.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.lose_answer_to: bytes | None = None
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept)

    def _run(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]  # any function
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self._target)
            with self._lock:
                self._sockets += [client, server]
            loses = threading.Event()
            self._run(self._pump, client, server, loses, True)
            self._run(self._pump, server, client, loses, False)

    def _pump(self, source: socket.socket, sink: socket.socket, loses: threading.Event, is_request: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_request and self.lose_answer_to is not None and data.startswith(self.lose_answer_to):
                    self.lose_answer_to = None
                    loses.set()
                if not is_request and loses.is_set():
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Ends all connections that there are; new ones are taken."""
        with self._lock:
            found, self._sockets = self._sockets, []
        for each in found:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """Ends it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy in front of a URL."""
    made = Proxy(target)
    try:
        yield made
    finally:
        made.close()
