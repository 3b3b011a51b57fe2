"""The management API on PostgreSQL: pages, keys and refusals are those of SQLite, with the database deciding too."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from akatsuki_wasm.contracts import OWNER_TYPES, User
from akatsuki_wasm.registry import WasmModule, policy, validation
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.database import parse_url
from akatsuki_wasm.registry.service_models import IdempotencyKey
from tests.server.api_kit import adding, parts
from tests.server.server_kit import ADA, BOB, EVE, is_problem, running

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from .pg_kit import TestDatabase


def pages(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get(path, params={**query, **({} if cursor is None else {"cursor": cursor})}).json()
        found += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_the_api_on_postgresql(postgres: TestDatabase, tmp_path: Path) -> None:
    with running(data_dir=tmp_path, database_url=postgres.url(), user_rate=None) as found:
        registry = found.service.registry
        with found.client(BOB) as bob, found.client(EVE) as eve, found.client(ADA) as ada:
            # Keys.
            key = {"Idempotency-Key": str(uuid4())}
            first = bob.post("/api/modules", files=parts(), headers=key)
            assert first.status_code == 201, first.text
            again = bob.post("/api/modules", files=parts(), headers=key)
            assert (again.json(), again.headers["idempotent-replay"]) == (first.json(), "true")
            is_problem(bob.post("/api/modules", files=parts(adding(2)), headers=key), 409, "conflict")
            other = eve.post("/api/modules", files=parts(), headers=key)
            assert other.json()["ownerId"] == str(EVE.id)
            is_problem(
                bob.post("/api/modules", files=parts(b"\0asm"), headers={"Idempotency-Key": "k"}), 422, "invalid-module"
            )
            with registry.database.read(UPKEEP) as session:
                assert len(session.scalars(select(IdempotencyKey)).all()) == 2

            # Changes.
            path = f"/api/modules/{first.json()['id']}"
            is_problem(eve.get(path), 404, "not-found")
            is_problem(ada.patch(path, json={"description": "x"}), 403, "permission-denied")
            assert bob.patch(path, json={"metadata": {"a": 1}}).json()["metadata"] == {"a": 1}
            assert bob.post(f"{path}/share", json={"users": [str(EVE.id)]}).status_code == 200
            assert eve.get(path).json()["allowedUsers"] == [str(EVE.id)]
            assert ada.post(f"{path}/disable").json()["status"] == "disabled"
            assert ada.delete(path).status_code == 204
            is_problem(bob.get(path), 404, "not-found")

            # Pages.
            for number in range(7):
                assert bob.post("/api/modules", files=parts(adding(number), name=f"m{number % 3}")).status_code == 201
                registry.generations(BOB).record("a prompt", generator="offline", status="success", seconds=1.0)
            names = [(item["name"], item["version"]) for item in pages(bob, "/api/modules", limit=2)]
            assert names == sorted(names, key=lambda each: (each[0], [-int(part) for part in each[1].split(".")]))
            assert len(names) == len(set(names)) == 7
            assert len({item["id"] for item in pages(bob, "/api/generations", limit=3)}) == 7
            assert pages(eve, "/api/generations") == []


def test_what_is_listed_and_read_is_what_the_policy_allows(postgres: TestDatabase, tmp_path: Path) -> None:
    user = User(uuid4(), "somebody")
    with running(data_dir=tmp_path, database_url=postgres.url(), user_rate=None) as found:
        rows = [
            WasmModule(
                id=uuid4(),
                owner_id=user.id if own else EVE.id,
                owner_type=owner_type,
                module_name=f"m-{uuid4().hex[:12]}",
                version="1.0.0",
                digest="0" * 64,
                wasm_size_bytes=8,
                manifest=validation.examine(adding()).document,
                is_public=public,
                allowed_users=(user.id,) if shared else (),
                status="active",
            )
            for owner_type, own, public, shared in product(OWNER_TYPES, *[(False, True)] * 3)
        ]
        allowed = {str(row.id) for row in rows if policy.allows(user, "read", row)}
        everything = {str(row.id): row for row in rows}
        engine = create_engine(parse_url(postgres.url("postgres")))  # past the policies
        with Session(engine) as session, session.begin():
            session.add_all(rows)
            session.flush()
            session.expunge_all()
        engine.dispose()
        with found.client(user) as client:
            assert {item["id"] for item in pages(client, "/api/modules", limit=5)} == allowed
            for row in everything:
                assert client.get(f"/api/modules/{row}").status_code == (200 if row in allowed else 404)
