"""Two services on one registry: what one of them disables, deletes or unshares, the other executes no longer."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from postgres.pg_kit import emptied_database
from wasmtime import wat2wasm

from .api_kit import upload
from .server_kit import BOB, EVE, is_problem, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from .server_kit import Running

PATH = "/functions/v1/wasm-executor"
STATED_S = 1.0
"""What is promised; see docs/explanation/load.md."""
CORE = bytes(
    wat2wasm(
        """(module (memory (export "memory") 1)
             (func (export "one") (result i32) i32.const 1)
             (func (export "spin") (loop br 0)))"""
    )
)


@contextmanager
def two_services(place: str, folder: Path, **settings: Any) -> Iterator[tuple[Running, Running]]:
    url = emptied_database().url() if place == "postgresql" else ""
    shared = {"data_dir": folder, "database_url": url, "user_rate": None, **settings}
    with running(**shared) as one, running(**shared) as other:
        yield one, other


def call(client: httpx.Client, module: dict[str, Any], function: str = "one", **more: Any) -> httpx.Response:
    return client.post(PATH, json={"moduleId": module["id"], "functionName": function, "args": [], **more})


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_a_change_holds_here_at_once_and_everywhere_within_the_stated_second(place: str, tmp_path: Path) -> None:
    with (
        two_services(place, tmp_path) as (here, there),
        here.client(BOB) as owner,
        here.client(EVE) as eve,
        there.client(EVE) as eve_there,
    ):
        disabled, deleted, hidden = (
            upload(owner, CORE, name=name, isPublic=True) for name in ("disabled", "deleted", "hidden")
        )
        unshared = upload(owner, CORE, name="unshared")
        owner.post(f"/api/modules/{unshared['id']}/share", json={"users": [str(EVE.id)]}).raise_for_status()
        modules = (disabled, deleted, hidden, unshared)
        for client in (eve, eve_there):
            for each in modules:
                assert call(client, each).json()["result"] == 1

        owner.post(f"/api/modules/{disabled['id']}/disable").raise_for_status()
        owner.delete(f"/api/modules/{deleted['id']}").raise_for_status()
        owner.post(f"/api/modules/{hidden['id']}/share", json={"isPublic": False}).raise_for_status()
        owner.post(f"/api/modules/{unshared['id']}/share", json={"remove": [str(EVE.id)]}).raise_for_status()
        for client, pause in ((eve, 0), (eve_there, STATED_S)):
            time.sleep(pause)
            is_problem(call(client, disabled), 403, "permission-denied")
            for each in (deleted, hidden, unshared):
                is_problem(call(client, each), 404, "not-found")

        owner.post(f"/api/modules/{disabled['id']}/enable").raise_for_status()
        time.sleep(STATED_S)
        assert call(eve_there, disabled).json()["result"] == 1


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
@pytest.mark.parametrize("change", ["disable", "delete", "hide"])
def test_what_is_under_way_ends_within_the_stated_second_too(place: str, change: str, tmp_path: Path) -> None:
    with (
        two_services(place, tmp_path) as (here, there),
        here.client(BOB) as owner,
        there.client(EVE) as eve,
        here.client(EVE) as eve_here,
        ThreadPoolExecutor(3) as threads,
    ):
        module = upload(owner, CORE, name="spinning", isPublic=True)
        other = upload(owner, CORE, name="other", isPublic=True)
        went_on = threads.submit(call, eve, other, "spin", timeoutMs=3000)
        spinning = [threads.submit(call, client, module, "spin", timeoutMs=30_000) for client in (eve, eve_here)]
        until(lambda: there.service.executions.under_way == 2, "the executions did not begin")
        until(lambda: here.service.executions.under_way == 1, "the execution did not begin")
        time.sleep(0.3)
        path = f"/api/modules/{module['id']}"
        if change == "disable":
            owner.post(f"{path}/disable").raise_for_status()
        elif change == "delete":
            owner.delete(path).raise_for_status()
        else:
            owner.post(f"{path}/share", json={"isPublic": False}).raise_for_status()
        began = time.monotonic()
        expected = (403, "permission-denied") if change == "disable" else (404, "not-found")
        for each in spinning:
            is_problem(each.result(), *expected)
        assert time.monotonic() - began < STATED_S + 4  # the machine may be busy; it had most of 30 s left
        is_problem(went_on.result(), 504, "timeout")
        rows = there.service.registry.executions(EVE).list_own()
        assert sorted((row.status, row.error_code) for row in rows) == [
            *[("error", expected[1])] * 2,
            ("timeout", "timeout"),
        ]
        assert there.service.executions.under_way == here.service.executions.under_way == 0


def test_what_waits_does_not_begin_once_its_module_is_disabled(tmp_path: Path) -> None:
    """The one slot there is taken by an execution for longer than what is known of a module counts."""
    with (
        two_services("sqlite", tmp_path, execution_slots=1, fresh_ms=100) as (here, there),
        here.client(BOB) as owner,
        there.client(BOB) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        module = upload(owner, CORE, name="spinning")
        slots = there.service.admission.slots
        spinning = threads.submit(call, client, upload(owner, CORE, name="other"), "spin", timeoutMs=2000)
        until(lambda: slots.free == 0, "the execution did not begin")
        waiting = threads.submit(call, client, module)
        until(lambda: slots.waiting == 1, "the other one did not wait")
        owner.post(f"/api/modules/{module['id']}/disable").raise_for_status()
        is_problem(spinning.result(), 504, "timeout")
        is_problem(waiting.result(), 403, "permission-denied")
        assert (slots.free, slots.waiting) == (1, 0)
        rows = there.service.registry.executions(BOB).list_own()
        assert [(row.function_name, row.status) for row in rows] == [("spin", "timeout")]


def test_services_that_share_a_registry_share_the_bill_of_the_day(tmp_path: Path) -> None:
    quotas = {"user": {"cpu_seconds_per_day": 0.15}}
    with two_services("sqlite", tmp_path, quotas=quotas) as (here, there), here.client(BOB) as client:
        module = upload(client, CORE, name="spinning")
        is_problem(call(client, module, "spin", timeoutMs=200), 504, "timeout")
        is_problem(call(client, module), 429, "quota")
        with there.client(BOB) as other:
            is_problem(call(other, module), 429, "quota")
