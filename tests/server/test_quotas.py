"""Rates, a day's CPU seconds and stored bytes: exact by a clock that the tests set, and as clients meet them."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, UploadTarget, User
from akatsuki_wasm.errors import QuotaError, StorageError
from akatsuki_wasm.registry import Registry
from akatsuki_wasm.server.quota_cpu import REFRESH_S, DailyCpu
from akatsuki_wasm.server.quota_rate import Rates
from akatsuki_wasm.server.quotas import Quotas

from .api_kit import adding, parts, store, upload
from .server_kit import ADA, BOB, EVE, is_problem, running, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from akatsuki_wasm.contracts import OwnerType

PATH = "/functions/v1/wasm-executor"


class Clock:
    """A clock that the test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


# ---------------------------------------------------------------- rates


def test_a_burst_of_two_seconds_passes_and_then_the_rate_does() -> None:
    clock = Clock(100.0)
    rates = Rates(10, clock=clock)
    for _ in range(20):
        rates.check(1)
    with pytest.raises(QuotaError, match="more than 10 requests in a second") as caught:
        rates.check(1)
    assert caught.value.retry_after == pytest.approx(0.1)
    rates.check(2)  # somebody else
    clock.now += 0.1
    rates.check(1)
    with pytest.raises(QuotaError):
        rates.check(1)


def test_no_rate_is_no_limit_and_a_low_one_lets_one_pass() -> None:
    clock = Clock(0.0)
    rates = Rates(None, clock=clock)
    for _ in range(10_000):
        rates.check(1)
    assert len(rates) == 0
    slow = Rates(0.1, clock=clock)
    slow.check(1)
    with pytest.raises(QuotaError) as caught:
        slow.check(1)
    assert caught.value.retry_after == pytest.approx(10)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from((0.5, 1.0, 4.0, 100.0)),
    st.lists(st.tuples(st.sampled_from((0.0, 0.001, 0.25, 3.0)), st.booleans())),
)
def test_rates_are_those_of_buckets_that_fill_with_time(rate: float, steps: list[tuple[float, bool]]) -> None:
    clock, burst = Clock(50.0), max(1.0, 2 * rate)
    rates, tokens = Rates(rate, clock=clock), {True: burst, False: burst}
    for pause, user in steps:
        clock.now += pause
        tokens = {each: min(burst, held + pause * rate) for each, held in tokens.items()}
        if tokens[user] >= 1 - 1e-6:
            rates.check(int(user))
            tokens[user] -= 1
        else:
            with pytest.raises(QuotaError) as caught:
                rates.check(int(user))
            assert caught.value.retry_after == pytest.approx((1 - tokens[user]) / rate, abs=1e-5)


def test_users_who_come_no_more_are_forgotten() -> None:
    clock = Clock(0.0)
    rates = Rates(1.0, clock=clock)
    for user in range(50_000):
        clock.now += 0.01  # a bucket is full again after a second: a hundred are not
        rates.check(user)
        assert len(rates) <= 1025


# ---------------------------------------------------------------- CPU seconds of a day


class Asked(NamedTuple):
    since: datetime
    until: datetime | None


NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Day:
    """A user's bill, the history that it is read from, and a clock.

    Attributes:
        asked: What was asked of the history.
        threads: Who asked.
    """

    def __init__(self, folder: Path, allowed: float = 100, at: datetime = NOON) -> None:
        self._urls = f"sqlite:///{folder / 'registry.db'}", (folder / "blobs").as_uri()
        self._settings = settings_of(quotas={"user": {"cpu_seconds_per_day": allowed}})
        self.registry = Registry.open(*self._urls)
        self.clock, self.asked, self.threads = Clock(at.timestamp()), list[Asked](), set[str]()
        self.cpu = DailyCpu(self._settings, self._spent, clock=self.clock)
        wasm = adding(1)
        artifact = Artifact(wasm, manifests.for_binary(wasm))
        self.module = self.registry.store(artifact, UploadTarget("own", self.registry, BOB))

    def _spent(self, user: User, owner_type: OwnerType, since: datetime, until: datetime | None = None) -> float:
        self.asked.append(Asked(since, until))
        self.threads.add(threading.current_thread().name)
        return Quotas(self._settings, self.registry.database).spent(user, owner_type, since, until)

    def executed(self, at: datetime, seconds: float) -> None:
        """An execution by another process."""
        self.registry.executions(BOB).record(
            self.module, "add", status="success", execution_time_ms=seconds * 1000, executed_at=at
        )

    def reopen(self) -> None:
        """The history is there again."""
        self.registry = Registry.open(*self._urls)

    async def passes(self) -> None:
        """As an execution is admitted; what is to be read in the background is read."""
        while not self.cpu.known(BOB, "user"):
            await self.cpu.read(BOB, "user")
        await self.background()

    async def background(self) -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


