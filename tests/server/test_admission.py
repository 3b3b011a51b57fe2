"""Slots and the queue before them: bounds, turns, refusals, and no slot lost whatever happens to those who wait."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akatsuki_wasm.errors import OverloadedError, QuotaError
from akatsuki_wasm.server.admission import Admission
from akatsuki_wasm.server.admission_slots import Slots
from akatsuki_wasm.server.admission_turns import Turns

from .server_kit import BOB, EVE, settings_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")
ANN, BEN, CID = 1, 2, 3
QUEUE_SECONDS = 10.0


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__()

    def time(self) -> float:
        return self.now


class Crowd:
    """Users who come for slots, leave, go away, and lose patience, in a loop whose clock stands still by itself."""

    def __init__(self, slots: int, user_slots: int, queue_size: int) -> None:
        self.loop = Loop()
        self.slots = Slots(slots, user_slots, queue_size, QUEUE_SECONDS)
        self.tasks: list[tuple[int, asyncio.Task[None]]] = []
        self.running: list[int] = []
        self.order: list[int] = []
        self.refused: list[tuple[int, Exception]] = []

    def come(self, user: int) -> None:
        self.tasks.append((user, self.loop.create_task(self._come(user))))

    async def _come(self, user: int) -> None:
        try:
            if not self.slots.take(user):
                await self.slots.wait(user)
        except (OverloadedError, QuotaError) as error:
            self.refused.append((user, error))
            return
        self.running.append(user)
        self.order.append(user)

    def leave(self, number: int) -> None:
        if self.running:
            self.slots.leave(self.running.pop(number % len(self.running)), 0.1)

    def go_away(self, number: int) -> None:
        open_ones = [task for _, task in self.tasks if not task.done()]
        if open_ones:
            open_ones[number % len(open_ones)].cancel()

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(6):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        self.tasks = [(user, task) for user, task in self.tasks if not task.done()]

    def waiting(self, user: int | None = None) -> int:
        return sum(1 for each, task in self.tasks if not task.done() and user in {None, each})

    def check(self) -> None:
        """What must hold whenever the loop has nothing more to do."""
        slots = self.slots
        assert slots.free + len(self.running) == slots.slots
        assert slots.waiting == self.waiting() <= slots.queue_size
        for user in {user for user, _ in self.tasks} | set(self.running):
            held = self.running.count(user)
            assert held == slots.held.get(user, 0) <= slots.user_slots
            assert not (slots.free and held < slots.user_slots and self.waiting(user)), "a slot is free, and one waits"

    def drain(self) -> None:
        """Everybody leaves until nobody waits; then nothing is left over."""
        self.settle()
        for _ in range(len(self.tasks) + len(self.running) + 1):
            self.check()
            while self.running:
                self.leave(0)
            self.settle()
        assert self.tasks == []
        assert self.slots.held == {}
        assert (self.slots.free, self.slots.waiting) == (self.slots.slots, 0)
        assert not self.slots._queues
        assert not self.slots._turns


@contextmanager
def crowd_of(slots: int, user_slots: int, queue_size: int, *users: int) -> Iterator[Crowd]:
    """Users who came one after the other; at the end all leave."""
    crowd = Crowd(slots, user_slots, queue_size)
    try:
        for user in users:
            crowd.come(user)
            crowd.settle()
        yield crowd
        crowd.drain()
    finally:
        for _, task in crowd.tasks:
            task.cancel()
        crowd.settle()
        crowd.loop.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(1, 4)),
        st.tuples(st.just("come"), st.just(1)),
        st.tuples(st.just("leave"), st.integers(0, 7)),
        st.tuples(st.just("go_away"), st.integers(0, 7)),
        st.tuples(st.just("time"), st.sampled_from((1, 9, 10))),
        st.tuples(st.just("settle"), st.just(0)),
        st.tuples(st.just("settle"), st.just(0)),
    ),
    min_size=30,
    max_size=80,
)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 6), STEPS)
def test_no_slot_is_lost_and_nobody_waits_beside_a_free_one(
    slots: int, user_slots: int, queue_size: int, steps: list[tuple[str, int]]
) -> None:
    with crowd_of(slots, user_slots, queue_size) as crowd:
        for step, number in steps:
            if step == "time":
                crowd.loop.now += number
            elif step == "settle":
                crowd.settle()
                crowd.check()
            else:
                getattr(crowd, step)(number)
            held = crowd.slots.held
            assert 0 <= crowd.slots.free == slots - sum(held.values())
            assert all(0 < each <= user_slots for each in held.values())


def test_free_slots_go_round_between_users_however_many_each_has_waiting() -> None:
    with crowd_of(1, 1, 20, ANN, *[ANN] * 6, BEN, BEN, CID) as crowd:
        while crowd.running:
            crowd.leave(0)
            crowd.settle()
        assert crowd.order == [ANN, BEN, CID, ANN, BEN, ANN, ANN, ANN, ANN, ANN]


def test_one_who_has_all_that_a_user_may_have_does_not_keep_others_from_free_slots() -> None:
    with crowd_of(4, 2, 20, *[ANN] * 5, BEN) as crowd:
        assert crowd.running == [ANN, ANN, BEN]
        assert crowd.waiting(ANN) == 3
        crowd.come(CID)
        crowd.settle()
        assert crowd.running == [ANN, ANN, BEN, CID]


def test_who_fills_the_queue_gives_way_to_others_who_come() -> None:
    with crowd_of(1, 1, 4, CID, *[ANN] * 4, BEN) as crowd:
        assert (crowd.waiting(ANN), crowd.waiting(BEN)) == (3, 1)
        [(user, error)] = crowd.refused
        assert (user, type(error)) == (ANN, QuotaError)
        assert str(error).startswith("the queue is full, and 4 of the executions in it are yours")
        crowd.come(BEN)
        crowd.settle()
        assert (crowd.waiting(ANN), crowd.waiting(BEN)) == (2, 2)
        crowd.come(BEN)  # as many as the other has, and not more
        crowd.settle()
        assert (crowd.waiting(ANN), crowd.waiting(BEN)) == (2, 2)
        assert [(user, type(error)) for user, error in crowd.refused] == [
            (ANN, QuotaError),
            (ANN, QuotaError),
            (BEN, QuotaError),
        ]
        # The newest gave way: the oldest is the next to be served.
        crowd.leave(0)
        crowd.settle()
        assert crowd.running == [ANN]


def test_a_queue_that_is_full_of_others_is_no_fault_of_who_comes() -> None:
    with crowd_of(1, 1, 2, ANN, BEN, CID, 4) as crowd:
        [(user, error)] = crowd.refused
        assert (user, type(error)) == (4, OverloadedError)
        assert isinstance(error, OverloadedError)
        assert error.retry_after == 1.0


def test_without_a_queue_one_is_told_whose_the_slots_are() -> None:
    with crowd_of(2, 1, 0, ANN, ANN, BEN, CID) as crowd:
        assert [(user, type(error)) for user, error in crowd.refused] == [(ANN, QuotaError), (CID, OverloadedError)]


def test_one_waits_for_so_long_and_no_longer() -> None:
    with crowd_of(1, 1, 5, ANN, ANN, BEN) as crowd:
        crowd.loop.now += QUEUE_SECONDS - 0.5
        crowd.settle()
        assert crowd.waiting() == 2
        crowd.loop.now += 1
        crowd.settle()
        assert [(user, type(error)) for user, error in crowd.refused] == [
            (ANN, OverloadedError),
            (BEN, OverloadedError),
        ]
        assert str(crowd.refused[0][1]).startswith("no slot for an execution was free within 10 s")
        assert crowd.waiting() == 0


def test_a_slot_that_came_as_the_client_went_away_goes_to_the_next() -> None:
    with crowd_of(1, 1, 5, ANN, BEN, CID) as crowd:
        crowd.leave(0)  # Ben's turn is decided, and he does not know of it yet
        crowd.go_away(0)
        crowd.settle()
        assert crowd.running == [CID]


def test_a_client_that_went_away_as_its_turn_came_costs_no_slot() -> None:
    with crowd_of(1, 1, 5, ANN, BEN, CID) as crowd:
        crowd.go_away(0)
        crowd.leave(0)
        crowd.settle()
        assert crowd.running == [CID]


def test_when_to_ask_again_follows_the_pace_and_the_queue() -> None:
    slots = Slots(2, 2, 10, 10)
    assert slots.retry_after() == 1.0
    for _ in range(200):
        assert slots.take(ANN)
        slots.leave(ANN, 5.0)
    slots.waiting = 3
    assert slots.retry_after() == pytest.approx(10, rel=0.01)  # three and this one, two at a time, 5 s each
    slots.waiting = 1000
    assert slots.retry_after() == 30


# ---------------------------------------------------------------- the gate as a whole


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def free(*_: Any) -> float:
    return 0.0


def test_nothing_is_scheduled_where_a_slot_is_free() -> None:
    async def main() -> None:
        admission = Admission(settings_of(execution_slots=2), free)
        await admission.enter(BOB, "user")  # the first one reads what was spent
        admission.leave(BOB, "user", 0.1)
        coroutine = admission.enter(BOB, "user")
        with pytest.raises(StopIteration):  # done in one step, without a turn of the loop
            coroutine.send(None)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        admission.leave(BOB, "user", 0.1)

    run(main())


def test_slots_by_default() -> None:
    slots = Admission(settings_of(), free).slots
    assert slots.slots % 4 == 0
    assert slots.user_slots == slots.slots // 2
    one = Admission(settings_of(execution_slots=1), free).slots
    assert (one.slots, one.user_slots) == (1, 1)
    assert Admission(settings_of(execution_slots=2, user_slots=9), free).slots.user_slots == 2


def test_a_stop_sends_away_who_waits_and_who_comes_and_lets_go_on_what_runs() -> None:
    async def main() -> None:
        admission = Admission(settings_of(execution_slots=1), free)
        await admission.enter(BOB, "system")
        waiting = asyncio.create_task(admission.enter(EVE, "system"))
        await asyncio.sleep(0)
        admission.stop()
        for late in (waiting, admission.enter(BOB, "system")):
            with pytest.raises(OverloadedError, match="about to stop") as caught:
                await late
            assert caught.value.retry_after == 1.0
        admission.leave(BOB, "system", 0.1)
        assert (admission.slots.free, admission.slots.waiting) == (1, 0)

    run(main())


def test_who_spent_the_day_while_waiting_gets_no_slot() -> None:
    async def main() -> None:
        quotas = {"user": {"cpu_seconds_per_day": 5}}
        admission = Admission(settings_of(execution_slots=1, quotas=quotas), free)
        await admission.enter(BOB, "user")
        waiting = asyncio.create_task(admission.enter(BOB, "user"))
        await asyncio.sleep(0.05)
        assert admission.slots.waiting == 1
        admission.leave(BOB, "user", 6.0)
        with pytest.raises(QuotaError, match=r"took 6\.0 s today, and 5 s are allowed"):
            await waiting
        assert admission.slots.free == 1

    run(main())


# ---------------------------------------------------------------- uploads and designs


def test_turns_are_bounded_for_one_and_for_all() -> None:
    turns = Turns("uploads", 3, 2)
    with turns.of(BOB), turns.of(BOB):
        with pytest.raises(QuotaError, match="2 uploads of yours are under way"), turns.of(BOB):
            raise AssertionError("a third one began")
        turns.take(EVE)
        with pytest.raises(QuotaError), turns.of(BOB):
            raise AssertionError("a third one began")
        turns.give_back(EVE)
    with turns.of(EVE), turns.of(EVE), turns.of(BOB):
        with pytest.raises(OverloadedError, match="3 uploads are under way") as caught, turns.of(BOB):
            raise AssertionError("a fourth one began")
        assert caught.value.retry_after == 1.0


def test_turns_are_given_back_whatever_happens() -> None:
    turns = Turns("uploads", 1, 1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.of(BOB):
            raise ZeroDivisionError
    turns.take(EVE)
    turns.give_back(EVE)
    assert turns._held == {}
