"""The requests of the load test: good calls and bad ones, each with what it must be answered."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from _load_churn import value_of
from _load_http import Answer, Connection, GoneError, NoAnswerError
from _load_modules import Person, Picture, pixels_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from _load_churn import Churn
    from _load_ledger import Ledger

PATH = "/functions/v1/wasm-executor"
JSON = {"content-type": "application/json"}
ABSENT = "00000000-0000-4000-8000-00000000000f"
REFUSED = (429, 503)
"""Too much to do, a quota, a part that is down: right where it says when to come again."""


@dataclass(frozen=True)
class World:
    """What there is to call.

    Attributes:
        people: Users with a module of their own each; the first of them shares, the last is nobody's friend.
        own: The private module of each, by name: id and number.
        open: Modules that everyone may execute: ids and numbers.
        shared: A module of the first, executable by the second too: id and number.
        admins: A module for admins alone: its id.
        image: A public module that inverts pictures, or None.
        pictures: To be inverted.
        body_limit: Largest body.
    """

    people: list[Person]
    own: dict[str, tuple[str, int]]
    open: list[tuple[str, int]]
    shared: tuple[str, int]
    admins: str
    image: str | None
    pictures: list[Picture]
    body_limit: int


class Client:
    """One client: asks one thing after the other and looks at every answer.

    Args:
        number: Chooses its user and its seed.
        ports: Of the server processes; after a lost connection it goes to the next, as nginx does.
        world: What there is.
        churn: What comes and goes.
        ledger: Told of all answers.
        lenient: Whether connections may end and 503 come without an overload, as when a part is killed.
    """

    def __init__(
        self, number: int, ports: list[int], world: World, churn: Churn, ledger: Ledger, *, lenient: bool
    ) -> None:
        self._ports, self._turn = ports, number
        self._world, self._churn, self._ledger, self._lenient = world, churn, ledger, lenient
        self._random = random.Random(number)
        self._who = world.people[number % len(world.people)]
        self._connection = Connection("127.0.0.1", ports[number % len(ports)])
        kinds: list[tuple[str, int, Callable[[], Awaitable[None]]]] = [
            ("good call", 55, self._good),
            ("module that comes and goes", 12, self._coming),
            ("trap", 5, self._trap),
            ("forbidden module", 5, self._forbidden),
            ("unknown function", 3, self._unknown_function),
            ("wrong argument", 3, self._wrong_argument),
            ("broken JSON", 3, self._broken),
            ("no token", 2, self._nobody),
            ("too large a body", 2, self._too_large),
            ("picture", 4 if world.image else 0, self._picture),
            ("timeout", 2, self._timeout),
            ("disconnect", 4, self._disconnect),
        ]
        self._kinds = [(name, ask) for name, _, ask in kinds]
        self._weights = [weight for _, weight, _ in kinds]

    async def run(self, until: float) -> None:
        """Asks until then (`time.monotonic`)."""
        while time.monotonic() < until:
            name, ask = self._random.choices(self._kinds, self._weights)[0]
            try:
                await ask()
            except NoAnswerError:
                self._ledger.wrong(name, "no answer came")
            except GoneError as exc:
                self._ledger.count("connections lost")
                if not self._lenient:
                    self._ledger.wrong(name, f"the connection ended without an answer: {exc}")
                self._turn += 1
                self._connection = Connection("127.0.0.1", self._ports[self._turn % len(self._ports)])
                await asyncio.sleep(0.05)
        self._connection.close()

    async def _call(
        self,
        kind: str,
        module: str,
        function: str,
        args: object,
        expected: Callable[[Answer], bool],
        *,
        who: Person | None = None,
        timeout_ms: int | None = None,
    ) -> Answer | None:
        """One call; the answer where it was no refusal."""
        who = who or self._who
        document: dict[str, object] = {"moduleId": module, "functionName": function, "args": args}
        if timeout_ms is not None:
            document["timeoutMs"] = timeout_ms
        body = json.dumps(document).encode()
        began = time.perf_counter()
        answer = await self._connection.ask("POST", PATH, who.headers | JSON, body)
        seconds = time.perf_counter() - began
        self._ledger.answered(kind, answer, module, who.id, function)
        if answer.status in REFUSED and "retry-after" in answer.headers:
            self._ledger.count(f"refused with {answer.status}")
            if not self._lenient:
                await asyncio.sleep(0.2)
            return None
        if not expected(answer):
            self._ledger.wrong(kind, f"{document} of {who.name} was answered {answer.status}: {answer.body[:300]!r}")
        elif kind == "good call":
            self._ledger.seconds.append(seconds)
        return answer

    def _mine(self) -> tuple[str, int]:
        """A module that this client's user may execute."""
        choices = [self._world.own[self._who.name], *self._world.open]
        if self._who in self._world.people[:2]:
            choices.append(self._world.shared)
        return self._random.choice(choices)

    async def _good(self) -> None:
        module, number = self._mine()
        x = self._random.randrange(1_000_000)
        await self._call("good call", module, "add", [x], lambda a: a.status == 200 and value_of(a) == x + number)

    async def _coming(self) -> None:
        if not self._churn.modules:
            return
        module = self._random.choice(self._churn.modules)
        x = self._random.randrange(1_000_000)
        asked_at = time.monotonic()

        def expected(answer: Answer) -> bool:
            right = answer.status != 200 or value_of(answer) == x + module.number
            return right and module.allows(answer.status, asked_at)

        await self._call("module that comes and goes", module.id, "add", [x], expected, who=module.owner)

    async def _trap(self) -> None:
        module, _ = self._mine()
        await self._call("trap", module, "trap", [1], _problem(422, "guest-trap"))

    async def _timeout(self) -> None:
        module, _ = self._mine()
        await self._call("timeout", module, "spin", [1], _problem(504, "timeout"), timeout_ms=100)

    async def _forbidden(self) -> None:
        others = [id_ for name, (id_, _) in self._world.own.items() if name != self._who.name]
        module = self._random.choice([*others, self._world.admins, ABSENT])
        await self._call("forbidden module", module, "add", [1], _problem(404, "not-found"))

    async def _unknown_function(self) -> None:
        module, _ = self._mine()
        await self._call("unknown function", module, "nowhere", [1], _problem(404, "function-not-found"))

    async def _wrong_argument(self) -> None:
        module, _ = self._mine()
        args = self._random.choice([["seven"], [2**31], [], [1, 2], [1.5], [None]])
        await self._call("wrong argument", module, "add", args, _problem(422, "argument"))

    async def _broken(self) -> None:
        body = self._random.choice([b"{", b"[]", b"\xff\xfe", b'{"moduleId": 1}', b'{"args": [}', b"[" * 5000])
        answer = await self._connection.ask("POST", PATH, self._who.headers | JSON, body)
        self._answered("broken JSON", answer, 400)

    async def _nobody(self) -> None:
        headers = self._random.choice([{}, {"authorization": "Bearer a.b.c"}, {"authorization": "Basic eDp5"}])
        answer = await self._connection.ask("POST", PATH, JSON | headers, b"{}")
        self._answered("no token", answer, 401)

    async def _too_large(self) -> None:
        size = self._world.body_limit + 1
        headers = self._who.headers | JSON
        if self._random.random() < 0.5:  # all of it
            await self._connection.send("POST", PATH, headers, b" " * size)
        else:  # its announcement
            await self._connection.send("POST", PATH, headers, b"{", announced=size)
        answer = await self._connection.answer()
        self._connection.close()
        self._answered("too large a body", answer, 413)

    async def _picture(self) -> None:
        assert self._world.image is not None
        picture = self._random.choice(self._world.pictures)
        headers = self._who.headers | {"content-type": "image/png", "accept": "image/png"}
        path = f"{PATH}?moduleId={self._world.image}&functionName=invert"
        answer = await self._connection.ask("POST", path, headers, picture.png)
        self._ledger.answered("picture", answer, self._world.image, self._who.id, "invert")
        if answer.status in REFUSED and "retry-after" in answer.headers:
            self._ledger.count(f"refused with {answer.status}")
        elif answer.status != 200 or pixels_of(answer.body) != picture.inverse:
            self._ledger.wrong("picture", f"the answer {answer.status} is not its inverse: {answer.body[:80]!r}")

    async def _disconnect(self) -> None:
        """Goes away: in the middle of the head's end and the body, or while the call is executed."""
        module, _ = self._mine()
        function = self._random.choice(["spin", "add"])
        body = json.dumps({"moduleId": module, "functionName": function, "args": [1], "timeoutMs": 300}).encode()
        part = body[: self._random.choice([0, 20, len(body)])]
        await self._connection.send("POST", PATH, self._who.headers | JSON, part, announced=len(body))
        await asyncio.sleep(self._random.choice([0, 0.005, 0.05]))
        self._connection.close()
        self._ledger.count("disconnects")

    def _answered(self, kind: str, answer: Answer, status: int) -> None:
        self._ledger.answered(kind, answer, "", self._who.id, "")
        if answer.status != status and not (answer.status in REFUSED and "retry-after" in answer.headers):
            self._ledger.wrong(kind, f"{answer.status} instead of {status}: {answer.body[:300]!r}")


def _problem(status: int, code: str) -> Callable[[Answer], bool]:
    """Whether an answer is this problem document."""

    def check(answer: Answer) -> bool:
        if answer.status != status or answer.headers.get("content-type") != "application/problem+json":
            return False
        return bool(json.loads(answer.body)["code"] == code)

    return check
