"""Modules that come and go while they are called, and what may be answered when."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from _load_http import Answer, Connection, GoneError
from _load_modules import upload, wasm_adding

if TYPE_CHECKING:
    from _load_ledger import Ledger
    from _load_modules import Person

FRESH_SECONDS = 1.0
"""Within which a change holds in every process, as the service states."""
State = Literal["active", "disabled", "deleted"]
REFUSALS: dict[State, int] = {"disabled": 403, "deleted": 404}


@dataclass
class Coming:
    """A module that comes and goes.

    Attributes:
        owner: Who uploaded it.
        id: Its id.
        number: That its `add` adds.
        state: As the last acknowledged change made it, or the next one will.
        since: When that change was acknowledged; endless while it is asked for.
        before: The state before.
    """

    owner: Person
    id: str
    number: int
    state: State = "active"
    since: float = 0.0
    before: State | None = None
    history: list[tuple[float, State]] = field(default_factory=list)

    def allows(self, status: int, asked_at: float) -> bool:
        """Whether an answer to a call that was asked then is right.

        Args:
            status: HTTP status.
            asked_at: `time.monotonic` before the call was sent.
        """
        states: set[State] = {self.state}
        if self.before is not None and asked_at < self.since + FRESH_SECONDS:
            states.add(self.before)
        return any(status == (200 if state == "active" else REFUSALS[state]) for state in states)

    def begin(self, state: State) -> None:
        """A change is asked for: from now on both are right."""
        self.before, self.state, self.since = self.state, state, float("inf")

    def done(self) -> None:
        """The change was acknowledged."""
        self.since = time.monotonic()


class Churn:
    """Changes modules all the time, by connections of its own.

    Args:
        ports: Of the server processes; a change is made through one of them, its effect is asked of all.
        owners: Who uploads.
        ledger: Told of changes.
        lenient: Whether the service may be gone or say 503 for a while, as when a part of it is killed.
    """

    MOST = 12

    def __init__(self, ports: list[int], owners: list[Person], ledger: Ledger, *, lenient: bool) -> None:
        self._connections = [Connection("127.0.0.1", port) for port in ports]
        self._owners, self._ledger, self._lenient = owners, ledger, lenient
        self._numbers = itertools.count(1_000)
        self._random = random.Random(7)
        self.modules: list[Coming] = []
        self.acknowledged: list[Coming] = []

    async def run(self) -> None:
        """Changes one after the other until cancelled."""
        while True:
            await asyncio.sleep(self._random.uniform(0.05, 0.25))
            settled = [
                each
                for each in self.modules
                if each.state != "deleted" and time.monotonic() > each.since + 2 * FRESH_SECONDS
            ]
            if len(self.modules) < self.MOST:
                await self._upload()
            elif settled:
                await self._change(self._random.choice(settled))

    async def _ask(self, who: Person, method: str, path: str, *, again: bool) -> Answer | None:
        """Asks one of the processes; None where it did not answer and that is allowed."""
        while True:
            connection = self._random.choice(self._connections)
            try:
                answer = await connection.ask(method, path, who.headers)
            except GoneError:
                if not self._lenient:
                    raise
                answer = None
            if answer is not None and answer.status not in (429, 503):
                return answer
            self._ledger.count("change delayed")
            if not again:
                return None
            await asyncio.sleep(0.1)

    async def _upload(self) -> None:
        owner, number = self._random.choice(self._owners), next(self._numbers)
        connection = self._random.choice(self._connections)
        wasm = wasm_adding(number)
        name = f"coming-{uuid.uuid4().hex[:12]}"
        try:
            document = await upload(connection, owner, wasm, name=name, version="1.0.0")
        except (GoneError, RuntimeError) as exc:
            if not self._lenient:
                self._ledger.wrong("upload", str(exc))
            self._ledger.count("upload refused")
            return
        made = Coming(owner, str(document["id"]), number, since=time.monotonic())
        self.modules.append(made)
        self.acknowledged.append(made)
        self._ledger.count("upload")

    async def _change(self, module: Coming) -> None:
        if module.state == "active":
            wanted: State = self._random.choice(("disabled", "disabled", "deleted"))
        else:
            wanted = self._random.choice(("active", "active", "deleted"))
        method, path = "POST", f"/api/modules/{module.id}/{'enable' if wanted == 'active' else 'disable'}"
        if wanted == "deleted":
            method, path = "DELETE", f"/api/modules/{module.id}"
        module.begin(wanted)
        answer = await self._ask(module.owner, method, path, again=True)
        assert answer is not None
        # Asked again after no answer, a deletion may have been done by the first.
        if answer.status not in (200, 204) and not (wanted == "deleted" and answer.status == 404 and self._lenient):
            self._ledger.wrong(wanted, f"{method} {path} was answered {answer.status}: {answer.body[:300]!r}")
        module.done()
        self._ledger.count({"active": "enable", "disabled": "disable", "deleted": "delete"}[wanted])
        if wanted == "deleted":
            asyncio.get_running_loop().call_later(3 * FRESH_SECONDS, self._drop, module)

    def _drop(self, module: Coming) -> None:
        if module in self.modules:
            self.modules.remove(module)

    async def verify(self) -> None:
        """Asks each process for the bytes of every upload that was acknowledged and not deleted."""
        for module in self.acknowledged:
            if module.state == "deleted" or module.since == float("inf"):
                continue  # it is gone, or the load ended while that was asked for
            for connection in self._connections:
                answer = await connection.ask("GET", f"/api/modules/{module.id}/wasm", module.owner.headers)
                if answer.status != 200 or answer.body != wasm_adding(module.number):
                    self._ledger.wrong("upload lost", f"{module.id} is answered {answer.status}")
                self._ledger.count("upload read back")

    def close(self) -> None:
        """Closes the connections."""
        for connection in self._connections:
            connection.close()


def value_of(answer: Answer) -> object:
    """The result of the contract's answer."""
    return json.loads(answer.body)["result"]
