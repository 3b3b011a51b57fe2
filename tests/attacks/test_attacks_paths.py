"""Ids and paths as they should not be: none reaches another thing, a file, or a failure that nobody foresaw."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import pytest
from server.server_kit import BOB, EVE, token_of

from .wire import request

if TYPE_CHECKING:
    from .conftest import Victim

EXECUTOR = "/functions/v1/wasm-executor"


def spellings(id_: str) -> dict[str, str]:
    """Other ways to write an id, as they stand in a path."""
    full_width = id_.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
    arabic = id_.translate({ord(str(digit)): 0x0660 + digit for digit in range(10)})
    return {
        "upper case": id_.upper(),
        "braces": quote("{" + id_ + "}"),
        "urn": quote(f"urn:uuid:{id_}", safe=""),
        "no hyphens": id_.replace("-", ""),
        "hyphens elsewhere": "-".join(id_.replace("-", "")),
        "digits of full width": quote(full_width),
        "Arabic digits": quote(arabic),
        "space before": "%20" + id_,
        "newline behind": id_ + "%0a",
        "NUL behind": id_ + "%00",
        "NUL and more behind": id_ + "%00.wasm",
        "semicolon": id_ + ";jsessionid=1",
        "dot": id_ + ".",
        "percent twice": id_.replace("-", "%252d"),
        "overlong UTF-8": id_.replace("-", "%c0%ad"),
        "half a surrogate pair": id_ + "%ed%a0%80",
        "slash behind": id_ + "/",
        "slashes before": "/" + id_,
        "dots before": "%2e%2e/modules/" + id_,
        "slash as %2f": "..%2fmodules%2f" + id_,
        "backslash": "..%5cmodules%5c" + id_,
    }


NAMES = list(spellings(str(uuid4())))


@pytest.mark.parametrize("name", NAMES)
def test_another_spelling_of_anothers_id_finds_nothing(victim: Victim, name: str) -> None:
    token = token_of(EVE)
    for path in ("/api/modules/{}", "/api/modules/{}/wasm", "/api/modules/{}/source", "/api/modules/{}/stats"):
        answers = []
        for id_ in (str(victim.private.id), str(uuid4())):
            with victim.wire() as wire:
                wire.send(request("GET", path.format(spellings(id_)[name]), token, "Connection: close"))
                reply = wire.reply()
            assert reply is not None
            answers.append(reply.status)
            assert not any(secret.encode() in reply.body for secret in victim.secrets[1:])
        assert answers[0] == answers[1]
        assert answers[0] in (400, 404, 307), answers


@pytest.mark.parametrize("name", NAMES)
def test_another_spelling_of_ones_own_id_is_that_module_or_none(victim: Victim, name: str) -> None:
    with victim.wire() as wire:
        path = f"/api/modules/{spellings(str(victim.private.id))[name]}"
        wire.send(request("GET", path, token_of(BOB), "Connection: close"))
        reply = wire.reply()
    assert reply is not None
    assert reply.status in (200, 307, 400, 404)
    if reply.status == 307:  # to the same without the slash, on this service
        assert reply.headers["location"].startswith(("/", "http://localhost/api/modules/"))


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/../../etc/passwd",
        "/api/modules/..%2f..%2f..%2f..%2fetc%2fpasswd/wasm",
        "/api/modules/%2e%2e%2fregistry.db/source",
        "//etc/passwd",
        "/api/modules/sha256%2fab/wasm",
        "/api/modules/file:%2f%2f%2fetc%2fpasswd/wasm",
        "/static/../akatsuki_wasm/config.py",
        "/.env",
        "/docs",
        "/redoc",
    ],
)
def test_no_path_leads_to_a_file(victim: Victim, path: str) -> None:
    with victim.wire() as wire:
        wire.send(request("GET", path, token_of(BOB), "Connection: close"))
        reply = wire.reply()
    assert reply is not None
    assert reply.status in (400, 404), (path, reply)
    assert b"root:" not in reply.body
    assert b"import annotations" not in reply.body


@pytest.mark.parametrize("length", [300, 8_000, 60_000])
def test_an_endless_id_is_none(victim: Victim, length: int) -> None:
    with victim.wire() as wire:
        wire.send(request("GET", "/api/modules/" + "a" * length, token_of(BOB), "Connection: close"))
        reply = wire.reply()
    assert reply is not None
    assert reply.status in (400, 404, 414, 431)
    assert len(reply.body) < 2_000, "an error does not repeat all that was sent"


@pytest.mark.parametrize("name", NAMES)
def test_the_executor_takes_no_other_spelling_of_anothers_id(victim: Victim, name: str) -> None:
    from urllib.parse import unquote_to_bytes

    spelt = unquote_to_bytes(spellings(str(victim.private.id))[name]).decode("utf-8", "replace")
    with victim.running.client(EVE) as eve:
        response = eve.post(EXECUTOR, json={"moduleId": spelt, "functionName": "add", "args": [1]})
    assert response.status_code in (400, 404), response.text
    assert victim.private.name not in response.text


@pytest.mark.parametrize(
    "reference",
    [
        *("../bobs-own", "bobs-own\0", "@1.0.0", "bobs-own@1.0.0@1.0.0", "", "*", "%", "_obs-own", "BOBS-OWN"),
        *("bobs-own' or '1'='1", 'bobs-own"; drop table wasm_modules; --', "ｂobs-own", "a" * 40_000),
    ],
)
def test_a_reference_is_a_name_and_no_pattern_and_no_statement(victim: Victim, reference: str) -> None:
    with victim.running.client(BOB) as bob:
        response = bob.get("/api/modules/resolve", params={"reference": reference})
        assert response.status_code in (400, 404, 422, 431), response.text
        assert len(response.text) < 2_000
        assert bob.get(f"/api/modules/{victim.private.id}").status_code == 200


def test_a_method_of_another_name_changes_nothing(victim: Victim) -> None:
    path = f"/api/modules/{victim.private.id}"
    with victim.running.client(BOB) as bob:
        for headers in (
            {"X-HTTP-Method-Override": "DELETE"},
            {"X-Method-Override": "DELETE"},
            {"X-Original-URL": f"{path}/disable"},
            {"X-Rewrite-URL": f"{path}/disable"},
        ):
            assert bob.get(f"{path}?_method=DELETE", headers=headers).status_code in (200, 400)
            assert bob.post(path, headers=headers).status_code == 405
        for method in ("TRACE", "CONNECT", "PUT", "PROPFIND", "delete"):
            with victim.wire() as wire:
                wire.send(request(method, path, token_of(BOB), "Connection: close"))
                reply = wire.reply()
            assert reply is not None
            assert reply.status in (400, 404, 405), method
        assert bob.get(path).json()["status"] == "active"
