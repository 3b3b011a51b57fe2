"""What a page of another site, or a text with the right characters in it, could make a browser or a log do."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from server.api_kit import store, upload
from server.server_kit import ADA, BOB, EVE, is_problem, token_of

from .test_attacks_tenants import BODIES, EXECUTOR, of_bob, operations
from .wire import request

if TYPE_CHECKING:
    import httpx

    from .conftest import Victim

EVIL = "https://evil.example"
CROSS_SITE = [
    {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Origin": EVIL, "Sec-Fetch-Site": "same-site"},
    {"Origin": EVIL},
    {"Origin": "null"},
]


@pytest.fixture(scope="module")
def cookie(victim: Victim) -> str:
    """The cookie of BOB's browser."""
    with victim.running.client() as client:
        response = client.post("/api/session", json={"token": token_of(BOB)})
        assert response.status_code == 200, response.text
        return response.headers["set-cookie"].partition(";")[0]


def test_the_cookie_works_for_the_services_own_pages(victim: Victim, cookie: str) -> None:
    with victim.running.client() as browser:
        own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
        assert browser.get(f"/api/modules/{victim.private.id}", headers=own).status_code == 200


@pytest.mark.parametrize("headers", CROSS_SITE, ids=lambda each: "/".join(each.values()).replace(EVIL, "evil"))
def test_no_endpoint_does_anything_for_another_sites_page(victim: Victim, cookie: str, headers: dict[str, str]) -> None:
    bodies: dict[tuple[str, str], Any] = {
        **BODIES,
        ("post", "/api/designs"): {"prompt": "add two numbers"},
        ("post", EXECUTOR): {"moduleId": str(victim.private.id), "functionName": "add", "args": [1]},
    }
    with victim.running.client() as browser:
        for method, path, operation in operations(browser):
            if not operation.get("security") or path == "/metrics":
                continue
            address = path
            if "{" in path:
                name = path[path.index("{") : path.index("}") + 1]
                address = path.replace(name, of_bob(victim, path))
            response = browser.request(
                method, address, json=bodies.get((method, path)), headers={**headers, "Cookie": cookie}
            )
            assert "access-control-allow-origin" not in response.headers
            if method == "get" and headers.get("Sec-Fetch-Mode") == "navigate":
                continue  # a link that was followed: it is shown to the user, and the other page cannot read it
            is_problem(response, 403, "permission-denied")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""]
)
def test_a_form_of_another_site_executes_nothing(victim: Victim, cookie: str, kind: str) -> None:
    """Requests that a browser sends without asking first."""
    body = json.dumps({"moduleId": str(victim.private.id), "functionName": "add", "args": [1]}).encode()
    lines = [f"Cookie: {cookie}", f"Origin: {EVIL}", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    with victim.wire() as wire:
        host = victim.running.url.partition("://")[2]
        wire.send(request("POST", EXECUTOR, "", *lines, body=body, host=host))
        reply = wire.reply()
    assert reply is not None
    assert reply.status == 403


@pytest.mark.parametrize("path", ["/api/modules", EXECUTOR, "/api/session", "/"])
def test_no_origin_is_let_in_by_itself(victim: Victim, path: str) -> None:
    with victim.running.client() as browser:
        for origin in (EVIL, "null", victim.running.url + ".evil.example"):
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            for method in ("OPTIONS", "GET"):
                response = browser.request(method, path, headers=asked)
                assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "query",
    [
        *("next=//evil.example", "next=https://evil.example", "redirect_to=https://evil.example", "url=//evil.example"),
        *(
            "token=a.b.c&next=//evil.example",
            "token=https://evil.example",
            "token=%0d%0aLocation:%20https://evil.example",
        ),
    ],
)
def test_no_address_redirects_elsewhere(victim: Victim, query: str) -> None:
    with victim.running.client() as browser:
        response = browser.get(f"/?{query}", headers={"Accept": "text/html"})
    assert "evil" not in response.headers.get("location", "")
    assert "evil.example" not in response.text


@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "//evil.example//", "/api/modules//", "/\\evil.example", "/%2f%2fevil.example/", "///"],
)
def test_no_slash_redirects_elsewhere(victim: Victim, target: str) -> None:
    with victim.wire() as wire:
        wire.send(request("GET", target, token_of(BOB), "Connection: close"))
        reply = wire.reply()
    assert reply is not None
    location = reply.headers.get("location", "")
    assert "evil" not in location
    assert location == "" or location.startswith(("/api/", "http://localhost/api/"))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80@localhost", "localhost\tevil", "", "a" * 5_000])
def test_the_host_that_is_asked_for_is_in_no_answer(victim: Victim, host: str) -> None:
    with victim.running.client(BOB) as bob:
        for path in ("/", "/api/me", "/openapi.json", "/api/modules", "/nowhere"):
            with victim.wire() as wire:
                wire.send(request("GET", path, token_of(BOB), "Accept: text/html", "Connection: close", host=host))
                reply = wire.reply()
            assert reply is not None
            assert reply.status in (200, 400, 404, 421)
            assert b"evil" not in reply.body
            assert "evil" not in str(reply.headers)
        response = bob.post("/api/designs", json={"prompt": "x" * 20_000}, headers={"X-Forwarded-Host": "evil.example"})
        assert "evil" not in response.text


# ---------------------------------------------------------------- texts that break out

SPLIT = "a\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
LINES = 'evil"} 1\nakatsuki_evil_total{a="b"} 1\n'


