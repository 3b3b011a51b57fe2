"""Connections that can be cut from outside while their answer is waited for: a server cancels what nobody waits for."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import ExecutionCancelled, ServerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from akatsuki_wasm.contracts import Control
    from akatsuki_wasm.remote.client import Client

_LOOK_S = 0.02
"""How often it is looked whether an execution was cancelled."""


class Line:
    """One connection, made anew where the server closed it.

    Args:
        client: Says where to, and for whom.
    """

    def __init__(self, client: Client) -> None:
        self.http = client.open_connections()
        self._stream: Any = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hears of the steps of a request (httpx's extension ``trace``): which connection it is on."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]

    @property
    def options(self) -> dict[str, Any]:
        """What each of its requests must be sent with."""
        return {"extensions": {"trace": self.trace}}

    def cut(self) -> None:
        """Ends the connection, from another thread than the one that waits on it."""
        found = None if self._stream is None else self._stream.get_extra_info("socket")
        if found is None:
            return
        try:
            # Of the plain socket: TLS's own would wait for the other thread.
            socket.socket.shutdown(found, socket.SHUT_RDWR)
        except OSError:  # it has ended by itself
            return


class Lines:
    """The connections of one client that can be cut; each serves one request at a time.

    Args:
        client: Says where to, and for whom.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._idle: list[Line] = []
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, control: Control) -> Iterator[Line]:
        """A connection for the time of the block, which `control` cuts.

        Raises:
            ExecutionCancelled: It was cut before the block, or the block failed because of it.
        """
        with self._lock:
            line = self._idle.pop() if self._idle else Line(self._client)
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_LOOK_S):
                if control.cancelled:
                    line.cut()  # and again, where the connection was not there yet

        watcher = threading.Thread(target=watch, name="akatsuki-cancel", daemon=True)
        watcher.start()
        try:
            if control.cancelled:
                raise ExecutionCancelled("the execution was cancelled")
            yield line
        except ServerUnreachableError as exc:
            if not control.cancelled:
                raise
            raise ExecutionCancelled("the execution was cancelled") from exc
        finally:
            done.set()
            watcher.join()
            if control.cancelled:
                line.http.close()
            else:
                with self._lock:
                    self._idle.append(line)

    def send(self, control: Control, method: str, path: str, **options: Any) -> httpx.Response:
        """As `Client.send`, until `control` cancels it.

        Raises:
            ExecutionCancelled: It did.
        """
        with self.taken(control) as line:
            return self._client.sent(line.http, method, path, repeat=False, **options, **line.options)

    def close(self) -> None:
        """Closes the connections that serve nobody."""
        with self._lock:
            lines, self._idle = self._idle, []
        for line in lines:
            line.http.close()
