"""Clients that are slow but honest, clients that read nothing, and the host that a request asks for."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from akatsuki_wasm.server import protocol
from akatsuki_wasm.server.hosts import HostCheck

from .server_kit import BOB, running, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server_kit import Running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(data_dir=tmp_path_factory.mktemp("data")) as found:
        yield found


def connection(service: Running) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # before it connects: the window is said there
    found.settimeout(30)
    found.connect(("127.0.0.1", httpx.URL(service.url).port or 0))
    return found


def test_a_body_that_comes_slowly_and_steadily_is_taken(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "BODY_BYTES_PER_SECOND", 100)
    body = json.dumps({"token": token_of(BOB)}).encode()
    assert len(body) > 300
    with connection(service) as client:
        client.sendall(
            b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        for start in range(0, len(body), 30):  # 600 bytes a second, and longer than a look takes to come
            client.sendall(body[start : start + 30])
            time.sleep(0.05)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_headers_in_many_pieces_are_taken_and_set_no_timer_for_later(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection(service) as client:
        for piece in (b"GET /api/me HT", b"TP/1.1\r\nHost: x\r\nAuthor", b"ization: Bearer " + token_of(BOB).encode()):
            client.sendall(piece)
            time.sleep(0.02)
        monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.1)
        client.sendall(b"\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
        time.sleep(0.4)  # an idle connection is kept longer than that
        client.sendall(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_answers_that_nobody_reads_end_the_connection(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "WRITE_SECONDS", 0.3)
    asked = 400
    with connection(service) as client:
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * asked)
        length = len(httpx.get(f"{service.url}/openapi.json").content)
        time.sleep(1)
        received = 0
        try:
            while data := client.recv(1 << 20):
                received += len(data)
        except ConnectionResetError:
            pass
        assert received < asked * length


NAMES = ("localhost", "127.0.0.1", "[::1]", "Akatsuki.example")


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ([b"localhost"], 200),
        ([b"LOCALHOST:8787"], 200),
        ([b"127.0.0.1:1"], 200),
        ([b"[::1]"], 200),
        ([b"[::1]:8787"], 200),
        ([b"akatsuki.EXAMPLE:443"], 200),
        ([], 421),
        ([b""], 421),
        ([b":8787"], 421),
        ([b"evil.example"], 421),
        ([b"localhost.evil.example"], 421),
        ([b"evil.example:localhost"], 421),
        ([b"localhost:80:80"], 421),
        ([b"user@localhost"], 421),
        ([b"[::2]"], 421),
        ([b"localhost", b"evil.example"], 421),
        ([b"localhost", b"localhost"], 421),
    ],
)
def test_only_requests_for_known_hosts_are_let_through(hosts: list[bytes], status: int) -> None:
    answers: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        answers.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "headers": [(b"accept", b"*/*"), *((b"host", each) for each in hosts)]}
    asyncio.run(HostCheck(app, NAMES)(scope, receive, send))
    assert answers[0]["status"] == status
    if status == 421:
        assert json.loads(answers[1]["body"])["status"] == 421
