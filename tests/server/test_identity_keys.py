"""Public keys by URL: they change, the address fails, and nobody can make the service ask it all the time."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from akatsuki_wasm.errors import AuthenticationError, ServiceError
from akatsuki_wasm.server import jwks
from akatsuki_wasm.server.identity import Identity
from akatsuki_wasm.server.jwks import FRESH_S, MAX_BYTES, MAX_KEYS, REFETCH_S, STALE_S, KeySet, read_keys

from .identity_kit import jwk, key_server, signed
from .server_kit import BOB, is_problem, running, settings_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .identity_kit import KeyServer


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(jwks, "now", found)
    return found


def watched(url: str, act: Callable[[KeySet, list[str]], Awaitable[None]]) -> list[str]:
    """Runs a test's steps with a key set; returns what it was told."""
    told: list[str] = []

    async def run() -> None:
        keys = KeySet(url, lambda: told.append("changed"))
        try:
            await act(keys, told)
        finally:
            await keys.close()

    asyncio.run(run())
    return told


async def background(keys: KeySet) -> None:
    """Waits for a fetch that nobody waits for."""
    while keys.is_fetching:
        await asyncio.sleep(0.001)


def test_a_new_key_is_found_and_a_key_that_is_taken_back_ends_its_tokens(clock: Clock) -> None:
    async def act(server: KeyServer) -> None:
        identity = Identity(settings_of(jwt_secret=None, jwt_jwks_url=server.url))
        first, second = signed("ES256", "first"), signed("ES256", "second")
        header = f"Bearer {first}".encode()
        assert await identity.user_of_header(header) == BOB
        assert identity.remembered(header) == BOB
        with pytest.raises(AuthenticationError, match="a key that is not known"):
            await identity.user(second)

        server.document = {"keys": [jwk("ES256", "second"), jwk("ES256", "first")]}
        clock.now += REFETCH_S
        assert await identity.user(second) == BOB
        assert identity.remembered(header) == BOB

        server.document = {"keys": [jwk("ES256", "second")]}
        clock.now += FRESH_S + 1
        assert await identity.user(second) == BOB  # what is known serves while it is fetched
        while identity.remembered(header) is not None:
            await asyncio.sleep(0.001)
        clock.now += REFETCH_S
        with pytest.raises(AuthenticationError, match="a key that is not known"):
            await identity.user(first)
        await identity.close()

    with key_server(jwk("ES256", "first")) as server:
        asyncio.run(act(server))


def test_a_key_that_is_exchanged_under_its_name_ends_its_tokens(clock: Clock) -> None:
    async def act(keys: KeySet, told: list[str]) -> None:
        before = await keys.key("a", "ES256")
        server.document = {"keys": [jwk("ES256", "other", kid="a")]}
        clock.now += FRESH_S + 1
        assert await keys.key("a", "ES256") is before
        await background(keys)
        assert told == ["changed"]
        assert await keys.key("a", "ES256") is not before

    with key_server(jwk("ES256", "a")) as server:
        watched(server.url, act)


def test_unknown_keys_make_one_fetch_in_a_while_however_many_there_are(clock: Clock) -> None:
    async def act(keys: KeySet, told: list[str]) -> None:
        await asyncio.gather(*(keys.key(f"forged-{each}", "ES256") for each in range(200)))
        assert server.asked == 1
        for each in range(200):
            assert await keys.key(f"again-{each}", "ES256") is None
        assert server.asked == 1
        clock.now += REFETCH_S
        await asyncio.gather(*(keys.key(f"later-{each}", "ES256") for each in range(200)))
        assert server.asked == 2
        assert await keys.key("a", "ES256") is not None
        assert await keys.key("a", "RS256") is None

    with key_server(jwk("ES256", "a")) as server:
        assert watched(server.url, act) == []


def test_while_the_address_fails_known_keys_serve_for_a_time(clock: Clock) -> None:
    async def act(keys: KeySet, told: list[str]) -> None:
        assert await keys.key("a", "ES256") is not None
        server.status = 500
        clock.now += STALE_S - 1
        assert await keys.key("a", "ES256") is not None
        await background(keys)
        with pytest.raises(ServiceError, match="the keys that tokens are checked with cannot be had: it answered 500"):
            await keys.key("b", "ES256")  # it may be a new one
        clock.now += 2
        with pytest.raises(ServiceError) as caught:
            await keys.key("a", "ES256")
        assert caught.value.retry_after == REFETCH_S
        server.status = 200
        clock.now += REFETCH_S
        assert await keys.key("a", "ES256") is not None

    with key_server(jwk("ES256", "a")) as server:
        watched(server.url, act)


def big(server: KeyServer) -> None:
    server.document = b'{"keys": [' + b" " * MAX_BYTES + b"]}"


def packed(server: KeyServer) -> None:
    server.document = gzip.compress(b'{"keys": [' + b" " * MAX_BYTES + b"]}")
    server.headers = {"Content-Encoding": "gzip"}


def slow(server: KeyServer) -> None:
    server.pause_s = 2.5


def elsewhere(server: KeyServer) -> None:
    server.status, server.headers = 302, {"Location": server.url + "?again"}


