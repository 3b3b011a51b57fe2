"""Designs while they are worked on: slots, fairness, cancellation, several processes, and the ends of processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import pytest
from postgres.pg_kit import emptied_database

from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import GuestSource
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.server import design_events
from akatsuki_wasm.server import designs as designs_module
from akatsuki_wasm.server.design_job import DesignWork
from akatsuki_wasm.server.designs import MOST_OF_USER

from .design_kit import MARGIN, Played, follow, look, sent, start, until
from .server_kit import ADA, BOB, EVE, is_problem, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server_kit import Running

SLOW = (
    "".join(f"const N{n}: u64 = {{ let mut i = {n}u64; while i < 90_000_000 {{ i += 1; }} i }};\n" for n in range(40))
    + "/// It.\npub fn it() -> u64 {\n    "
    + " ^ ".join(f"N{n}" for n in range(40))
    + "\n}\n"
)
"""Constants that take the compiler most of a minute."""


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def service(played: Played) -> Iterator[Running]:
    with running(plugins=[played]) as found:
        yield found


def test_a_running_design_is_cancelled_and_keeps_its_record(service: Running, played: Played) -> None:
    with service.client(BOB) as bob:
        design = start(bob, "long")
        until(lambda: "long" in played.begun)
        response = bob.post(f"/api/designs/{design['id']}/cancel")
        assert response.status_code in (200, 202)
        assert response.json()["cancelRequested"] is True
        events = follow(bob, design)
        assert [each.kind for each in events] == [
            "queued", "started", "stage-started", "text", "stage-failed", "cancelled",
        ]  # fmt: skip
        assert events[-1].data["error"]["code"] == "design-cancelled"
        assert look(bob, design)["status"] == "cancelled"
        again = bob.post(f"/api/designs/{design['id']}/cancel")
        assert (again.status_code, again.json()["status"]) == (200, "cancelled")
        record = bob.get(f"/api/generations/{design['id']}").json()
        assert (record["status"], record["error"]) == ("error", "the design was cancelled")


def test_what_is_finished_is_not_cancelled(service: Running) -> None:
    with service.client(BOB) as bob:
        design = start(bob, "quick")
        follow(bob, design)
        document = is_problem(bob.post(f"/api/designs/{design['id']}/cancel"), 409, "conflict")
        assert document["detail"] == "the design is finished already: success"


def test_slots_go_to_users_in_turn_and_a_queued_design_is_cancelled_at_once(played: Played) -> None:
    with running(plugins=[played], design_slots=2) as service, ExitStack() as stack:
        bob, eve = (stack.enter_context(service.client(user)) for user in (BOB, EVE))
        first = [start(bob, f"bob {number}") for number in range(5)]
        until(lambda: len(played.begun) == 2)
        theirs = [start(eve, f"eve {number}") for number in range(2)]
        assert look(eve, theirs[0])["status"] == "queued"
        assert (service.service.designs.running, service.service.designs.queued) == (2, 5)

        response = bob.post(f"/api/designs/{first[4]['id']}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
        assert [each.kind for each in follow(bob, first[4])] == ["queued", "cancelled"]
        assert look(bob, first[4])["generationId"] is None

        played.gate("bob 0").set()
        # Eve came last and has none: hers is next, before the three that Bob asked for earlier.
        until(lambda: len(played.begun) == 3)
        assert played.begun[2] == "eve 0"
        played.gate("bob 1").set()
        until(lambda: len(played.begun) == 4)
        assert played.begun[3] == "bob 2"
        for prompt in ("eve 0", "eve 1", "bob 2", "bob 3"):
            played.gate(prompt).set()
        assert {follow(bob, each)[-1].kind for each in first[:4]} == {"done"}
        assert {follow(eve, each)[-1].kind for each in theirs} == {"done"}


def test_a_user_has_so_many_unfinished_designs_and_others_are_not_in_their_way(
    service: Running, played: Played
) -> None:
    with service.client(BOB) as bob, service.client(EVE) as eve:
        mine = [start(bob, f"mine {number}") for number in range(MOST_OF_USER)]
        response = bob.post("/api/designs", json={"prompt": "one more"})
        document = is_problem(response, 429, "quota")
        assert document["detail"] == f"{MOST_OF_USER} of your designs are not finished: at most 8 may be at once"
        assert int(response.headers["retry-after"]) == 10
        theirs = start(eve, "quick")
        played.gate("mine 0").set()
        assert follow(eve, theirs)[-1].kind == "done"
        assert follow(bob, mine[0])[-1].kind == "done"
        mine.append(start(bob, "one more"))
        for design in mine[1:]:
            bob.post(f"/api/designs/{design['id']}/cancel")
        assert {follow(bob, design)[-1].kind for design in mine[1:]} == {"cancelled"}


def test_a_full_queue_refuses_and_says_when_to_come_again(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designs_module, "QUEUED_PER_SLOT", 1)
    with running(plugins=[played], design_slots=1) as service, service.client(BOB) as bob:
        two = [start(bob, "one"), start(bob, "two")]
        response = bob.post("/api/designs", json={"prompt": "three"})
        is_problem(response, 503, "overloaded")
        assert int(response.headers["retry-after"]) == 30
        assert len(bob.get("/api/designs").json()["items"]) == 2
        played.gate("one").set()
        played.gate("two").set()
        assert [follow(bob, each)[-1].kind for each in two] == ["done", "done"]


def test_events_of_designs_at_once_do_not_mix(played: Played) -> None:
    names = [f"quick-{number}" for number in range(6)]
    with running(plugins=[played], design_slots=6) as service, service.client(BOB) as bob:
        designs = {name: start(bob, f"{name} of bob", name=name) for name in names}
        for name, design in designs.items():
            events = follow(bob, design)
            assert [each.kind for each in events] == [
                "queued", "started", "stage-started", "text", "stage-done",
                *(kind for _ in range(3) for kind in ("stage-started", "stage-done")), "done",
            ]  # fmt: skip
            assert [each.number for each in events] == list(range(1, len(events) + 1))
            assert {each.data["name"] for each in events if "stage" in each.data} == {name}
            assert [each.data["text"] for each in events if each.kind == "text"] == [f"the answer to {name} of bob"]
            assert events[-1].data["module"]["name"] == name


@pytest.mark.toolchain
def test_two_designs_are_built_at_once() -> None:
    with running(design_slots=2) as service, service.client(BOB) as bob, service.client(EVE) as eve:
        mine = start(bob, MARGIN, name="margin")
        theirs = start(eve, "a function twice(x) = x * 2", name="twice")
        for client, design, function in ((bob, mine, "margin"), (eve, theirs, "twice")):
            module = follow(client, design)[-1].data["module"]
            assert [each["name"] for each in module["functions"]] == [function]


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_a_design_of_one_process_is_followed_and_cancelled_at_another(
    played: Played, tmp_path: Path, place: str
) -> None:
    shared = {"data_dir": tmp_path, "database_url": emptied_database().url() if place == "postgresql" else ""}
    with ExitStack() as stack:
        one = stack.enter_context(running(plugins=[played], **shared))
        other = stack.enter_context(running(plugins=[Played()], **shared))
        here, there = (stack.enter_context(each.client(BOB)) for each in (one, other))
        design = start(here, "far")
        until(lambda: "far" in played.begun)
        assert (one.service.designs.running, other.service.designs.running) == (1, 0)
        with there.stream("GET", f"/api/designs/{design['id']}/events") as response:
            events = sent(response)
            assert [next(events).kind for _ in range(4)] == ["queued", "started", "stage-started", "text"]
            answer = there.post(f"/api/designs/{design['id']}/cancel")
            assert (answer.status_code, answer.json()["cancelRequested"]) == (202, True)
            assert [each.kind for each in events] == ["stage-failed", "cancelled"]
        assert look(there, design) == look(here, design)

        waiting = [start(here, f"slot {number}") for number in range(3)]
        until(lambda: one.service.designs.queued == 1)
        assert there.post(f"/api/designs/{waiting[2]['id']}/cancel").status_code == 202
        assert [each.kind for each in follow(there, waiting[2])] == ["queued", "cancelled"]
        finished = there.get("/api/designs", params={"status": "cancelled"}).json()["items"]
        assert {each["id"] for each in finished} == {design["id"], waiting[2]["id"]}
        played.gate("slot 0").set()
        played.gate("slot 1").set()
        for each in waiting[:2]:
            assert follow(there, each)[-1].kind == "done"


def test_a_reader_that_goes_away_or_reads_nothing_stops_nothing(service: Running, played: Played) -> None:
    feed = service.service.design_feed
    with service.client(BOB) as bob:
        design = start(bob, "unwatched")
        with bob.stream("GET", f"/api/designs/{design['id']}/events") as response:
            assert next(response.iter_lines()) == "retry: 1000"
            until(lambda: feed.streams == 1)
        until(lambda: feed.streams == 0)
        with bob.stream("GET", f"/api/designs/{design['id']}/events"):  # nothing of it is read
            played.gate("unwatched").set()
            until(lambda: look(bob, design)["status"] == "success")
        assert follow(bob, design)[-1].kind == "done"
        until(lambda: feed.streams == 0)
    assert not feed._waiting


def test_a_user_has_so_many_streams(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_events, "STREAMS_OF_USER", 2)
    with service.client(BOB) as bob, service.client(ADA) as ada, ExitStack() as stack:
        design = start(bob, "watched")
        place = f"/api/designs/{design['id']}/events"
        # Lines that nobody holds would close their stream.
        held = [stack.enter_context(bob.stream("GET", place)).iter_lines() for _ in range(2)]
        assert [next(lines) for lines in held] == ["retry: 1000"] * 2
        is_problem(bob.get(place), 429, "quota")
        with ada.stream("GET", place) as response:
            assert next(response.iter_lines()) == "retry: 1000"
        bob.post(f"/api/designs/{design['id']}/cancel")


def test_a_silent_stream_says_that_it_is_alive(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_events, "KEEP_ALIVE_S", 0.3)
    with service.client(BOB) as bob:
        design = start(bob, "silent")
        with bob.stream("GET", f"/api/designs/{design['id']}/events") as response:
            comments = 0
            for line in response.iter_lines():
                comments += line == ": nothing new"
                if comments == 3:
                    break
        bob.post(f"/api/designs/{design['id']}/cancel")


def test_a_long_answer_is_few_events(service: Running, played: Played) -> None:
    """Pieces that come in a rush are one event, and together the events are the whole answer."""
    rows = service.service.registry.designs(BOB)
    row = rows.create("many pieces", {}, most=8)
    work = DesignWork(row.id, None, service.service.workspace_of(BOB))  # type: ignore[arg-type] # nothing is run
    pieces = [f"piece {number} żółw\n" for number in range(2_000)]
    for piece in pieces:
        work.hear("akatsuki_reply_text", {"text": piece, "attempt": 1})
    work.write()
    events = [each for each in rows.events(row.id) if each.kind == "text"]
    assert "".join(each.data["text"] for each in events) == "".join(pieces)
    assert len(events) < 100
    work.end_cancelled()


# ---------------------------------------------------------------- the ends of processes

PROGRAM = """
import socket, sys, threading
from registry.registry_kit import wasm_adding
from server.design_kit import Played
from server.server_kit import running

