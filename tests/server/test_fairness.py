"""One slow user beside others, against a running service: who waits, for whom, and what is left when clients go."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from wasmtime import wat2wasm

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget

from .server_kit import BOB, EVE, is_problem, running, token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.server.admission_slots import Slots

    from .server_kit import Running

PATH = "/functions/v1/wasm-executor"
LONG_MS = 9000
"""Longer than a test; an execution ends when its client goes away."""


def spinning(service: Running) -> StoredModule:
    wasm = bytes(
        wat2wasm(
            """(module (memory (export "memory") 1)
                 (func (export "one") (result i32) i32.const 1)
                 (func (export "spin") (loop br 0)))"""
        )
    )
    registry = service.service.registry
    target = UploadTarget("spinning", registry, BOB, is_public=True)
    return registry.store(Artifact(wasm, manifests.for_binary(wasm)), target)


class Client:
    """A user with as many connections as it takes."""

    def __init__(self, service: Running, user: User, module: StoredModule) -> None:
        headers = {"Authorization": f"Bearer {token_of(user)}"}
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60, limits=limits)
        self._module = str(module.id)
        self._tasks: list[asyncio.Task[httpx.Response]] = []

    async def call(self, function: str = "one", **more: Any) -> httpx.Response:
        return await self._http.post(
            PATH, json={"moduleId": self._module, "functionName": function, "args": [], **more}
        )

    def flood(self, count: int, ms: int = 200) -> None:
        """Begins so many executions that are of no use, at once."""
        self._tasks += [asyncio.create_task(self.call("spin", timeoutMs=ms)) for _ in range(count)]

    @property
    def answers(self) -> list[httpx.Response]:
        """The answers to the flood so far."""
        return [task.result() for task in self._tasks if task.done() and not task.cancelled()]

    async def go_away(self) -> None:
        """Drops the connections that still wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


async def is_empty(slots: Slots) -> None:
    await until(lambda: (slots.free, slots.waiting, slots.held) == (slots.slots, 0, {}), "something is left over")


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


@pytest.mark.parametrize("user_slots", [1, 2])
def test_a_slow_user_does_not_starve_another(user_slots: int) -> None:
    """With one slot of two for a user, and with both: then each call of the other waits for one execution at most."""
    flood, calls = 30, 6

    async def main(service: Running) -> None:
        slots, module = service.service.admission.slots, spinning(service)
        slow, quick = Client(service, BOB, module), Client(service, EVE, module)
        slow.flood(flood)
        await until(lambda: slots.waiting > flood // 2, "the flood did not arrive")
        before = len(slow.answers)
        for _ in range(calls):
            assert (await quick.call()).json()["result"] == 1
            assert slots.held.get(BOB.id.int, 0) <= user_slots
        served = len(slow.answers) - before
        assert slots.waiting > 0, "the slow user's executions are done: the other one had to wait for all of them"
        if user_slots == 2:
            assert served <= 2 * calls + 2
        await slow.go_away()
        await quick.go_away()
        await is_empty(slots)
        begun = [row.status for row in service.service.registry.executions(BOB).list_own(limit=1000)]
        assert len(begun) < flood, "those who went away while they waited never began"

    with running(execution_slots=2, user_slots=user_slots, queue_seconds=60, user_rate=None) as service:
        run(main(service))


def test_who_fills_the_queue_is_refused_and_others_are_not() -> None:
    async def main(service: Running) -> None:
        slots, module = service.service.admission.slots, spinning(service)
        slow, quick = Client(service, BOB, module), Client(service, EVE, module)
        slow.flood(12)
        await until(lambda: len(slow.answers) >= 7, "the queue has more than its size")
        assert slots.waiting <= 4
        response = await quick.call()
        assert response.status_code == 200, response.text
        for each in slow.answers:
            if each.status_code != 504:
                document = is_problem(each, 429, "quota")
                assert document["detail"].startswith("the queue is full, and 4 of the executions in it are yours")
                assert int(each.headers["retry-after"]) >= 1
        await slow.go_away()
        await quick.go_away()
        await is_empty(slots)

    with running(execution_slots=1, queue_size=4, queue_seconds=60, user_rate=None) as service:
        run(main(service))


def test_who_waited_too_long_is_told_when_to_ask_again() -> None:
    async def main(service: Running) -> None:
        slots, module = service.service.admission.slots, spinning(service)
        slow, quick = Client(service, BOB, module), Client(service, EVE, module)
        slow.flood(1, LONG_MS)
        await until(lambda: slots.free == 0, "it did not begin")
        response = await quick.call()
        document = is_problem(response, 503, "overloaded")
        assert document["detail"] == "no slot for an execution was free within 0.05 s"
        assert document["retryAfter"] >= 1
        assert int(response.headers["retry-after"]) >= 1
        await slow.go_away()
        await quick.go_away()
        await is_empty(slots)

    with running(execution_slots=1, queue_seconds=0.05, user_rate=None) as service:
        run(main(service))


def test_who_goes_away_leaves_the_queue_while_the_slot_is_still_taken() -> None:
    async def main(service: Running) -> None:
        slots, module = service.service.admission.slots, spinning(service)
        slow, leaving, staying = (Client(service, user, module) for user in (BOB, EVE, EVE))
        slow.flood(1, LONG_MS)
        await until(lambda: slots.free == 0, "it did not begin")
        leaving.flood(3, LONG_MS)
        await until(lambda: slots.waiting == 3, "they did not wait")
        stays = asyncio.create_task(staying.call())
        await until(lambda: slots.waiting == 4, "it did not wait")
        await leaving.go_away()
        await until(lambda: slots.waiting == 1, "they wait although nobody waits for them")
        assert slots.held == {BOB.id.int: 1}
        await slow.go_away()
        assert (await stays).json()["result"] == 1
        await staying.go_away()
        await is_empty(slots)
        assert [row.function_name for row in service.service.registry.executions(EVE).list_own()] == ["one"]

    with running(execution_slots=1, queue_seconds=60, user_rate=None) as service:
        run(main(service))
