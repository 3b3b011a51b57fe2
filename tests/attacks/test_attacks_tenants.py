"""Somebody else's things through every endpoint of the OpenAPI document: not there, word for word as what never was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from server.api_kit import store
from server.server_kit import ADA, BOB, EVE, is_problem

if TYPE_CHECKING:
    import httpx

    from .conftest import Victim

EXECUTOR = "/functions/v1/wasm-executor"
BODIES: dict[tuple[str, str], Any] = {
    ("patch", "/api/modules/{module_id}"): {"description": "eve was here"},
    ("post", "/api/modules/{module_id}/share"): {"users": [str(EVE.id)], "isPublic": True},
}
"""Of operations that need one."""


def operations(client: httpx.Client) -> list[tuple[str, str, dict[str, Any]]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (method, path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method in ("get", "post", "patch", "put", "delete")
    ]


def of_bob(victim: Victim, path: str) -> str:
    """The id of the thing of BOB's that a path is about."""
    kind = path.split("/")[2]
    found = {"modules": str(victim.private.id), "generations": victim.generation, "designs": victim.design}
    return found[kind]


def same_but_for_the_id(first: httpx.Response, first_id: str, other: httpx.Response, other_id: str) -> None:
    assert first.status_code == other.status_code == 404, (first.text, other.text)
    assert first.text.replace(first_id, "ID") == other.text.replace(other_id, "ID")
    ignored = {"date", "content-length"}
    assert {k: v for k, v in first.headers.items() if k not in ignored} == {
        k: v for k, v in other.headers.items() if k not in ignored
    }


def test_every_path_with_an_id_says_of_anothers_thing_what_it_says_of_nothing(victim: Victim) -> None:
    seen = 0
    with victim.running.client(EVE) as eve:
        for method, path, _ in operations(eve):
            if "{" not in path:
                continue
            seen += 1
            name = path[path.index("{") : path.index("}") + 1]
            his, nothing = of_bob(victim, path), str(uuid4())
            answers = []
            for each in (his, nothing):
                body = BODIES.get((method, path))
                answers.append(eve.request(method, path.replace(name, each), json=body))
            same_but_for_the_id(answers[0], his, answers[1], nothing)
    assert seen >= 13
    with victim.running.client(BOB) as bob:
        found = bob.get(f"/api/modules/{victim.private.id}").json()
        assert (found["status"], found["isPublic"], found["allowedUsers"]) == ("active", False, [])


def test_a_body_that_would_be_refused_tells_nothing_of_the_id_either(victim: Victim) -> None:
    with victim.running.client(EVE) as eve:
        for method, path in BODIES:
            for body in ({"nonsense": 1}, {"version": "not one"}, {}):
                his, nothing = str(victim.private.id), str(uuid4())
                first, other = (
                    eve.request(method, path.replace("{module_id}", each), json=body) for each in (his, nothing)
                )
                assert first.status_code == other.status_code
                assert first.text.replace(his, "ID") == other.text.replace(nothing, "ID")


CALL = {"functionName": "add", "args": [1]}


@pytest.mark.parametrize("function", ["add", "nowhere"])
@pytest.mark.parametrize("way", ["json", "form", "query"])
def test_the_executor_says_the_same_too(victim: Victim, way: str, function: str) -> None:
    with victim.running.client(EVE) as eve:
        answers = {}
        for each in (str(victim.private.id), str(uuid4())):
            call = {**CALL, "moduleId": each, "functionName": function}
            if way == "json":
                answers[each] = eve.post(EXECUTOR, json=call)
            elif way == "form":
                answers[each] = eve.post(EXECUTOR, files={"request": (None, json.dumps(call), "application/json")})
            else:
                query = {"moduleId": each, "functionName": function}
                kind = {"content-type": "image/png"}
                answers[each] = eve.post(EXECUTOR, params=query, content=b"no picture", headers=kind)
        (his, first), (nothing, other) = answers.items()
        same_but_for_the_id(first, his, other, nothing)


