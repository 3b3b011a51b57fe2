"""The repository of designs: who sees what, what is appended by whom, and what becomes of the dead."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from registry_kit import ADMIN, BOB, EVE

from akatsuki_wasm.errors import NotFoundError, QuotaError
from akatsuki_wasm.registry.acting import UPKEEP

if TYPE_CHECKING:
    from registry_kit import Bench

PROBLEM = {"code": "service", "detail": "it is gone"}


def test_events_are_numbered_in_order_and_the_last_one_ends_it(bench: Bench) -> None:
    rows = bench.registry.designs(BOB)
    design = rows.create("a prompt", {"name": "x"}, most=8)
    assert (design.status, design.prompt, design.request, design.owner_id) == (
        "queued",
        "a prompt",
        {"name": "x"},
        BOB.id,
    )
    assert rows.write(design.id, [("started", {})], status="running") is False
    assert rows.write(design.id, [("text", {"text": "żółw"}), ("note", {"text": "b"})]) is False
    assert rows.write(design.id) is False
    assert rows.write(design.id, [("failed", {"error": PROBLEM})], status="error", error=PROBLEM) is False
    assert rows.write(design.id, [("late", {})], status="success") is None
    found = [(each.number, each.kind, each.data) for each in rows.events(design.id)]
    assert found == [
        (1, "queued", {}),
        (2, "started", {}),
        (3, "text", {"text": "żółw"}),
        (4, "note", {"text": "b"}),
        (5, "failed", {"error": PROBLEM}),
    ]
    assert [each.number for each in rows.events(design.id, after=2, limit=2)] == [3, 4]
    assert rows.latest([design.id, UUID(int=1)]) == {design.id: 5}
    ended = rows.get(design.id)
    assert (ended.status, ended.error) == ("error", PROBLEM)
    assert ended.updated_at > design.updated_at


def test_others_see_and_change_nothing(bench: Bench) -> None:
    mine, theirs, admin = (bench.registry.designs(user) for user in (BOB, EVE, ADMIN))
    design = mine.create("secret", {}, most=8)
    with pytest.raises(NotFoundError, match=f"there is no design with the id {design.id}"):
        theirs.get(design.id)
    with pytest.raises(NotFoundError):
        theirs.request_cancel(design.id)
    assert theirs.write(design.id, [("forged", {})], status="error") is None
    assert list(theirs.events(design.id)) == []
    assert theirs.latest([design.id]) == {}
    assert list(theirs.list(limit=10)) == []
    assert theirs.forget(-1) == 0
    row = mine.get(design.id)
    assert (row.status, row.cancel_requested) == ("queued", False)
    assert [each.id for each in admin.list(limit=10)] == [design.id]
    assert admin.request_cancel(design.id).cancel_requested
    assert mine.write(design.id) is True
    assert bench.registry.designs(UPKEEP).to_cancel([design.id]) == {design.id}


def test_pages_are_newest_first(bench: Bench) -> None:
    rows = bench.registry.designs(BOB)
    made = [rows.create(str(number), {}, most=8).id for number in range(5)]
    first = rows.list(limit=3)
    assert [each.id for each in first] == made[:1:-1]
    rest = rows.list(limit=3, after=(first[-1].created_at, first[-1].id))
    assert [each.id for each in rest] == [made[1], made[0]]
    rows.write(made[1], status="running")
    assert [each.id for each in rows.list(limit=3, status="running")] == [made[1]]


def test_only_so_many_are_unfinished_however_many_ask_at_once(bench: Bench) -> None:
    refused: list[QuotaError] = []

    def ask() -> None:
        try:
            bench.registry.designs(BOB).create("one of many", {}, most=3)
        except QuotaError as exc:
            refused.append(exc)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = bench.registry.designs(BOB)
    found = rows.list(limit=10)
    assert (len(found), len(refused)) == (3, 5)
    assert refused[0].retry_after == 10
    rows.write(found[0].id, [("cancelled", {})], status="cancelled")
    assert rows.create("now there is room", {}, most=3)
    assert bench.registry.designs(EVE).create("others have their own", {}, most=3)


def test_writers_at_once_give_no_number_twice(bench: Bench) -> None:
    rows = bench.registry.designs(BOB)
    design = rows.create("many writers", {}, most=8)

    def append() -> None:
        for number in range(10):
            rows.write(design.id, [("note", {"number": number})] * 2)

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.number for each in rows.events(design.id)] == list(range(1, 82))


def test_the_dead_are_found_by_the_database_s_clock_and_ended_once(bench: Bench) -> None:
    rows, upkeep = bench.registry.designs(BOB), bench.registry.designs(UPKEEP)
    design, alive = rows.create("doomed", {}, most=8), rows.create("finished", {}, most=8)
    rows.write(alive.id, [("done", {})], status="success")
    assert list(upkeep.lost(60)) == []
    assert not upkeep.fail_lost(design.id, 60, PROBLEM)
    assert list(upkeep.lost(-1)) == [design.id]
    assert upkeep.fail_lost(design.id, -1, PROBLEM)
    assert not upkeep.fail_lost(design.id, -1, PROBLEM)
    assert not upkeep.fail_lost(alive.id, -1, PROBLEM)
    assert [each.kind for each in rows.events(design.id)] == ["queued", "failed"]
    assert (rows.get(design.id).status, rows.get(alive.id).status) == ("error", "success")


def test_old_ones_are_forgotten_with_their_events(bench: Bench) -> None:
    rows, upkeep = bench.registry.designs(BOB), bench.registry.designs(UPKEEP)
    old, unfinished = rows.create("old", {}, most=8), rows.create("unfinished", {}, most=8)
    rows.write(old.id, [("done", {})], status="success")
    assert upkeep.forget(1) == 0
    assert upkeep.forget(-1) == 1
    assert [each.id for each in rows.list(limit=10)] == [unfinished.id]
    assert list(rows.events(old.id)) == []


def test_a_deleted_module_leaves_its_design(bench: Bench) -> None:
    stored = bench.store(BOB, "gone")
    rows = bench.registry.designs(BOB)
    design = rows.create("it makes gone", {}, most=8)
    rows.write(design.id, [("done", {})], status="success", module_id=stored.id)
    assert rows.get(design.id).module_id == stored.id
    bench.registry.modules(BOB).delete(stored.id)
    found = rows.get(design.id)
    assert (found.status, found.module_id) == ("success", None)
