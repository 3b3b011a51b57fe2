"""Lists through HTTP: pages that neither repeat nor lose a row, cursors that are their own list's; the history."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import RequestError
from akatsuki_wasm.registry.models import now
from akatsuki_wasm.server.executor_api import PATH
from akatsuki_wasm.server.paging import Cursors

from .api_kit import adding, store, upload
from .server_kit import ADA, BOB, EVE, is_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from .server_kit import Running


def pages(client: httpx.Client, path: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor = None
    while True:
        page = client.get(path, params={**query, **({} if cursor is None else {"cursor": cursor})}).json()
        assert page.keys() == {"items", "nextCursor"}
        yield page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return


def test_pages_of_modules_are_stable_while_others_come_and_go(service: Running) -> None:
    names = [f"m{number:02}" for number in range(12)]
    stored = {name: [store(service, BOB, name, 1), store(service, BOB, name, 2)] for name in names}
    expected = [str(each.id) for name in names for each in reversed(stored[name])]
    registry = service.service.registry
    with service.client(BOB) as client:
        assert [item["id"] for page in pages(client, "/api/modules", limit=5) for item in page] == expected
        found = []
        for number, page in enumerate(pages(client, "/api/modules", limit=5)):
            assert 0 < len(page) <= 5
            found += [item["id"] for item in page]
            # One before the cursor comes, and one before and one behind it go.
            store(service, BOB, f"a{number}", 3)
            if number == 1:
                registry.modules(BOB).delete(UUID(found[0]))
                registry.modules(BOB).delete(UUID(expected[-2]))
        assert found == [each for each in expected if each != expected[-2]]


def test_pages_of_executions_and_generations(service: Running) -> None:
    began = now()
    registry = service.service.registry
    module = store(service, BOB, "adding")
    for number in range(7):
        # Two at each time: the id decides between them.
        when = began + timedelta(seconds=number // 2)
        for user in (BOB, EVE):
            registry.executions(user).record(
                module, "add", status="error" if number == 3 else "success", execution_time_ms=1.0, executed_at=when
            )
        registry.generations(BOB).record(f"prompt {number}", generator="offline", status="success", seconds=1.0)
    with service.client(BOB) as bob, service.client(ADA) as ada:

        def ids(client: httpx.Client, path: str, **query: Any) -> list[str]:
            found = [item["id"] for page in pages(client, path, limit=2, **query) for item in page]
            assert len(found) == len(set(found))
            return found

        own = ids(bob, "/api/executions")
        assert len(own) == 7
        times = [item["executedAt"] for page in pages(bob, "/api/executions", limit=3) for item in page]
        assert times == sorted(times, reverse=True)
        assert len(ids(bob, "/api/executions", status="error")) == 1
        assert ids(bob, "/api/executions", module="adding") == own
        assert ids(bob, "/api/executions", module=str(module.id), own="true") == own
        assert len(ids(ada, "/api/executions")) == 14
        assert ids(ada, "/api/executions", own="true") == []
        assert len(ids(ada, "/api/executions", module=str(module.id))) == 14
        assert ids(ada, "/api/executions", module=str(module.id), own="true") == []
        is_problem(bob.get("/api/executions?module=nothing"), 404, "not-found")
        is_problem(bob.get("/api/executions?own=yes"), 400, "bad-request")

        assert len(ids(bob, "/api/generations")) == 7
        assert len(ids(bob, "/api/generations", text="PROMPT 3")) == 1
        assert ids(bob, "/api/generations", text="100%") == []
        assert ids(bob, "/api/generations", status="error") == []
        assert len(ids(ada, "/api/generations")) == 7


def test_others_executions_and_generations_do_not_exist(service: Running) -> None:
    made = service.service.registry.generations(BOB).record("a secret", generator="offline", status="error", seconds=1)
    with service.client(BOB) as bob, service.client(EVE) as eve, service.client(ADA) as ada:
        module = upload(bob, isPublic=True)["id"]
        bob.post(PATH, json={"moduleId": module, "functionName": "add", "args": [42]})
        assert len(bob.get("/api/executions").json()["items"]) == 1
        for query in ("", "?own=false", f"?module={module}"):
            assert eve.get(f"/api/executions{query}").json() == {"items": [], "nextCursor": None}
        assert eve.get("/api/generations?text=secret").json()["items"] == []
        whole = bob.get(f"/api/generations/{made.id}").json()
        assert (
            whole
            == bob.get(f"/api/generations/{str(made.id)[:8]}").json()
            == ada.get(f"/api/generations/{made.id}").json()
        )
        assert (whole["prompt"], whole["attempts"]) == ("a secret", [])
        refused = is_problem(eve.get(f"/api/generations/{made.id}"), 404, "not-found")
        other = uuid4()
        absent = is_problem(eve.get(f"/api/generations/{other}"), 404, "not-found")
        assert json.dumps(refused).replace(str(made.id), str(other)) == json.dumps(absent)
        for wrong in ("x", "abc", "%00", "-" * 40, "1" * 33):
            is_problem(eve.get(f"/api/generations/{wrong}"), 404, "not-found")
        # Figures are over all executions for the owner alone.
        assert bob.get(f"/api/modules/{module}/stats").json()["count"] == 1
        assert eve.get(f"/api/modules/{module}/stats").json()["count"] == 0


def test_a_cursor_is_good_for_its_own_list_alone(service: Running) -> None:
    for number in range(3):
        store(service, ADA, f"m{number}", number, owner_type="system")
    with service.client(BOB) as bob, service.client(EVE) as eve:
        cursor = bob.get("/api/modules?limit=1").json()["nextCursor"]
        assert bob.get(f"/api/modules?limit=2&cursor={cursor}").status_code == 200
        for client, query in [
            (bob, f"/api/modules?access=own&cursor={cursor}"),
            (bob, f"/api/executions?cursor={cursor}"),
            (bob, f"/api/modules?cursor={cursor[:-2]}"),
            (bob, f"/api/modules?cursor={cursor}AAAA"),
            (bob, f"/api/modules?cursor={cursor}&cursor=x"),
            (eve, f"/api/modules?cursor={cursor}"),
            (bob, f"/api/modules?cursor={'A' * 2000}"),
        ]:
            is_problem(client.get(query), 400, "bad-request")
        check, name, when, row = json.loads(base64.urlsafe_b64decode(cursor + "=="))
        alterations: tuple[Any, ...] = (
            [check, "m", when, row],
            [check, name, when, 1],
            [check, name],
            [],
            {},
            check,
            [[]] * 4,
            None,
        )
        for altered in alterations:
            text = base64.urlsafe_b64encode(json.dumps(altered).encode()).decode()
            is_problem(bob.get("/api/modules", params={"cursor": text}), 400, "bad-request")


@given(st.text(max_size=80), st.datetimes(), st.uuids())
def test_cursors_are_read_as_they_were_written(name: str, when: Any, row: UUID) -> None:
    cursors = Cursors("modules", BOB, {"name": name}, ("text", "time", "id"))
    text = cursors.write(name, when, row)
    found = cursors.read(text)
    assert found is not None
    assert found[0] == name
    assert found[1].replace(tzinfo=None) == when
    assert found[2] == row
    for other in (
        Cursors("other", BOB, {"name": name}, ("text", "time", "id")),
        Cursors("modules", BOB, {}, ("text", "time", "id")),
        Cursors("modules", User(BOB.id, BOB.name, is_admin=True), {"name": name}, ("text", "time", "id")),
    ):
        with pytest.raises(RequestError):
            other.read(text)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    cursors = Cursors("modules", BOB, {}, ("text", "time", "id"))
    if text:
        with pytest.raises(RequestError):
            cursors.read(text)


def test_a_module_of_every_digest_is_listed_once(service: Running) -> None:
    """The same bytes under two names are two modules."""
    with service.client(BOB) as client:
        upload(client, adding(5), name="one")
        upload(client, adding(5), name="two")
        assert [item["name"] for item in client.get("/api/modules").json()["items"]] == ["one", "two"]