def test_a_reference_of_anothers_means_nothing(victim: Victim) -> None:
    with victim.running.client(EVE) as eve:
        for his, nothing in (
            (victim.private.name, "nobodys-own"),
            (f"{victim.private.name}@{victim.private.version}", "nobodys-own@1.0.0"),
            (f"{victim.private.name}@9.9.9", "nobodys-own@9.9.9"),
            (str(victim.private.id), str(uuid4())),
        ):
            for operation in ("read", "execute"):
                first, other = (
                    eve.get("/api/modules/resolve", params={"reference": each, "operation": operation})
                    for each in (his, nothing)
                )
                same_but_for_the_id(first, his.partition("@")[0], other, nothing.partition("@")[0])
            wishes = [{"prompt": "add two numbers", "base": each} for each in (his, nothing)]
            first, other = (eve.post("/api/designs", json=wish) for wish in wishes)
            same_but_for_the_id(first, his.partition("@")[0], other, nothing.partition("@")[0])


def test_the_beginning_of_an_id_finds_only_ones_own(victim: Victim) -> None:
    with victim.running.client(EVE) as eve:
        first = eve.get(f"/api/generations/{victim.generation[:8]}")
        other = eve.get("/api/generations/00000000")
        same_but_for_the_id(first, victim.generation[:8], other, "00000000")


def test_no_list_and_no_figure_has_anything_of_anothers(victim: Victim) -> None:
    queries: list[dict[str, Any]] = [
        {},
        {"module": str(victim.private.id)},
        {"own": "false"},
        {"text": "bob"},
        {"text": "%"},
        {"name": victim.private.name},
        {"name": "%"},
        {"ownerType": "user"},
        {"ownerType": "admin"},
        {"access": "readable"},
        {"access": "executable"},
        {"access": "own"},
        {"status": "cancelled"},
        {"status": "active"},
    ]
    with victim.running.client(EVE) as eve:
        lists = [path for method, path, _ in operations(eve) if method == "get" and "{" not in path]
        assert {"/api/modules", "/api/executions", "/api/generations", "/api/designs", "/metrics"} <= set(lists)
        for path in lists:
            for query in queries:
                response = eve.get(path, params=query)
                assert response.status_code < 500
                said = response.text
                for value in query.values():
                    said = said.replace(value, "")  # what EVE said herself
                found = [secret for secret in victim.secrets if secret in said]
                assert not found, (path, query, response.text)


def test_an_idempotency_key_of_anothers_is_not_answered_again(victim: Victim) -> None:
    wish = {"prompt": "a function margin(price, cost) = (price - cost) / price", "name": "keyed"}
    key = {"Idempotency-Key": "one-key"}
    with victim.running.client(BOB) as bob, victim.running.client(EVE) as eve:
        first = bob.post("/api/designs", json=wish, headers=key)
        other = eve.post("/api/designs", json=wish, headers=key)
        assert first.status_code == other.status_code == 202
        assert "idempotent-replay" not in other.headers
        assert first.json()["id"] != other.json()["id"]
        for client, made in ((bob, first), (eve, other)):
            client.post(f"/api/designs/{made.json()['id']}/cancel")


def test_a_cursor_of_anothers_opens_nothing(victim: Victim) -> None:
    for name in ("bobs-more", "bobs-most"):
        store(victim.running, BOB, name, 4713)
    with victim.running.client(BOB) as bob, victim.running.client(EVE) as eve:
        cursor = bob.get("/api/modules", params={"limit": 1, "access": "own"}).json()["nextCursor"]
        assert cursor
        is_problem(eve.get("/api/modules", params={"limit": 1, "access": "own", "cursor": cursor}), 400, "bad-request")


def test_without_a_token_every_endpoint_of_the_document_says_only_that(victim: Victim) -> None:
    with victim.running.client() as nobody:
        closed = [each for each in operations(nobody) if each[2].get("security")]
        assert len(closed) >= 24
        for method, path, _ in closed:
            if path == "/metrics":
                continue  # open to this machine
            name = path[path.index("{") : path.index("}") + 1] if "{" in path else ""
            address = path.replace(name, of_bob(victim, path)) if name else path
            is_problem(nobody.request(method, address), 401, "unauthenticated")


def test_what_is_for_admins_is_for_no_one_else(victim: Victim) -> None:
    with victim.running.client(EVE) as eve, victim.running.client(ADA) as ada:
        is_problem(eve.get("/api/cache"), 403, "permission-denied")
        assert ada.get("/api/cache").status_code == 200
        # From elsewhere, through a proxy.
        elsewhere = {"X-Forwarded-For": "192.0.2.7"}
        is_problem(eve.get("/metrics", headers=elsewhere), 403, "permission-denied")
        assert ada.get("/metrics", headers=elsewhere).status_code == 200
