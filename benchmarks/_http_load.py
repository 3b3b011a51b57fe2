"""A light HTTP client for benchmarks: clients that each keep one connection busy, one request after the other.

It takes a few microseconds for a request, so that what is measured is the server. In a process of its own: reads tasks
as JSON lines ``{"port", "clients", "seconds", "head", "body"}`` and answers each with ``{"seconds", "times", "status",
"last"}``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from typing import Any

import uvloop


class Client(asyncio.Protocol):
    """One connection. Sends, waits for the whole answer, notes the time, and sends again."""

    def __init__(self, request: bytes, until: float, times: list[float], statuses: dict[str, int]) -> None:
        self._request, self._until, self._times, self._statuses = request, until, times, statuses
        self._buffer = bytearray()
        self._length = -1
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._started = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            self._status = head[9:12].decode()
            self._length = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self._buffer) < self._length:
            return
        now = time.perf_counter()
        self._times.append(now - self._started)
        self._statuses[self._status] = self._statuses.get(self._status, 0) + 1
        self._last = bytes(self._buffer[-200:])
        self._buffer.clear()
        self._length = -1
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(task: dict[str, object]) -> dict[str, object]:
    """One task."""
    loop = asyncio.get_running_loop()
    body = base64.b64decode(str(task["body"]))
    head = f"{task['head']}Host: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    times: list[float] = []
    statuses: dict[str, int] = {}
    started = time.perf_counter()
    until = started + float(str(task["seconds"]))
    clients = [
        (await loop.create_connection(lambda: Client(head + body, until, times, statuses), "127.0.0.1", task["port"]))[
            1
        ]
        for _ in range(int(str(task["clients"])))
    ]
    await asyncio.gather(*(each.done for each in clients))
    return {
        "seconds": time.perf_counter() - started,
        "times": times,
        "status": statuses,
        "last": clients[0]._last.decode("latin-1"),
    }


def main() -> None:
    """Does tasks until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(uvloop.run(run(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
