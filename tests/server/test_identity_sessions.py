"""Sessions of a browser: one-time tokens, the cookie, and pages of other sites."""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from akatsuki_wasm.errors import AuthenticationError, ConfigError, StorageError
from akatsuki_wasm.server.local_key import FILE, key_for, make_local_key, read_local_key
from akatsuki_wasm.server.sessions import MAX_COOKIE, make_once_token, redeem
from akatsuki_wasm.server.tokens import ONCE_TYPE, SESSION_SECONDS, SESSION_TYPE, session_token

from .identity_kit import facts_of
from .server_kit import ADA, BOB, Running, is_problem, running, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with running(data_dir=folder) as found:
        yield found


@pytest.fixture
def browser(service: Running) -> Iterator[httpx.Client]:
    with service.client() as found:
        yield found


def test_a_one_time_token_opens_one_session(browser: httpx.Client, folder: Path) -> None:
    token = make_once_token(ADA, folder)
    answer = browser.get("/", params={"token": token}, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith(f"akatsuki-session-{browser.base_url.port}=")
    assert sorted(attributes) == ["HttpOnly", f"Max-Age={SESSION_SECONDS}", "Path=/", "SameSite=strict"]
    assert token not in str(answer.headers)

    assert browser.get("/api/me").json() == {"id": str(ADA.id), "name": "ada", "isAdmin": True}
    page = browser.get("/", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "You are <strong>ada</strong>, an admin" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text

    again = browser.get("/", params={"token": token})  # the same browser opens the address again
    assert (again.status_code, "set-cookie" in again.headers) == (303, False)
    with httpx.Client(base_url=browser.base_url) as other:
        problem = is_problem(other.get("/", params={"token": token}), 401, "unauthenticated")
        assert problem["detail"] == "the request has no bearer token"
        used = other.post("/api/session", json={"token": token})
        assert is_problem(used, 401, "unauthenticated")["detail"] == "the token is not accepted: it was used before"


def test_a_page_for_people_says_how_to_sign_in(browser: httpx.Client) -> None:
    page = browser.get("/", headers=HTML)
    assert page.status_code == 401
    assert "akatsuki token create --once" in page.text
    is_problem(browser.get("/"), 401, "unauthenticated")
    shown = browser.get("/", headers={"Authorization": f"Bearer {token_of(BOB)}"}).json()
    assert (shown["user"]["name"], shown["openapi"]) == ("bob", "/openapi.json")


def test_a_name_is_text_on_the_page(service: Running) -> None:
    token = token_of(BOB, email="<b>bob</b>")
    with service.client() as browser:
        page = browser.get("/", headers=HTML | {"Authorization": f"Bearer {token}"})
    assert "<strong>&lt;b&gt;bob&lt;/b&gt;</strong>" in page.text


def test_of_many_at_once_one_opens_a_session(service: Running, folder: Path) -> None:
    token = make_once_token(BOB, folder)
    opened: list[int] = []

    def ask() -> None:
        opened.append(httpx.post(f"{service.url}/api/session", json={"token": token}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(opened) == [200] + [401] * 7


def test_a_token_that_was_used_stays_so_however_its_signature_is_written(folder: Path) -> None:
    token = make_once_token(BOB, folder)
    redeem(token, folder)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters.index(token[-1])  # its two lowest bits are of no byte
    same = token[:-1] + letters[last ^ 1]
    with pytest.raises(AuthenticationError, match=r"it was used before|its signature is wrong"):
        redeem(same, folder)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ({"exp": 1}, "it has expired"),
        ({"typ": "JWT"}, "its signature is wrong"),
        ({"typ": SESSION_TYPE}, "it is for a browser: no bearer token"),
        ({"key": b"x" * 32}, "its signature is wrong"),
        ({"key": "session"}, "its signature is wrong"),
    ],
)
def test_what_is_no_one_time_token_opens_nothing(
    service: Running, folder: Path, token: dict[str, Any], reason: str
) -> None:
    local, key = make_local_key(folder), token.get("key", "once")
    secret = key_for(key, local) if isinstance(key, str) else key
    facts = facts_of(exp=token.get("exp", time.time() + 60))
    made = jwt.encode(facts, secret, algorithm="HS256", headers={"typ": token.get("typ", ONCE_TYPE)})
    problem = is_problem(httpx.post(f"{service.url}/api/session", json={"token": made}), 401, "unauthenticated")
    assert problem["detail"].startswith("the token is not accepted: " + reason)


def test_a_bearer_token_opens_a_session_that_can_be_ended(browser: httpx.Client) -> None:
    opened = browser.post("/api/session", json={"token": token_of(BOB)})
    assert (opened.status_code, opened.json()["name"]) == (200, "bob")
    assert opened.headers["cache-control"] == "no-store"
    assert browser.get("/api/me").json()["name"] == "bob"
    ended = browser.delete("/api/session", headers={"Sec-Fetch-Site": "same-origin"})
    assert ended.status_code == 204
    is_problem(browser.get("/api/me"), 401, "unauthenticated")


def test_a_token_too_long_for_a_cookie_is_refused(browser: httpx.Client) -> None:
    answer = browser.post("/api/session", json={"token": token_of(BOB, more="x" * MAX_COOKIE)})
    assert "which no cookie holds" in is_problem(answer, 401, "unauthenticated")["detail"]


@pytest.mark.parametrize("body", [{}, {"token": 7}, {"token": "x" * 20_000}, [], "x"])
def test_a_body_that_is_none_is_a_400(browser: httpx.Client, body: Any) -> None:
    is_problem(browser.post("/api/session", json=body), 400, "bad-request")


def test_a_session_is_no_bearer_token_and_one_time_tokens_are_no_sessions(service: Running, folder: Path) -> None:
    key = make_local_key(folder)
    session, once = session_token(ADA, key_for("session", key)), make_once_token(ADA, folder)
    name = f"akatsuki-session-{httpx.URL(service.url).port}"
    with service.client() as client:
        for token in (session, once):
            is_problem(client.get("/api/me", headers={"Authorization": f"Bearer {token}"}), 401, "unauthenticated")
        assert client.get("/api/me", headers={"Cookie": f"{name}={session}"}).json()["name"] == "ada"
        for cookie in (once, session[:-4] + "AAAA", "x", "a.b.c", session.replace(".", "..", 1)):
            is_problem(client.get("/api/me", headers={"Cookie": f"{name}={cookie}"}), 401, "unauthenticated")


@pytest.mark.parametrize("proto", ["http", "https"])
def test_the_cookie_is_for_https_alone_where_the_proxy_has_https(browser: httpx.Client, proto: str) -> None:
    headers = {"X-Forwarded-Proto": proto, "Host": "akatsuki.example"}
    answer = browser.post("/api/session", json={"token": token_of(BOB)}, headers=headers)
    prefix = "__Host-" if proto == "https" else ""
    assert answer.headers["set-cookie"].startswith(f"{prefix}akatsuki-session=")
    assert ("; Secure" in answer.headers["set-cookie"]) is (proto == "https")
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert browser.get("/api/me", headers=headers | cookie).json()["name"] == "bob"
    other = headers | {"X-Forwarded-Proto": "http" if proto == "https" else "https"}
    assert browser.get("/api/me", headers=other | cookie).status_code == 401


# Method, headers of the browser, and whether the cookie counts. HOST stands for the service's own.
PAGES = [
    ("GET", {}, True),
    ("GET", {"Sec-Fetch-Site": "same-origin"}, True),
    ("GET", {"Sec-Fetch-Site": "none"}, True),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, False),
    ("GET", {"Origin": "http://evil.example"}, False),
    ("POST", {}, False),
    ("POST", {"Origin": "http://HOST"}, True),
    ("POST", {"Origin": "https://HOST"}, True),
    ("POST", {"Origin": "http://evil.example"}, False),
    ("POST", {"Origin": "http://HOST.evil.example"}, False),
    ("POST", {"Origin": "http://127.0.0.1:1"}, False),
    ("POST", {"Origin": "null"}, False),
    ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "http://HOST"}, True),
    ("POST", {"Sec-Fetch-Site": "same-site", "Origin": "http://HOST"}, False),
    ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
    ("POST", {"Sec-Fetch-Site": "none"}, False),
    ("DELETE", {"Origin": "http://evil.example"}, False),
]


