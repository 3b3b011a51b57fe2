"""Requests as no client sends them: two lengths, folded lines, chunks that lie, headers without end, bytes that drip.

What counts is that no byte of a body becomes a request of its own, and that no connection is held for ever.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING

import pytest
from server.server_kit import BOB, token_of

from akatsuki_wasm.server import protocol

from .wire import Reply, request

if TYPE_CHECKING:
    from .conftest import Victim

EXECUTOR = "/functions/v1/wasm-executor"
JSON = "Content-Type: application/json"
SMUGGLED = b"GET /api/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""A request that would be answered 401: another answer than anything else here has."""


def ask(victim: Victim, *parts: bytes) -> list[Reply]:
    """All answers to what is sent on one connection."""
    with victim.wire() as wire:
        for part in parts:
            if not wire.send(part):
                break
        return wire.replies()


def alone(found: list[Reply], *statuses: int) -> None:
    """Just one answer, of one of these statuses: what was smuggled was not answered."""
    assert [reply.status for reply in found] in [[status] for status in statuses], found


AMBIGUOUS = {
    "a length and chunks": ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "chunks and a length": ["Transfer-Encoding: chunked", "Content-Length: 4"],
    "two lengths": [f"Content-Length: {len(SMUGGLED)}", "Content-Length: 0"],
    "two lengths in one": [f"Content-Length: 0, {len(SMUGGLED)}"],
    "a negative length": ["Content-Length: -1"],
    "a length with a sign": ["Content-Length: +0"],
    "a length in hexadecimal": ["Content-Length: 0x0"],
    "a length with an underscore": ["Content-Length: 0_0"],
    "a length beyond all numbers": ["Content-Length: 99999999999999999999999999"],
    "no number": ["Content-Length: zero"],
    "chunks twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    "chunks in disguise": ["Transfer-Encoding: xchunked"],
    "chunks behind a tab": ["Transfer-Encoding:\tchunked, identity"],
    "a space before the colon": ["Content-Length : 0"],
    "a folded line": ["X-A: b", " Content-Length: 0"],
    "a folded length": ["Content-Length:", " 0"],
    "a header without a name": [": x"],
    "a header without a colon": ["Content-Length 0"],
    "NUL in a header": ["X-A: a\0b"],
    "a carriage return in a header": ["X-A: a\rContent-Length: 0"],
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_length_that_can_be_read_in_two_ways_is_read_in_none(victim: Victim, name: str) -> None:
    head = request("POST", EXECUTOR, token_of(BOB), JSON, *AMBIGUOUS[name])
    found = ask(victim, head + b"0\r\n\r\n" + SMUGGLED)
    assert 401 not in [reply.status for reply in found[:1]]
    if name in ("a folded line",):  # a part of X-A, as the old specification said
        assert found
        assert len(found) <= 1
        return
    alone(found, 400, 413)


@pytest.mark.parametrize("ends", [b"\n", b"\r"])
def test_lines_end_with_both_characters(victim: Victim, ends: bytes) -> None:
    bare = request("GET", "/healthz").replace(b"\r\n", ends)
    found = ask(victim, bare + SMUGGLED)
    assert [reply.status for reply in found] in ([400], [])


CHUNKS = {
    "a size that is negative": b"-1\r\nx\r\n0\r\n\r\n",
    "a size that is no number": b"zz\r\nx\r\n0\r\n\r\n",
    "a size with a prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size beyond all numbers": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "more bytes than it says": b"2\r\n{}}}\r\n0\r\n\r\n",
    "no end of the line": b"2\n{}\n0\n\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_that_lie_end_the_connection(victim: Victim, name: str) -> None:
    head = request("POST", EXECUTOR, token_of(BOB), JSON, "Transfer-Encoding: chunked")
    alone(ask(victim, head + CHUNKS[name] + SMUGGLED), 400)


def test_chunk_extensions_and_trailers_change_nothing(victim: Victim) -> None:
    call = {"moduleId": str(victim.private.id), "functionName": "add", "args": [1]}
    body = json.dumps(call).encode()
    chunk = b"%x;name=value;%s\r\n%s\r\n" % (len(body), b"x" * 2000, body)
    head = request("POST", EXECUTOR, token_of(BOB), JSON, "Transfer-Encoding: chunked", "Trailer: Authorization")
    found = ask(victim, head + chunk + b"0\r\nAuthorization: Bearer of.somebody.else\r\nX-Forwarded-For: 1\r\n\r\n")
    assert [reply.status for reply in found] == [200]
    assert json.loads(found[0].body)["result"] == 4712


ENDLESS = {
    "trailers": (b"2\r\n{}\r\n0\r\n", b"X-A: %s\r\n" % (b"y" * 1000)),
    "one trailer": (b"2\r\n{}\r\n0\r\nX-A: ", b"y" * 1000),
    "an extension": (b"2;x=", b"y" * 1000),
    "a size": (b"", b"0" * 1000),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_is_around_chunks_has_an_end(victim: Victim, name: str) -> None:
    start, more = ENDLESS[name]
    with victim.wire() as wire:
        wire.send(request("POST", EXECUTOR, token_of(BOB), JSON, "Transfer-Encoding: chunked") + start)
        for _ in range(20_000):
            if not wire.send(more):
                return
        pytest.fail("20 MB that are no content were taken")


def test_small_chunks_are_a_body_as_any_other(victim: Victim) -> None:
    call = {"moduleId": str(victim.private.id), "functionName": "add", "args": [1]}
    body = json.dumps(call).encode() + b" " * 200_000
    head = request("POST", EXECUTOR, token_of(BOB), JSON, "Transfer-Encoding: chunked")
    found = ask(victim, head, b"".join(b"1\r\n%c\r\n" % each for each in body), b"0\r\n\r\n")
    assert [reply.status for reply in found] == [200]


def test_pipelined_requests_are_answered_in_order_each_with_its_own_token(victim: Victim) -> None:
    bob = request("GET", "/api/me", token_of(BOB))
    found = ask(victim, bob + SMUGGLED + bob)
    assert [reply.status for reply in found] == [200, 401, 200]


def test_a_body_that_is_refused_unread_is_no_request(victim: Victim) -> None:
    """The rest of a body that is too large must not be read as the next request."""
    size = 5 * 1024 * 1024
    head = request("POST", EXECUTOR, token_of(BOB), JSON, f"Content-Length: {size}")
    found = ask(victim, head + SMUGGLED * 3)
    alone(found, 413)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"])
@pytest.mark.parametrize("path", [EXECUTOR, "/api/modules", "/api/designs", "/api/session"])
def test_an_encoded_body_is_not_inflated(victim: Victim, path: str, coding: str) -> None:
    bomb = gzip.compress(b" " * 30_000_000)
    with victim.running.client(BOB) as bob:
        kind = "multipart/form-data; boundary=b" if path == "/api/modules" else "application/json"
        headers = {"Content-Encoding": coding, "Content-Type": kind}
        response = bob.post(path, content=bomb, headers=headers)
    assert response.status_code in (400, 413, 415), response.text


def test_an_encoding_of_the_transfer_is_not_inflated_either(victim: Victim) -> None:
    head = request("POST", EXECUTOR, token_of(BOB), JSON, "Transfer-Encoding: gzip, chunked")
    bomb = gzip.compress(b" " * 1_000_000)
    found = ask(victim, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb))
    alone(found, 400, 501)


@pytest.mark.parametrize(
    "lines",
    [
        ["X: " + "a" * 200_000],
        ["X" * 200_000 + ": a"],
        [f"X-{number}: a" for number in range(5_000)],
        [f"X-{number}: {'a' * 400}" for number in range(190)],
        ["Cookie: " + "; ".join(f"c{number}=1" for number in range(20_000))],
    ],
    ids=["a long value", "a long name", "many", "many long ones", "cookies"],
)
def test_headers_have_a_bound(victim: Victim, lines: list[str]) -> None:
    alone(ask(victim, request("GET", "/healthz", "", *lines)), 400, 431)


def test_a_line_without_an_end_is_ended(victim: Victim) -> None:
    with victim.wire() as wire:
        wire.send(b"GET /")
        for _ in range(1_000):
            if not wire.send(b"a" * 10_000):
                return
        pytest.fail("10 MB of an address were taken")


@pytest.mark.parametrize(
    "start",
    [
        *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 5000),
        *(b"SSH-2.0-x\r\n", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", b"get / http/1.1\r\n\r\n"),
    ],
    ids=["TLS", "HTTP/2", "NUL", "SSH", "HTTP/9.9", "small letters"],
)
def test_another_protocol_is_refused(victim: Victim, start: bytes) -> None:
    found = ask(victim, start)
    assert [reply.status for reply in found] in ([400], [505], [])


def test_an_upgrade_is_no_way_around(victim: Victim) -> None:
    lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=="]
    found = ask(victim, request("GET", "/api/me", "", *lines, "Sec-WebSocket-Version: 13"))
    alone(found, 401, 400)
    found = ask(victim, request("GET", "/api/me", "", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"))
    alone(found, 401, 400)


# ---------------------------------------------------------------- slow ones


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """The service's patience, made short."""
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.4)
    return 0.4


PATIENCE = 15.0
"""Within which a connection that drips must be closed, on the busiest machine."""


def dripping(victim: Victim, start: bytes, drop: bytes) -> Reply | None:
    """Sends a beginning, then a drop now and then; the answer with which the connection was closed."""
    until = time.monotonic() + PATIENCE
    with victim.wire() as wire:
        wire.send(start)
        while time.monotonic() < until:
            time.sleep(0.05)
            if not wire.send(drop):
                return None
            if wire.is_readable():
                return wire.reply()
    pytest.fail(f"the connection was held for {PATIENCE:g} s")


def test_headers_that_drip_end_the_connection(victim: Victim, short: float) -> None:
    reply = dripping(victim, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X: a\r\n")
    assert reply is None or reply.status == 408


def test_a_first_line_that_drips_ends_the_connection(victim: Victim, short: float) -> None:
    reply = dripping(victim, b"GET /", b"a")
    assert reply is None or reply.status == 408


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (EXECUTOR, JSON),
        (EXECUTOR, "Content-Type: multipart/form-data; boundary=b"),
        (f"{EXECUTOR}?moduleId=x&functionName=y", "Content-Type: image/png"),
        ("/api/modules", "Content-Type: multipart/form-data; boundary=b"),
        ("/api/designs", JSON),
        ("/api/session", JSON),
    ],
)
@pytest.mark.parametrize("length", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_body_that_drips_ends_the_connection(victim: Victim, short: float, path: str, kind: str, length: str) -> None:
    drop = b" " if "Length" in length else b"1\r\n \r\n"
    reply = dripping(victim, request("POST", path, token_of(BOB), kind, length), drop)
    # What is refused before its body is read is refused at once.
    assert reply is None or reply.status in (400, 404, 408)


def test_a_body_that_was_refused_does_not_go_on_for_ever(victim: Victim, short: float) -> None:
    """The answer was 413; what comes after it is thrown away, but only for a while."""
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    until = time.monotonic() + PATIENCE
    with victim.wire() as wire:
        wire.send(request("POST", EXECUTOR, token_of(BOB), JSON, "Transfer-Encoding: chunked"))
        while wire.send(chunk):
            if time.monotonic() > until:
                pytest.fail(f"the connection was held for {PATIENCE:g} s")


def test_connections_that_say_nothing_are_closed(victim: Victim, short: float) -> None:
    wires = [victim.wire() for _ in range(50)]
    try:
        for wire in wires:
            assert wire.is_closed()
        with victim.running.client() as client:
            assert client.get("/healthz").status_code == 200
    finally:
        for wire in wires:
            wire.__exit__(None, None, None)


def test_many_that_drip_keep_nobody_waiting(victim: Victim) -> None:
    wires = [victim.wire() for _ in range(100)]
    try:
        for wire in wires:
            wire.send(request("POST", EXECUTOR, token_of(BOB), JSON, "Content-Length: 1000") + b"{")
        call = {"moduleId": str(victim.private.id), "functionName": "add", "args": [1]}
        with victim.running.client(BOB) as bob:
            assert bob.post(EXECUTOR, json=call).json()["result"] == 4712
    finally:
        for wire in wires:
            wire.__exit__(None, None, None)
