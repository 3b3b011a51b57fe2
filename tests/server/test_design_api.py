"""Designs through HTTP: asked for, followed, listed, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from .design_kit import MARGIN, Played, follow, look, start, until
from .server_kit import ADA, BOB, EVE, is_problem, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server_kit import Running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that accepts nothing of what is asked of it."""
    with running(data_dir=tmp_path_factory.mktemp("data"), user_rate=100_000.0) as found:
        yield found


UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def service(played: Played) -> Iterator[Running]:
    with running(plugins=[played]) as found:
        yield found


@pytest.mark.toolchain
def test_a_sentence_becomes_a_module_that_is_followed_from_stage_to_stage() -> None:
    with running() as service, service.client(BOB) as bob:
        design = start(bob, MARGIN, examples=["margin(80, 60) == 0.25"], name="pricing")
        assert design["status"] == "queued"
        events = follow(bob, design)
        assert [each.number for each in events] == list(range(1, len(events) + 1))
        assert [each.kind for each in events] == [
            "queued", "started",
            *(kind for _ in range(4) for kind in ("stage-started", "stage-done")),
            "done",
        ]  # fmt: skip
        stages = [each for each in events if each.kind == "stage-done"]
        assert [each.data["stage"] for each in stages] == ["generate", "build", "check", "upload"]
        assert all(each.data["seconds"] >= 0 and each.data["summary"] and each.data["attempt"] == 1 for each in stages)
        module = events[-1].data["module"]
        assert (module["name"], module["version"], module["ownerId"]) == ("pricing", "1.0.0", str(BOB.id))
        done = look(bob, design)
        assert done["status"] == "success"
        assert done["moduleId"] == module["id"]
        assert done["error"] is None
        record = bob.get(f"/api/generations/{done['generationId']}").json()
        assert record["prompt"] == MARGIN
        assert record["module"]["id"] == module["id"]
        answer = bob.post(
            "/functions/v1/wasm-executor",
            json={"moduleId": module["id"], "functionName": "margin", "args": [80, 60]},
        )
        assert answer.json()["result"] == 0.25


def test_what_fails_says_why_as_a_problem(service: Running) -> None:
    with service.client(BOB) as bob:
        design = start(bob, "fail at once")
        events = follow(bob, design)
        assert [each.kind for each in events if each.kind != "text"] == [
            "queued", "started", "stage-started", "stage-failed", "failed",
        ]  # fmt: skip
        failed = events[-1].data
        assert failed["error"]["code"] == "generate"
        assert failed["error"]["detail"] == "there is nothing for fail at once"
        assert failed["error"]["hint"] == "Say it otherwise."
        assert failed["generationId"] == design["id"]
        row = look(bob, design)
        assert (row["status"], row["moduleId"], row["error"]) == ("error", None, failed["error"])


def test_events_go_on_behind_the_last_one_that_came(service: Running, played: Played) -> None:
    with service.client(BOB) as bob:
        design = start(bob, "slow")
        until(lambda: "slow" in played.begun)
        played.gate("slow").set()
        events = follow(bob, design)
        for after in (0, 3, len(events) - 1):
            assert follow(bob, design, after) == events[after:]
        response = bob.get(f"/api/designs/{design['id']}/events", headers={"Last-Event-ID": str(len(events))})
        assert (response.status_code, response.content) == (204, b"")
        for wrong in ("x", "-1", "1.5", "9" * 30, "１"):
            response = bob.get(f"/api/designs/{design['id']}/events", headers={"Last-Event-ID": wrong.encode()})
            is_problem(response, 400, "bad-request")


def test_a_stream_begins_before_the_design_ends(service: Running, played: Played) -> None:
    with service.client(BOB) as bob:
        design = start(bob, "live")
        with bob.stream("GET", f"/api/designs/{design['id']}/events") as response:
            lines = response.iter_lines()
            assert next(lines) == "retry: 1000"
            seen = [next(line for line in lines if line.startswith("event:")) for _ in range(4)]
            assert seen == ["event: queued", "event: started", "event: stage-started", "event: text"]
            played.gate("live").set()
            assert [line for line in lines if line.startswith("event:")][-1] == "event: done"


def test_designs_are_listed_in_pages_and_each_sees_their_own(service: Running) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve, service.client(ADA) as ada:
        mine = [start(bob, f"quick {number}", name=f"quick-{number}") for number in range(3)]
        theirs = start(eve, "quick of eve")
        for design in mine:
            follow(bob, design)
        follow(eve, theirs)

        def listed(client: Any, **query: Any) -> list[str]:
            found: list[str] = []
            cursor = None
            while True:
                page = client.get("/api/designs", params={"limit": 2, "cursor": cursor or "", **query}).json()
                found += [each["id"] for each in page["items"]]
                cursor = page["nextCursor"]
                if cursor is None:
                    return found

        assert listed(bob) == [each["id"] for each in reversed(mine)]
        assert listed(eve) == [theirs["id"]]
        assert listed(ada) == [theirs["id"], *(each["id"] for each in reversed(mine))]
        assert listed(bob, status="success") == listed(bob)
        assert listed(bob, status="running") == []
        is_problem(bob.get("/api/designs", params={"status": "nonsense"}), 400, "bad-request")


def test_a_design_of_another_user_is_not_there(service: Running, played: Played) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve, service.client(ADA) as ada:
        design = start(bob, "private")
        wrongs = [UNKNOWN, "nonsense", "..%2f..%2fetc", design["id"]]
        for wrong in wrongs:
            place = f"/api/designs/{wrong}"
            for response in (eve.get(place), eve.get(f"{place}/events"), eve.post(f"{place}/cancel")):
                document = is_problem(response, 404, "not-found")
                assert "private" not in response.text
                if wrong in (UNKNOWN, design["id"]):
                    assert document["detail"] == f"there is no design with the id {wrong}"
        assert look(bob, design)["cancelRequested"] is False
        assert look(ada, design)["prompt"] == "private"
        assert ada.post(f"/api/designs/{design['id']}/cancel").status_code in (200, 202)
        assert follow(bob, design)[-1].kind == "cancelled"


