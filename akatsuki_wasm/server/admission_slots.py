"""Slots for executions: how many go on at once, and whose turn it is when one is free. For one event loop alone.

Those who wait are kept by user. A free slot goes to the next user in turn who has somebody waiting and is below the
limit of one user, so a user with a thousand requests in the queue delays another's first one by one slot at most.
While a slot is free, nobody waits who might have it; so who comes is served at once, without a future or a task.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from akatsuki_wasm.errors import OverloadedError, QuotaError

_LONGEST_RETRY_S = 30.0
_PACE = 0.1
"""Weight of the newest execution in the running mean of how long a slot is held."""

Waiting = OrderedDict["asyncio.Future[None]", None]


class Slots:
    """Slots, and a bounded queue before them that is fair between users.

    Args:
        slots: Executions at once.
        user_slots: Of one user.
        queue_size: Executions that may wait, of all users.
        queue_seconds: How long one may wait.
    """

    def __init__(self, slots: int, user_slots: int, queue_size: int, queue_seconds: float) -> None:
        self.slots, self.user_slots = slots, min(user_slots, slots)
        self.queue_size, self.queue_seconds = queue_size, queue_seconds
        self.free = slots
        self.held: dict[int, int] = {}
        self.waiting = 0
        self._queues: dict[int, Waiting] = {}
        # Users with somebody waiting who are below their own limit, the next in turn first.
        self._turns: OrderedDict[int, None] = OrderedDict()
        self._mean_seconds = 0.0

    def take(self, user: int) -> bool:
        """Takes a slot that is free for a user; False where there is none."""
        held = self.held.get(user, 0)
        if not self.free or held >= self.user_slots:
            return False
        self.free -= 1
        self.held[user] = held + 1
        return True

    def leave(self, user: int, seconds: float | None = None) -> None:
        """Gives a slot back, and to the next in turn.

        Args:
            user: Who had it.
            seconds: How long the execution took; None where there was none.
        """
        if seconds is not None:
            self._mean_seconds += _PACE * (seconds - self._mean_seconds)
        held = self.held[user] - 1
        if held:
            self.held[user] = held
        else:
            del self.held[user]
        self.free += 1
        if self._queues:
            self._place(user)
            self._grant()

    async def wait(self, user: int) -> None:
        """Waits for a slot and takes it. A caller that is cancelled meanwhile leaves the queue, and keeps no slot.

        Raises:
            OverloadedError: The queue is full, or none was free in time.
            QuotaError: The queue is full, and it is this user who fills it.
        """
        self._make_room(user)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._queues.setdefault(user, OrderedDict())[turn] = None
        self.waiting += 1
        self._place(user)
        timer = loop.call_later(self.queue_seconds, self._give_up, user, turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come after the cancellation was asked for, and before it arrives here.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(user)
            raise
        finally:
            timer.cancel()
            self._remove(user, turn)

    def refuse_all(self, reason: str) -> None:
        """Sends all away who wait.

        Args:
            reason: Of the `OverloadedError`.
        """
        for user, queue in list(self._queues.items()):
            for turn in list(queue):
                self._refuse(user, turn, OverloadedError(reason, hint="Send it again.", retry_after=1.0))

    def retry_after(self) -> float:
        """Seconds until those who wait now may have had their turn, by the pace of late."""
        return min(max(1.0, (self.waiting + 1) * self._mean_seconds / self.slots), _LONGEST_RETRY_S)

    # ------------------------------------------------------------ turns

    def _grant(self) -> None:
        while self.free and self._turns:
            user, _ = self._turns.popitem(last=False)
            turn, _ = self._queues[user].popitem(last=False)
            self.waiting -= 1
            if not turn.done() and self.take(user):
                turn.set_result(None)
            self._place(user)

    def _place(self, user: int) -> None:
        """Puts a user among those whose turn comes, at the end, or takes them off."""
        queue = self._queues.get(user)
        if queue and self.held.get(user, 0) < self.user_slots:
            self._turns.setdefault(user)
        else:
            self._turns.pop(user, None)
        if queue is not None and not queue:
            del self._queues[user]

    def _remove(self, user: int, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(user)
        if queue is not None and turn in queue:
            del queue[turn]
            self.waiting -= 1
            self._place(user)

    # ------------------------------------------------------------ refusing

    def _refuse(self, user: int, turn: asyncio.Future[None], error: OverloadedError | QuotaError) -> None:
        self._remove(user, turn)
        if not turn.done():
            turn.set_exception(error)

    def _give_up(self, user: int, turn: asyncio.Future[None]) -> None:
        message = f"no slot for an execution was free within {self.queue_seconds:g} s"
        self._refuse(user, turn, OverloadedError(message, hint="Ask again later.", retry_after=self.retry_after()))

    def _make_room(self, user: int) -> None:
        """Sees to it that one more may wait: in a full queue, the newest of who has most in it gives way.

        So nobody can fill the queue for others. Who would have as many as that one is refused, not let in for it.
        """
        if self.waiting < self.queue_size:
            return
        own = len(self._queues.get(user, ()))
        greediest = max(self._queues, key=lambda each: len(self._queues[each]), default=user)
        most = len(self._queues.get(greediest, ()))
        if own + 1 < most:
            self._refuse(greediest, next(reversed(self._queues[greediest])), self._too_many(most))
        elif own * max(1, len(self._queues)) >= self.queue_size > 0:
            raise self._too_many(own)
        elif self.held.get(user, 0) >= self.user_slots:
            raise QuotaError(
                f"{self.user_slots} executions of yours are under way, which is all that one user may have",
                hint="Send fewer at once.",
                retry_after=self.retry_after(),
            )
        else:
            message = f"{self.waiting} executions wait already, which is all that may"
            raise OverloadedError(message, hint="Ask again later.", retry_after=self.retry_after())

    def _too_many(self, waiting: int) -> QuotaError:
        return QuotaError(
            f"the queue is full, and {waiting} of the executions in it are yours",
            hint="Send fewer at once.",
            retry_after=self.retry_after(),
        )