def no_json(server: KeyServer) -> None:
    server.document = b"<html>"


def deep(server: KeyServer) -> None:
    server.document = b"[" * 100_000


def no_keys(server: KeyServer) -> None:
    server.document = ["keys"]


@pytest.mark.parametrize("spoil", [big, packed, slow, elsewhere, no_json, deep, no_keys])
def test_an_answer_that_is_no_key_set_serves_for_nothing(
    spoil: Callable[[KeyServer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_S", 1.0 if spoil is slow else 20.0)

    async def act(keys: KeySet, told: list[str]) -> None:
        for _ in range(2):
            with pytest.raises(ServiceError, match="the keys that tokens are checked with cannot be had: "):
                await keys.key("a", "ES256")

    with key_server(jwk("ES256", "a")) as server:
        spoil(server)
        watched(server.url, act)
        assert server.asked == 1


def test_an_address_where_nobody_listens_is_a_503_and_hmac_tokens_still_serve() -> None:
    with key_server() as server:
        url = server.url
    with running(jwt_jwks_url=url) as service:
        with service.client(BOB) as client:
            assert client.get("/api/me").status_code == 200
        with service.client() as client:
            answer = client.get("/api/me", headers={"Authorization": f"Bearer {signed('ES256', 'a')}"})
        assert answer.headers["retry-after"] == "10"
        assert is_problem(answer, 503, "service")["detail"].startswith("the keys that tokens are checked with")


def test_the_service_answers_others_while_keys_are_fetched() -> None:
    with key_server(jwk("ES256", "a")) as server:
        server.pause_s = 1.0
        with running(jwt_jwks_url=server.url) as service:

            async def act() -> tuple[float, int]:
                async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
                    headers = {"Authorization": f"Bearer {signed('ES256', 'a')}"}
                    waiting = asyncio.create_task(client.get("/api/me", headers=headers))
                    while not server.asked:
                        await asyncio.sleep(0.01)
                    assert (await client.get("/api/me")).status_code == 401
                    early = not waiting.done()
                    return early, (await waiting).status_code

            assert asyncio.run(act()) == (True, 200)


def test_a_client_that_goes_away_does_not_end_the_fetch_for_others() -> None:
    async def act(keys: KeySet, told: list[str]) -> None:
        first = asyncio.create_task(keys.key("a", "ES256"))
        second = asyncio.create_task(keys.key("a", "ES256"))
        while not server.asked:
            await asyncio.sleep(0.001)
        first.cancel()
        assert await second is not None

    with key_server(jwk("ES256", "a")) as server:
        server.pause_s = 0.2
        watched(server.url, act)
        assert server.asked == 1


USELESS: dict[str, Any] = {
    "a secret": {"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"},
    "for encryption": jwk("RS256", "a", use="enc"),
    "not for verifying": jwk("RS256", "a", key_ops=["encrypt"]),
    "another algorithm": jwk("RS256", "a", alg="RSA-OAEP"),
    "HMAC with an RSA key": jwk("RS256", "a", alg="HS256"),
    "another curve": jwk("P-384", "a"),
    "a short one": jwk("short", "a"),
    "a point that is none": jwk("ES256", "a", x="AAAA"),
    "a number that is none": jwk("RS256", "a", n=7),
    "a name that is none": jwk("ES256", "a", kid=["a"]),
    "private": jwk("ES256", "a", d="AAAA"),
    "text": "key",
}


@pytest.mark.parametrize("name", USELESS)
def test_a_key_that_tokens_cannot_be_checked_with_is_left_out(name: str) -> None:
    found = read_keys(json.dumps({"keys": [USELESS[name], jwk("ES256", "good")]}).encode())
    assert list(found) == [("good", "ES256")]


def test_a_set_is_read_to_a_limit_and_the_first_of_a_name_counts() -> None:
    many = [jwk("ES256", "a", kid=f"{each}") for each in range(MAX_KEYS + 5)]
    assert len(read_keys(json.dumps({"keys": many}).encode())) == MAX_KEYS
    twice = read_keys(json.dumps({"keys": [jwk("ES256", "a"), jwk("ES256", "b", kid="a")]}).encode())
    assert (
        twice["a", "ES256"].key.public_numbers().x
        == read_keys(json.dumps({"keys": [jwk("ES256", "a")]}).encode())["a", "ES256"].key.public_numbers().x
    )


def test_the_time_of_an_address_is_bounded_also_where_it_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, all of them never."""
    monkeypatch.setattr(jwks, "FETCH_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                try:
                    while not ended.wait(0.05):
                        connection.sendall(b" ")
                except OSError:
                    pass  # who asked had enough

        thread = threading.Thread(target=drip)
        thread.start()

        async def act(keys: KeySet, told: list[str]) -> None:
            began = time.monotonic()
            with pytest.raises(ServiceError):
                await keys.key("a", "ES256")
            assert time.monotonic() - began < 20

        try:
            watched(f"http://127.0.0.1:{listener.getsockname()[1]}/", act)
        finally:
            ended.set()
            thread.join()