@pytest.fixture
def open_day(tmp_path: Path) -> Iterator[Callable[..., Day]]:
    """Makes a `Day`."""
    made: list[Day] = []

    def opened(**options: Any) -> Day:
        made.append(Day(tmp_path, **options))
        return made[0]

    yield opened
    made[0].registry.close()


def test_the_first_request_reads_the_day_and_the_next_do_not(open_day: Callable[..., Day]) -> None:
    async def main() -> None:
        day = open_day()
        day.executed(NOON - timedelta(hours=13), 1000.0)
        day.executed(NOON - timedelta(hours=12), 1.0)
        await day.passes()
        midnight, settled = NOON.replace(hour=0), NOON - timedelta(minutes=1)
        assert day.asked == [Asked(midnight, settled), Asked(settled, None)]
        assert threading.current_thread().name not in day.threads
        for _ in range(100):
            await day.passes()
        assert len(day.asked) == 2

    asyncio.run(main())


def test_what_this_process_executes_counts_at_once(open_day: Callable[..., Day]) -> None:
    async def main() -> None:
        day = open_day(allowed=10)
        day.executed(NOON - timedelta(hours=1), 4.0)
        await day.passes()
        day.cpu.add(BOB, "user", 5.9)
        await day.passes()
        day.cpu.add(EVE, "user", 50)
        day.cpu.add(BOB, "system", 50)
        await day.passes()
        day.cpu.add(BOB, "user", 0.1)
        with pytest.raises(QuotaError) as caught:
            await day.passes()
        assert caught.value.message == (
            "your executions of user modules took 10.0 s today, and 10 s are allowed in a day"
        )
        assert caught.value.hint == "The next day begins at 00:00 UTC, in 12:00:00."
        assert caught.value.retry_after == 12 * 3600

    asyncio.run(main())


def test_what_other_processes_executed_counts_after_a_while_and_only_the_last_minute_is_read_again(
    open_day: Callable[..., Day],
) -> None:
    async def main() -> None:
        day = open_day(allowed=10)
        await day.passes()
        day.executed(NOON, 20.0)
        await day.passes()
        day.clock.now += REFRESH_S + 1
        await day.passes()  # on what is known; it has it read
        with pytest.raises(QuotaError):
            await day.passes()
        day.asked.clear()
        day.clock.now += 600
        with pytest.raises(QuotaError):
            await day.passes()
        await day.background()
        later = datetime.fromtimestamp(day.clock.now, UTC)
        before = NOON + timedelta(seconds=REFRESH_S + 1 - 60)
        assert day.asked == [
            Asked(before, later - timedelta(minutes=1)),
            Asked(later - timedelta(minutes=1), None),
        ]
        with pytest.raises(QuotaError, match=r"took 20\.0 s today"):
            await day.passes()

    asyncio.run(main())


def test_what_is_executed_while_the_history_is_read_is_not_lost(open_day: Callable[..., Day]) -> None:
    async def main() -> None:
        day = open_day(allowed=10)
        await day.passes()
        day.clock.now += REFRESH_S + 1
        assert day.cpu.known(BOB, "user")  # a reading begins
        await asyncio.sleep(0)
        day.cpu.add(BOB, "user", 10)
        await day.background()
        with pytest.raises(QuotaError):
            await day.passes()

    asyncio.run(main())


def test_a_new_day_begins_anew_without_waiting(open_day: Callable[..., Day]) -> None:
    async def main() -> None:
        day = open_day(allowed=10, at=NOON.replace(hour=23, minute=59, second=59))
        day.executed(NOON, 11.0)
        with pytest.raises(QuotaError) as caught:
            await day.passes()
        assert caught.value.retry_after == pytest.approx(1)
        day.clock.now += 1
        assert day.cpu.known(BOB, "user")
        await day.background()
        await day.passes()
        day.executed(NOON + timedelta(days=1), 11.0)
        day.clock.now += 12 * 3600
        await day.passes()
        with pytest.raises(QuotaError):
            await day.passes()

    asyncio.run(main())


