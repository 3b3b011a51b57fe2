"""The permission matrix through HTTP: every combination, every operation, and no word about what may not be read."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from akatsuki_wasm.contracts import OWNER_TYPES, OwnerType, Status, User
from akatsuki_wasm.registry import WasmModule, policy, validation
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.server.executor_api import PATH

from .api_kit import adding, parts
from .server_kit import is_problem

if TYPE_CHECKING:
    import httpx

    from akatsuki_wasm.registry.policy import Operation

    from .server_kit import Running

BOTH = (False, True)
STATUSES: tuple[Status, ...] = get_args(Status)
COMBINATIONS = list(product(OWNER_TYPES, BOTH, BOTH, BOTH, STATUSES))
"""owner type, owned by the acting user, public, shared with him, status."""
ABSENT = UUID("3d0c1c58-5f6c-4d36-8f6b-0a2f64d3b5a1")

READS = (
    "/api/modules/{id}",
    "/api/modules/{id}/wasm",
    "/api/modules/{id}/stats",
    "/api/modules/resolve?operation=read&reference={id}",
    "/api/executions?module={id}",
)


def make(service: Running, user: User) -> dict[tuple[Any, ...], WasmModule]:
    """A row for each combination, made past all checks."""
    registry = service.service.registry
    digest = registry.blobs.put(adding())
    manifest = validation.examine(adding()).document
    rows = {
        facts: WasmModule(
            id=uuid4(),
            owner_id=user.id if facts[1] else uuid4(),
            owner_type=facts[0],
            module_name=f"m-{uuid4().hex[:12]}",
            version="1.0.0",
            digest=digest,
            wasm_size_bytes=len(adding()),
            manifest=manifest,
            memory_pages=2,
            max_memory_pages=300,
            is_public=facts[2],
            allowed_users=(user.id, uuid4()) if facts[3] else (uuid4(),),
            status=facts[4],
        )
        for facts in COMBINATIONS
    }
    with registry.database.write(UPKEEP) as session:
        session.add_all(rows.values())
    return rows


def ask(client: httpx.Client, operation: Operation, row: WasmModule) -> httpx.Response:
    where = f"/api/modules/{row.id}"
    match operation:
        case "execute":
            return client.post(PATH, json={"moduleId": str(row.id), "functionName": "add", "args": [1]})
        case "update":
            return client.patch(where, json={"description": "changed"})
        case "disable":
            return client.post(f"{where}/disable")
        case "delete":
            return client.delete(where)
        case _:
            raise AssertionError(operation)


def wanted_status(user: User, operation: Operation, row: WasmModule) -> int:
    """What HTTP must say: 404 for what may not be read, 403 for what may be read and not done."""
    if not policy.allows(user, "read", row):
        return 404
    if not policy.allows(user, operation, row):
        return 403
    if operation == "disable" and row.status not in ("active", "disabled"):
        return 409
    return 204 if operation == "delete" else 200


def absent_answer(client: httpx.Client, path: str) -> str:
    response = client.get(path.format(id=ABSENT))
    is_problem(response, 404, "not-found")
    return response.text


@pytest.mark.parametrize("admin", BOTH, ids=["member", "admin"])
def test_reading(one_service: Running, admin: bool) -> None:
    user = User(uuid4(), "somebody", is_admin=admin)
    rows = make(one_service, user)
    with one_service.client(user) as client:
        absent = {path: absent_answer(client, path) for path in READS}
        for facts, row in rows.items():
            for path in READS:
                response = client.get(path.format(id=row.id))
                if policy.allows(user, "read", row):
                    assert response.status_code == 200, (facts, path, response.text)
                else:
                    # The same answer to the letter as for what is not there at all.
                    assert response.text.replace(str(row.id), str(ABSENT)) == absent[path], (facts, path)
                    assert response.status_code == 404
            shown = client.get(f"/api/modules/{row.id}").json().get("allowedUsers", [])
            told = admin or row.owner_id == user.id
            assert set(shown) <= {str(each) for each in (row.allowed_users if told else (user.id,))}, facts


@pytest.mark.parametrize("admin", BOTH, ids=["member", "admin"])
def test_lists(one_service: Running, admin: bool) -> None:
    user = User(uuid4(), "somebody", is_admin=admin)
    make(one_service, user)
    with one_service.service.registry.database.read(UPKEEP) as session:
        everything = session.scalars(select(WasmModule)).all()
    readable = {str(row.id) for row in everything if policy.allows(user, "read", row)}
    executable = {str(row.id) for row in everything if policy.allows(user, "execute", row)}
    own = {str(row.id) for row in everything if row.owner_id == user.id} & readable
    with one_service.client(user) as client:
        for access, wanted in {"readable": readable, "executable": executable, "own": own}.items():
            found, cursor = [], ""
            while cursor is not None:
                query: dict[str, str | int] = {"access": access, "limit": 200, **({"cursor": cursor} if cursor else {})}
                page = client.get("/api/modules", params=query).json()
                found += [item["id"] for item in page["items"]]
                cursor = page["nextCursor"]
            assert len(found) == len(set(found))
            assert set(found) == wanted, access


@pytest.mark.parametrize("admin", BOTH, ids=["member", "admin"])
@pytest.mark.parametrize("operation", ["execute", "update", "disable", "delete"])
def test_doing(one_service: Running, operation: Operation, admin: bool) -> None:
    user = User(uuid4(), "somebody", is_admin=admin)
    rows = make(one_service, user)
    with one_service.client(user) as client:
        for facts, row in rows.items():
            wanted = wanted_status(user, operation, row)
            response = ask(client, operation, row)
            assert response.status_code == wanted, (facts, response.text)
            assert wanted < 400 or response.headers["content-type"] == "application/problem+json"
            if wanted == 404:
                assert row.module_name not in response.text
    with one_service.service.registry.database.read(UPKEEP) as session:
        after = {row.id: row for row in session.scalars(select(WasmModule).where(WasmModule.id.in_(_ids(rows))))}
    for facts, row in rows.items():
        done = wanted_status(user, operation, row) < 300
        found = after.get(row.id)
        assert (found is None) == (done and operation == "delete"), facts
        if found is not None:
            assert (found.description == "changed") == (done and operation == "update"), facts
            assert found.status == ("disabled" if done and operation == "disable" else row.status), facts


def _ids(rows: dict[tuple[Any, ...], WasmModule]) -> list[UUID]:
    return [row.id for row in rows.values()]


@pytest.mark.parametrize("owner_type", OWNER_TYPES)
@pytest.mark.parametrize("admin", BOTH, ids=["member", "admin"])
def test_creating(one_service: Running, owner_type: OwnerType, admin: bool) -> None:
    user = User(uuid4(), "somebody", is_admin=admin)
    with one_service.client(user) as client:
        response = client.post("/api/modules", files=parts(name=f"m-{uuid4().hex[:12]}", ownerType=owner_type))
    if admin or owner_type == "user":
        assert response.status_code == 201, response.text
        assert response.json()["ownerType"] == owner_type
        assert response.json()["ownerId"] == str(user.id)
    else:
        is_problem(response, 403, "permission-denied")