def test_nobody_designs_without_a_token(service: Running) -> None:
    with service.client() as nobody:
        for response in (
            nobody.post("/api/designs", json={"prompt": "x"}),
            nobody.get("/api/designs"),
            nobody.get(f"/api/designs/{UNKNOWN}"),
            nobody.get(f"/api/designs/{UNKNOWN}/events"),
            nobody.post(f"/api/designs/{UNKNOWN}/cancel"),
        ):
            is_problem(response, 401, "unauthenticated")


@pytest.mark.parametrize(
    ("wish", "status", "code", "says"),
    [
        ({}, 400, "bad-request", "prompt"),
        ({"prompt": "  \n"}, 422, "argument", "empty"),
        ({"prompt": "x" * 16_001}, 413, "request-too-large", "16,000"),
        ({"prompt": "x", "source": "//" + "x" * 65_535}, 413, "request-too-large", "65,536"),
        ({"prompt": "x", "source": " "}, 400, "bad-request", "source"),
        ({"prompt": "x", "source": "//", "base": "y"}, 400, "bad-request", "both"),
        ({"prompt": "x", "base": "/etc/passwd"}, 404, "not-found", "passwd"),
        ({"prompt": "x", "base": "examples/pricing.rs"}, 404, "not-found", "pricing.rs"),
        ({"prompt": "x", "base": "no-such-module"}, 404, "not-found", "no-such-module"),
        ({"prompt": "x", "ownerType": "system"}, 403, "permission-denied", "system"),
        ({"prompt": "x", "ownerType": "admin"}, 403, "permission-denied", "admin"),
        ({"prompt": "x", "ownerType": "root"}, 400, "bad-request", "ownerType"),
        ({"prompt": "x", "name": "../x"}, 422, "argument", "name"),
        ({"prompt": "x", "name": "ok", "version": "one"}, 422, "upload", "version"),
        ({"prompt": "x", "examples": ["import os"]}, 422, "argument", "example"),
        ({"prompt": "x", "examples": ["f(1) == 1"] * 101}, 400, "bad-request", "examples"),
        ({"prompt": "x", "maxRepairs": 4}, 400, "bad-request", "at most 3"),
        ({"prompt": "x", "maxRepairs": -1}, 400, "bad-request", "maxRepairs"),
        ({"prompt": "x", "generator": "nobody"}, 422, "stage-unhandled", "nobody"),
        ({"prompt": "x", "generator": "manual"}, 400, "bad-request", "manual"),
        ({"prompt": "x", "oracle": "import os"}, 400, "bad-request", "oracle"),
        ({"prompt": "x", "like": "os.system"}, 400, "bad-request", "like"),
        ({"prompt": "x", "lock": True}, 400, "bad-request", "lock"),
        ({"prompt": "x", "bring": "x"}, 400, "bad-request", "bring"),
        ({"prompt": "x", "deploy": False}, 400, "bad-request", "deploy"),
        ({"prompt": "x\u0000"}, 400, "bad-request", "NUL"),
    ],
)
def test_a_wish_is_refused_at_once(refusing: Running, wish: Any, status: int, code: str, says: str) -> None:
    with refusing.client(BOB) as bob:
        document = is_problem(bob.post("/api/designs", json=wish), status, code)
        assert says in document["detail"]
        assert bob.get("/api/designs").json()["items"] == []


def test_a_base_is_a_module_whose_source_the_user_may_read(service: Running) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve:
        follow(bob, start(bob, "quick one", name="secret-one"))
        follow(bob, start(bob, "quick two", name="open-one", isPublic=True))
        is_problem(eve.post("/api/designs", json={"prompt": "x", "base": "secret-one"}), 404, "not-found")
        design = start(eve, "quick change", base="open-one")
        assert follow(eve, design)[-1].data["module"]["name"] == "adder"
        assert (design["request"]["name"], design["request"]["base"]) == (None, "open-one")
        again = start(bob, "quick change", base="secret-one@1.0.0")
        module = follow(bob, again)[-1].data["module"]
        assert (module["name"], module["version"]) == ("secret-one", "1.1.0")
        record = bob.get(f"/api/generations/{again['id']}").json()
        assert record["request"]["base"]["name"] == "secret-one"
        assert record["parentId"] is not None


def test_a_taken_name_is_refused_before_the_work(service: Running) -> None:
    with service.client(BOB) as bob:
        follow(bob, start(bob, "quick one", name="taken", version="1.0.0"))
        again = {"prompt": "quick one", "name": "taken", "version": "1.0.0"}
        is_problem(bob.post("/api/designs", json=again), 409, "conflict")


def test_the_same_key_starts_one_design(service: Running) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    with service.client(BOB) as bob, service.client(EVE) as eve:
        first = bob.post("/api/designs", json={"prompt": "quick once"}, headers=key)
        again = bob.post("/api/designs", json={"prompt": "quick once"}, headers=key)
        assert (first.status_code, again.status_code) == (202, 202)
        assert again.json() == first.json()
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["idempotent-replay"] == "true"
        is_problem(bob.post("/api/designs", json={"prompt": "quick other"}, headers=key), 409, "conflict")
        follow(bob, first.json())
        assert len(bob.get("/api/designs").json()["items"]) == 1
        assert eve.post("/api/designs", json={"prompt": "quick once"}, headers=key).json()["id"] != first.json()["id"]