played = Played()
with running(plugins=[played], data_dir=sys.argv[1]) as service:
    print(service.url, flush=True)
    sys.stdin.read()
"""


def test_a_design_of_a_killed_process_ends_as_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designs_module.Designs, "lost_s", 1.0)
    monkeypatch.setattr(designs_module.Designs, "sweep_s", 0.2)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with (
        running(plugins=[Played()], data_dir=tmp_path) as survivor,
        survivor.client(BOB) as bob,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            survivor_url, survivor.url = survivor.url, url
            with survivor.client(BOB) as doomed:
                survivor.url = survivor_url
                ran, _, waited = (start(doomed, prompt) for prompt in ("doomed", "also doomed", "queued"))
                until(lambda: look(bob, ran)["status"] == "running")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for design in (ran, waited):
            events = follow(bob, design)
            assert events[-1].kind == "failed"
            assert events[-1].data["error"]["code"] == "service"
            assert "was not heard of" in events[-1].data["error"]["detail"]
            assert look(bob, design)["status"] == "error"
        assert follow(bob, start(bob, "quick"))[-1].kind == "done"


def test_a_process_that_was_taken_for_dead_stores_nothing(service: Running, played: Played, tmp_path: Path) -> None:
    """It slept too long; another one ended its design; when it wakes it must not go on."""
    rows = service.service.registry.designs(UPKEEP)
    with service.client(BOB) as bob:
        design = start(bob, "deaf", name="ghost")
        until(lambda: "deaf" in played.begun)
        assert rows.fail_lost(UUID(design["id"]), -1.0, {"code": "service"})
        played.gate("deaf").set()
        until(lambda: service.service.designs.running == 0)
        assert bob.get("/api/modules").json()["items"] == []
        events = follow(bob, design)
        assert events[-1].kind == "failed"
        assert look(bob, design)["status"] == "error"


def test_a_stopping_service_cancels_its_designs_and_ends_streams(played: Played, tmp_path: Path) -> None:
    with running(plugins=[played], data_dir=tmp_path, design_slots=1) as service, service.client(BOB) as bob:
        designs = [start(bob, "runs"), start(bob, "waits")]
        until(lambda: "runs" in played.begun)
        lines: list[str] = []
        came = threading.Event()

        def read() -> None:
            with bob.stream("GET", f"/api/designs/{designs[0]['id']}/events") as response:
                for line in response.iter_lines():
                    lines.append(line)
                    came.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert came.wait(20)
        # As the signal does; the test's server has no signals.
        feed_loop = until(lambda: service.service.design_feed._task).get_loop()
        asyncio.run_coroutine_threadsafe(begin_stop(service), feed_loop).result(10)
        reader.join(20)
        assert not reader.is_alive(), "the stream goes on"
        is_problem(bob.post("/api/designs", json={"prompt": "late"}), 503, "overloaded")
    with running(plugins=[Played()], data_dir=tmp_path) as service, service.client(BOB) as bob:
        for design in designs:
            row = look(bob, design)
            assert row["status"] == "cancelled"
            assert row["error"]["detail"] == "the service was stopped before the design was done"
            assert follow(bob, design)[-1].kind == "cancelled"


async def begin_stop(service: Running) -> None:
    service.service.begin_stop()


# ---------------------------------------------------------------- real parts


@pytest.mark.toolchain
def test_a_running_build_ends_when_its_design_is_cancelled() -> None:
    class Writes:
        name = "writes"

        @hookimpl
        def akatsuki_generate(self) -> GuestSource:
            return GuestSource(SLOW, "slow", "", "writes")

    with running(plugins=[Writes()]) as service, service.client(BOB) as bob:
        design = start(bob, "constants")
        with bob.stream("GET", f"/api/designs/{design['id']}/events") as response:
            events = sent(response)
            until(lambda: next(events).data.get("stage") == "build")
            time.sleep(0.5)  # the compiler is at work, or about to be: it must end in both cases
            began = time.monotonic()
            bob.post(f"/api/designs/{design['id']}/cancel")
            assert [each.kind for each in events] == ["stage-failed", "cancelled"]
        assert time.monotonic() - began < 10, "the compiler, which needs most of a minute, was waited for"
        record = bob.get(f"/api/generations/{design['id']}").json()
        assert record["attempts"][0]["source"] == SLOW


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The played language model in a process of its own; its address."""
    program = Path(__file__).parents[1] / "model" / "model_server.py"
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-the-service")
        yield address
        process.kill()