@pytest.mark.parametrize("text", [SPLIT, SCRIPT, LINES, "a\x1b[31m", "\u2028\u2029", "a\0b"])
def test_what_a_client_says_is_text_wherever_it_comes_back(victim: Victim, text: str) -> None:
    call = {"moduleId": str(victim.private.id), "functionName": text, "args": [text]}
    with victim.running.client(BOB) as bob:
        answers: list[httpx.Response] = [
            bob.post(EXECUTOR, json=call),
            bob.post(EXECUTOR, json={**call, "functionName": "add"}),
            bob.post(EXECUTOR, json={**call, "moduleId": text}),
            bob.post(
                EXECUTOR,
                params={**call, "args": json.dumps([text])},
                content=b"x",
                headers={"Content-Type": "image/png"},
            ),
            bob.get("/api/modules/resolve", params={"reference": text}),
            bob.get("/api/modules", params={"name": text, text: "1"}),
            bob.get("/api/executions", params={"cursor": text}),
            bob.post("/api/designs", json={"prompt": text, "name": text}),
            bob.post("/api/modules", files={text: b"", "module": b"{}"}),
        ]
        for response in answers:
            assert 400 <= response.status_code < 500, response.text
            assert response.headers["content-type"] == "application/problem+json"
            assert "evil" not in response.headers.get("set-cookie", "")
            assert "\n" not in response.json()["detail"]


def test_a_name_of_a_module_is_a_name(victim: Victim) -> None:
    with victim.running.client(EVE) as eve:
        for name in (SPLIT, SCRIPT, LINES, "../up", "a/b", "A", "a b", "-a", "a" * 64, "", "con\0", "é"):
            response = eve.post(
                "/api/modules", files={"wasm": b"\0asm\1\0\0\0", "module": json.dumps({"name": name}).encode()}
            )
            assert response.status_code in (400, 409, 422), (name, response.text)


def test_a_description_breaks_out_of_no_answer(victim: Victim) -> None:
    with victim.running.client(EVE) as eve, victim.running.client(ADA) as ada:
        made = upload(
            eve, name="scripted", version="1.0.0", description=SCRIPT + SPLIT + LINES, metadata={SCRIPT: LINES}
        )
        for client in (eve, ada):
            for path in ("/api/modules?name=scripted", f"/api/modules/{made['id']}", "/"):
                response = client.get(path, headers={"Accept": "text/html"})
                assert response.status_code == 200
                assert "set-cookie" not in response.headers
                assert SCRIPT not in response.text or response.headers["content-type"] == "application/json"
        response = eve.get(f"/api/modules/{made['id']}/wasm")
        assert response.headers["content-type"] == "application/wasm"
        assert response.headers.get("x-content-type-options") == "nosniff"
        figures = ada.get("/metrics").text
        assert "evil" not in figures
        assert "scripted" not in figures
        eve.delete(f"/api/modules/{made['id']}")


def test_a_source_that_is_a_page_is_shown_as_text(victim: Victim) -> None:
    page = f"// {SCRIPT}\n"
    stored = store(victim.running, EVE, "paged", 4714, source=page)
    with victim.running.client(EVE) as eve:
        response = eve.get(f"/api/modules/{stored.id}/source", headers={"Accept": "text/html"})
    assert response.text == page
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers.get("x-content-type-options") == "nosniff"


def test_metrics_have_no_label_of_a_clients_choice(victim: Victim) -> None:
    with victim.running.client(BOB) as bob:
        for number in range(30):
            bob.get(f"/nowhere/{quote(LINES)}{number}")
            bob.request(f"EVIL{number}", "/api/me")
            bob.get(f"/api/modules/evil-{number}")
        figures = bob.get("/metrics").text
    assert "evil" not in figures.lower()
    assert figures.count("\n") < 1_000


def test_a_line_of_the_log_is_one_line(victim: Victim, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    forged = "x\n2026-01-01 00:00:00 ERROR akatsuki_wasm: evil"
    with victim.running.client(BOB) as bob:
        call = {"moduleId": str(victim.private.id), "functionName": forged, "args": []}
        bob.post(EXECUTOR, json=call)
        bob.post(EXECUTOR, json={**call, "moduleId": forged})
        bob.get("/api/modules/resolve", params={"reference": forged})
        bob.get("/nowhere", params={"a": forged}, headers={"X-A": "b"})
        bob.post("/api/designs", json={"prompt": forged, "name": forged})
    for record in caplog.records:
        if record.name.startswith(("akatsuki_wasm", "uvicorn")):
            assert "\n" not in record.getMessage(), record.getMessage()


def test_an_event_ends_where_it_ends(victim: Victim) -> None:
    prompt = "x\n\nid: 99\nevent: done\ndata: {}\r\n\r\nevent: evil\rdata: 1\u2028\n\n"
    with victim.running.client(EVE) as eve:
        started = eve.post("/api/designs", json={"prompt": prompt, "name": "evented"})
        assert started.status_code == 202, started.text
        address = f"/api/designs/{started.json()['id']}"
        with eve.stream("GET", f"{address}/events") as response:
            text = response.read().decode()
        eve.post(f"{address}/cancel")
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event:")]
    assert "evil" not in kinds
    assert kinds[-1] in ("failed", "done", "cancelled")
    for line in text.split("\n"):
        assert line == "" or line.startswith(("id: ", "event: ", "data: ", ":", "retry: ")), line
        if line.startswith("data: "):
            json.loads(line.removeprefix("data: "))


def test_answers_of_somebody_are_kept_by_nobody_between(victim: Victim) -> None:
    """A proxy must not hand one user's answer to another."""
    with victim.running.client(BOB) as bob:
        for path in ("/api/me", "/api/modules", f"/api/modules/{victim.private.id}", "/api/executions"):
            kept = bob.get(path).headers.get("cache-control", "")
            assert "public" not in kept
            assert "no-store" in kept or "private" in kept or kept == "", path
        whole = bob.get(f"/api/modules/{victim.private.id}/wasm")
        assert "public" not in whole.headers.get("cache-control", "")