def test_many_first_requests_share_one_reading_and_one_who_leaves_does_not_take_it_along(
    open_day: Callable[..., Day],
) -> None:
    async def main() -> None:
        day = open_day()
        waiting = [asyncio.create_task(day.cpu.read(BOB, "user")) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in results] == [asyncio.CancelledError, *[type(None)] * 4]
        assert len(day.asked) == 2
        assert day.cpu.known(BOB, "user")

    asyncio.run(main())


def test_a_history_that_cannot_be_read_refuses_who_is_not_known_and_nobody_else(open_day: Callable[..., Day]) -> None:
    async def main() -> None:
        day = open_day(allowed=10)
        day.registry.close()
        for _ in range(2):
            with pytest.raises(StorageError, match="closed"):
                await day.passes()
        day.reopen()
        await day.passes()
        day.registry.close()
        day.clock.now += REFRESH_S + 1
        await day.passes()
        day.cpu.add(BOB, "user", 11)
        with pytest.raises(QuotaError):
            await day.passes()

    asyncio.run(main())


def test_an_owner_type_without_a_limit_asks_nothing(open_day: Callable[..., Day]) -> None:
    day = open_day()
    assert day.cpu.known(BOB, "system")
    assert day.cpu.known(BOB, "admin")
    assert len(day.cpu) == 0


def test_bills_of_those_who_come_no_more_are_forgotten(open_day: Callable[..., Day]) -> None:
    async def main() -> None:
        day = open_day()
        for number in range(1500):
            user = User.local(f"user-{number}")
            day.clock.now += 1
            if not day.cpu.known(user, "user"):
                await day.cpu.read(user, "user")
            day.cpu.known(user, "user")
        assert 60 <= len(day.cpu) <= 1024

    asyncio.run(main())


# ---------------------------------------------------------------- as clients meet them


def call(client: httpx.Client, module_id: Any, *args: Any) -> httpx.Response:
    return client.post(PATH, json={"moduleId": str(module_id), "functionName": "add", "args": list(args)})


def test_who_spent_the_day_is_told_when_the_next_begins() -> None:
    with running(quotas={"user": {"cpu_seconds_per_day": 5}}) as service:
        own, system = store(service, BOB, "own"), store(service, ADA, "shared", owner_type="system")
        service.service.registry.executions(BOB).record(own, "add", status="success", execution_time_ms=6000)
        with service.client(BOB) as client:
            response = call(client, own.id, 1)
            document = is_problem(response, 429, "quota")
            assert document["detail"].startswith("your executions of user modules took 6.0 s today")
            assert "00:00 UTC" in document["hint"]
            assert 0 < document["retryAfter"] <= 86_400
            assert 1 <= int(response.headers["retry-after"]) <= 86_400
            assert call(client, system.id, 1).json()["result"] == 2
        assert len(service.service.registry.executions(BOB).list_own()) == 2, "what was refused never began"


def test_who_asks_too_often_is_told_to_wait() -> None:
    with running(user_rate=1) as service:
        stored = store(service, BOB, "own", is_public=True)
        with service.client(BOB) as client, service.client(EVE) as eve:
            statuses = [call(client, stored.id, 1).status_code for _ in range(5)]
            response = call(client, stored.id, 1)
            document = is_problem(response, 429, "quota")
            assert document["detail"].startswith("more than 1 requests in a second")
            assert response.headers["retry-after"] == "1"
            assert call(eve, stored.id, 1).status_code == 200
    assert statuses[:2] == [200, 200]
    assert 429 in statuses


def test_an_upload_without_room_is_refused_and_a_workspace_of_ones_own_is_not(tmp_path: Path) -> None:
    size = len(adding(1))
    with running(quotas={"user": {"stored_bytes": 2 * size}}, data_dir=tmp_path) as service:
        with service.client(BOB) as client:
            first = upload(client, adding(1), name="one")
            upload(client, adding(2), name="two")
            response = client.post("/api/modules", files=parts(adding(3), name="three"))
            document = is_problem(response, 429, "quota")
            assert f"your user modules have {2 * size} of the {2 * size}" in document["detail"]
            assert "retry-after" not in response.headers
            client.delete(f"/api/modules/{first['id']}").raise_for_status()
            upload(client, adding(3), name="three")
        with pytest.raises(QuotaError):
            service.service.workspace_of(BOB).deploy(adding(4), name="four")
        registry = service.service.registry
        store(service, BOB, "four", 4)  # past the API, as on one's own machine
        assert len(registry.modules(BOB).list_all()) == 3