def test_an_answer_is_followed_while_it_streams_and_broken_off(model: str) -> None:
    content = "name: twice\n```rust\n/// Twice.\npub fn twice(x: f64) -> f64 {\n    x * 2.0\n}\n```"
    httpx.post(f"{model}/script", content=json.dumps([{"content": content, "drip": 0.15, "pieces": 4}]))
    with running() as service, service.client(BOB) as bob:
        design = start(bob, "twice", generator="openai", model="played")
        texts: list[str] = []
        with bob.stream("GET", f"/api/designs/{design['id']}/events") as response:
            events = sent(response)
            for event in events:
                if event.kind == "text":
                    texts.append(event.data["text"])
                    if len(texts) == 3:
                        break
            bob.post(f"/api/designs/{design['id']}/cancel")
            rest = list(events)
        assert [each.kind for each in rest if each.kind != "text"] == ["stage-failed", "cancelled"]
        said = "".join([*texts, *(each.data["text"] for each in rest if each.kind == "text")])
        assert content.startswith(said)
        assert len(said) < len(content)
        (attempt,) = bob.get(f"/api/generations/{design['id']}").json()["attempts"]
        assert attempt["reply"].startswith(said)
        assert "sk-test-of-the-service" not in json.dumps(attempt)
        until(lambda: httpx.get(f"{model}/requests").json()[-1]["left"])
