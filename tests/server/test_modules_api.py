"""Modules through HTTP: what is listed, read, changed, shared and deleted, and what a request may not be."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from akatsuki_wasm.documents import module_from_document
from akatsuki_wasm.server.executor_api import PATH

from .api_kit import SOURCE, adding, parts, store, upload
from .server_kit import ADA, BOB, EVE, is_problem

if TYPE_CHECKING:
    from .server_kit import Running


def test_an_upload_is_whole(service: Running) -> None:
    with service.client(BOB) as client:
        made = client.post("/api/modules", files=parts(source=SOURCE, metadata={"team": "Ä"}, isPublic=True))
        assert made.status_code == 201, made.text
        document = made.json()
        assert made.headers["location"] == f"/api/modules/{document['id']}"
        assert client.get(made.headers["location"]).json() == document
        executed = client.post(PATH, json={"moduleId": document["id"], "functionName": "add", "args": [2]})
        assert executed.json()["result"] == 3
        assert client.get(f"/api/modules/{document['id']}/source").text == SOURCE
        stats = client.get(f"/api/modules/{document['id']}/stats").json()
    assert stats["count"] == stats["byStatus"]["success"] == 1
    assert stats["successRate"] == 1.0
    stored = module_from_document(document)
    row = service.service.registry.modules(BOB).get(stored.id)
    assert stored == row.to_stored()
    assert (stored.name, stored.version, stored.owner_id) == ("adding", "1.0.0", BOB.id)
    assert stored.digest == hashlib.sha256(adding()).hexdigest()
    assert stored.metadata == {"team": "Ä"}
    assert stored.is_public


def test_versions_follow_each_other_and_names_belong_to_their_owners(service: Running) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve:
        assert upload(bob, isPublic=True)["version"] == "1.0.0"
        assert upload(bob, adding(2))["version"] == "1.1.0"
        is_problem(bob.post("/api/modules", files=parts(version="1.1.0")), 409, "conflict")
        is_problem(eve.post("/api/modules", files=parts()), 409, "conflict")
        is_problem(bob.post("/api/modules", files=parts(version="two")), 422, "upload")
        is_problem(bob.post("/api/modules", files=parts(name="Ünfit")), 422, "upload")


def test_the_bytes_are_kept_by_who_has_them(service: Running) -> None:
    with service.client(BOB) as client:
        path = f"/api/modules/{upload(client)['id']}/wasm"
        first = client.get(path)
        assert first.content == adding()
        assert first.headers["content-type"] == "application/wasm"
        assert first.headers["etag"] == f'"{hashlib.sha256(adding()).hexdigest()}"'
        assert "private" in first.headers["cache-control"]
        assert "immutable" in first.headers["cache-control"]
        assert not [name for name in first.headers if name.startswith("access-control")]
        for etag in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}', "*"):
            again = client.get(path, headers={"If-None-Match": etag})
            assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    with service.client(EVE) as client:  # an ETag is no permission
        is_problem(client.get(path, headers={"If-None-Match": first.headers["etag"]}), 404, "not-found")


def test_changes(service: Running) -> None:
    with service.client(BOB) as client:
        path = f"/api/modules/{upload(client)['id']}"
        before = client.get(path).json()
        changed = client.patch(path, json={"description": "One more.", "timeoutMs": 200, "metadata": {"a": [1]}}).json()
        assert (changed["description"], changed["timeoutMs"], changed["metadata"]) == ("One more.", 200, {"a": [1]})
        assert changed["updatedAt"] > before["updatedAt"]
        assert client.patch(path, json={}).json() == changed
        kept = {key: value for key, value in before.items() if key not in (*_CHANGED, "updatedAt")}
        assert kept == {key: value for key, value in changed.items() if key not in (*_CHANGED, "updatedAt")}
        is_problem(client.patch(path, json={"timeoutMs": 2000, "maxExecutionTimeMs": 1000}), 422, "argument")
        is_problem(client.patch(path, json={"maxMemoryPages": 1}), 422, "argument")
        assert client.get(path).json() == changed


_CHANGED = ("description", "timeoutMs", "metadata")


def test_a_disabled_module_stops_at_once_and_can_be_enabled(service: Running) -> None:
    with service.client(BOB) as client:
        module = upload(client)["id"]
        call: dict[str, Any] = {"moduleId": module, "functionName": "add", "args": [1]}
        assert client.post(PATH, json=call).status_code == 200
        assert client.post(f"/api/modules/{module}/disable").json()["status"] == "disabled"
        is_problem(client.post(PATH, json=call), 403, "permission-denied")
        assert client.post(f"/api/modules/{module}/enable").json()["status"] == "active"
        assert client.post(PATH, json=call).status_code == 200
        assert client.delete(f"/api/modules/{module}").status_code == 204
        is_problem(client.post(PATH, json=call), 404, "not-found")
        is_problem(client.delete(f"/api/modules/{module}"), 404, "not-found")
        (first, *_) = client.get("/api/executions").json()["items"]
    assert first["module"] == {"id": None, "name": None, "version": None}


def test_sharing_is_one_change(service: Running) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve, service.client(ADA) as ada:
        module = upload(bob)["id"]
        path = f"/api/modules/{module}"
        is_problem(eve.get(path), 404, "not-found")
        shared = bob.post(f"{path}/share", json={"users": [str(EVE.id), str(uuid4())]}).json()
        assert len(shared["allowedUsers"]) == 2
        assert not shared["isPublic"]
        # Who is shared with is the owner's to know, and an admin's.
        assert eve.get(path).json()["allowedUsers"] == [str(EVE.id)]
        assert ada.get(path).json()["allowedUsers"] == shared["allowedUsers"]
        call = {"moduleId": module, "functionName": "add", "args": [1]}
        assert eve.post(PATH, json=call).status_code == 200
        is_problem(eve.post(f"{path}/share", json={"isPublic": True}), 403, "permission-denied")
        changed = bob.post(f"{path}/share", json={"remove": [str(EVE.id)], "isPublic": True}).json()
        assert changed["isPublic"]
        assert str(EVE.id) not in changed["allowedUsers"]
        assert eve.post(PATH, json=call).status_code == 200
        assert bob.post(f"{path}/share", json={"isPublic": False}).json()["allowedUsers"] == changed["allowedUsers"]
        is_problem(eve.post(PATH, json=call), 404, "not-found")
        is_problem(bob.post(f"{path}/share", json={"users": ["eve"]}), 400, "bad-request")


def test_a_reference_means_what_it_means_to_who_asks(service: Running) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve:
        first = upload(bob, isPublic=True)
        second = upload(bob, adding(2))
        for reference, wanted in {
            "adding": second,
            "adding@1.0.0": first,
            first["id"]: first,
        }.items():
            found = bob.get("/api/modules/resolve", params={"reference": reference})
            assert found.json()["id"] == wanted["id"], reference
        # The newest version is nobody else's business.
        assert eve.get("/api/modules/resolve", params={"reference": "adding"}).json()["id"] == first["id"]
        document = is_problem(eve.get("/api/modules/resolve", params={"reference": "addin"}), 404, "not-found")
        assert document["hint"] == "Did you mean adding?"
        bob.post(f"/api/modules/{first['id']}/disable")
        query = {"reference": "adding@1.0.0"}
        is_problem(bob.get("/api/modules/resolve", params=query), 403, "permission-denied")
        assert bob.get("/api/modules/resolve", params={**query, "operation": "read"}).status_code == 200


def test_lists_are_filtered(service: Running) -> None:
    store(service, ADA, "shared-tool", 1, owner_type="system")
    store(service, ADA, "secret-tool", 2, owner_type="admin")
    store(service, BOB, "own", 3)
    off = store(service, BOB, "off", 4)
    service.service.registry.modules(BOB).disable(off.id)

    def names(**query: str) -> list[str]:
        return [item["name"] for item in client.get("/api/modules", params=query).json()["items"]]

    with service.client(BOB) as client:
        assert names() == ["off", "own", "shared-tool"]
        assert names(ownerType="system") == ["shared-tool"]
        assert names(ownerType="admin") == []
        assert names(access="executable") == ["own", "shared-tool"]
        assert names(access="own", status="disabled") == ["off"]
        assert names(name="own") == ["own"]
    with service.client(ADA) as client:
        assert names(ownerType="admin") == ["secret-tool"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("ownertype=user", "ownertype"),
        ("ownerType=root", "ownerType"),
        ("access=all", "access"),
        ("status=gone", "status"),
        ("name=%00", "name"),
        ("cursor=x", "the cursor"),
    ],
)
def test_queries_are_read_strictly(one_service: Running, query: str, told: str) -> None:
    with one_service.client(BOB) as client:
        document = is_problem(client.get(f"/api/modules?{query}"), 400, "bad-request")
    assert told in document["detail"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"descriptio": "x"}', "descriptio: "),
        ('{"description": 3}', "description: "),
        ('{"description": null}', "description: "),
        ('{"timeoutMs": "200"}', "timeoutMs: "),
        ('{"timeoutMs": true}', "timeoutMs: "),
        ('{"timeoutMs": 200.5}', "timeoutMs: "),
        ('{"timeoutMs": 99}', "timeoutMs: "),
        ('{"timeoutMs": 200, "timeoutMs": 300}', "'timeoutMs'"),
        ('{"timeout_ms": 200}', "timeout_ms: "),
        ('{"id": "x"}', "id: "),
        ('{"metadata": {"a": NaN}}', "NaN"),
        ('{"metadata": {"a": 1e999}}', "too large"),
        ('{"metadata": {"a": 1, "a": 2}}', "'a'"),
        ('{"metadata": {"a": "\\u0000"}}', "NUL"),
        ('{"metadata": {"a\\ud800": 1}}', "surrogate"),
        (f'{{"metadata": {{"a": {"[" * 70}{"]" * 70}}}}}', "nested"),
        (f'{{"metadata": {"[" * 100_000}', ""),
        (f'{{"metadata": {{"a": {"9" * 5000}}}}}', ""),
        (json.dumps({"metadata": {"a": "x" * 70_000}}), "metadata"),
        (json.dumps({"description": "x" * 2001}), "description: "),
        ("[]", ""),
        ("{} {}", ""),
        ("", ""),
        ("\ufeff{}", ""),
    ],
)
def test_bodies_are_read_strictly(one_service: Running, body: str, told: str) -> None:
    module = store(one_service, BOB, "strict")
    before = one_service.service.registry.modules(BOB).get(module.id).to_stored()
    with one_service.client(BOB) as client:
        headers = {"Content-Type": "application/json"}
        response = client.patch(f"/api/modules/{module.id}", content=body.encode(), headers=headers)
        document = is_problem(response, 400, "bad-request")
    assert told in document["detail"]
    assert one_service.service.registry.modules(BOB).get(module.id).to_stored() == before


def test_a_body_must_be_called_json_and_be_of_a_sane_size(service: Running) -> None:
    module = store(service, BOB, "strict")
    with service.client(BOB) as client:
        path = f"/api/modules/{module.id}"
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json+x", ""):
            is_problem(client.patch(path, content=b"{}", headers={"Content-Type": kind}), 400, "bad-request")
        large = b'{"description": "' + b"x" * (1024 * 1024) + b'"}'
        headers = {"Content-Type": "application/json"}
        is_problem(client.patch(path, content=large, headers=headers), 413, "request-too-large")
        chunks = (large[start : start + 4096] for start in range(0, len(large), 4096))
        is_problem(client.patch(path, content=chunks, headers=headers), 413, "request-too-large")


@pytest.mark.parametrize("name", ["x", "0", "..%2f..", "%00", "3f0c" * 8, "{3d0c1c58-5f6c-4d36-8f6b-0a2f64d3b5a1}"])
def test_ids_that_are_none_are_unknown_ids(one_service: Running, name: str) -> None:
    with one_service.client(BOB) as client:
        for path in ("", "/wasm", "/source", "/stats"):
            response = client.get(f"/api/modules/{name}{path}")
            is_problem(response, 404, "not-found")
        is_problem(client.delete(f"/api/modules/{name}"), 404, "not-found")
        is_problem(client.patch(f"/api/modules/{name}", json={}), 404, "not-found")
        is_problem(client.post(f"/api/modules/{name}/disable"), 404, "not-found")


def test_nobody_gets_nothing(service: Running) -> None:
    module = store(service, ADA, "for-all", owner_type="system")
    with service.client() as client:
        for path in ("", f"/{module.id}", f"/{module.id}/wasm", f"/{module.id}/source", "/resolve?reference=for-all"):
            is_problem(client.get(f"/api/modules{path}"), 401, "unauthenticated")
        for path in ("/api/executions", "/api/generations", "/api/cache"):
            is_problem(client.get(path), 401, "unauthenticated")
        is_problem(client.post("/api/modules", files=parts()), 401, "unauthenticated")