@pytest.mark.parametrize(("method", "headers", "counts"), PAGES)
def test_a_cookie_counts_for_the_services_own_pages_alone(
    browser: httpx.Client, method: str, headers: dict[str, str], counts: bool
) -> None:
    browser.post("/api/session", json={"token": token_of(BOB)})
    sent = {name: value.replace("HOST", browser.base_url.netloc.decode()) for name, value in headers.items()}
    path = "/api/me" if method == "GET" else "/api/modules/00000000-0000-4000-8000-000000000000/disable"
    if method == "DELETE":
        path = path.rpartition("/")[0]
    answer = browser.request(method, path, headers=sent)
    if counts:
        assert answer.status_code == (200 if method == "GET" else 404)
    else:
        problem = is_problem(answer, 403, "permission-denied")
        assert problem["detail"] == "a session of a browser counts for this service's own pages alone"
    # A bearer token is nothing that a browser sends by itself.
    bearer = browser.request(method, path, headers=sent | {"Authorization": f"Bearer {token_of(BOB)}"})
    assert bearer.status_code == (200 if method == "GET" else 404)


def test_another_sites_page_cannot_sign_a_browser_in_or_out(browser: httpx.Client) -> None:
    headers = {"Origin": "http://evil.example"}
    is_problem(browser.post("/api/session", json={"token": token_of(BOB)}, headers=headers), 403, "permission-denied")
    is_problem(browser.delete("/api/session", headers=headers), 403, "permission-denied")
    form = {"Content-Type": "text/plain"}  # what a form can send without asking first
    is_problem(browser.post("/api/session", content=f'{{"token":"{token_of(BOB)}"}}', headers=form), 400, "bad-request")


def test_the_local_key_is_private_and_the_same_for_all_who_ask_at_once(tmp_path: Path) -> None:
    found: list[bytes] = []
    folder = tmp_path / "new" / "data"
    assert read_local_key(folder) is None
    threads = [threading.Thread(target=lambda: found.append(make_local_key(folder))) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_local_key_that_others_may_read_or_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    make_local_key(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(ConfigError, match="is not private"):
        make_local_key(tmp_path)
    (tmp_path / FILE).chmod(0o600)
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(ConfigError, match="does not have 32 bytes"):
        read_local_key(tmp_path)


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, ConfigError), match="cannot be"):
        make_local_key(tmp_path / "file" / "data")


def test_records_of_uses_that_are_old_are_removed(tmp_path: Path) -> None:
    redeem(make_once_token(BOB, tmp_path), tmp_path)
    (old,) = (tmp_path / "used-tokens").iterdir()
    os.utime(old, (1, 1))
    redeem(make_once_token(BOB, tmp_path), tmp_path)
    assert not old.exists()
    assert len(list((tmp_path / "used-tokens").iterdir())) == 1
