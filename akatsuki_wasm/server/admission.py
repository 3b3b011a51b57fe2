"""Admission: whether an execution may begin now, must wait, or is refused. For one event loop, and for one process.

Rate, slots and the queue are counted by each process for itself; CPU seconds of a day are summed over all processes,
by way of the history. Where no limit is near, admission costs a few microseconds: nothing is scheduled, nothing is
asked of the database.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import OverloadedError, QuotaError
from akatsuki_wasm.server.admission_slots import Slots
from akatsuki_wasm.server.quota_cpu import DailyCpu
from akatsuki_wasm.server.quota_rate import Rates

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import OwnerType, User
    from akatsuki_wasm.server.quota_cpu import Spent

SLOTS_PER_CORE = 4
_STOPPING = "the service is about to stop"


class Admission:
    """The gate before executions: each is framed by `enter` and, whatever becomes of it, `leave`.

    Args:
        settings: Slots, queue, rate and quotas.
        spent: Reads what a user spent, from the history of all processes; called on a thread.
    """

    def __init__(self, settings: Settings, spent: Spent) -> None:
        slots = settings.execution_slots or SLOTS_PER_CORE * (os.cpu_count() or 1)
        user_slots = settings.user_slots or max(1, slots // 2)
        self.slots = Slots(slots, user_slots, settings.queue_size, settings.queue_seconds)
        self.rates = Rates(settings.user_rate)
        self.cpu = DailyCpu(settings, spent)
        self._stopping = False

    def check_rate(self, user: User) -> None:
        """Counts one request of a user.

        Raises:
            QuotaError: They are too many in too short a time.
        """
        self.rates.check(user.id.int)

    def enter_at_once(self, user: User, owner_type: OwnerType) -> bool:
        """Lets one execution begin if it need not wait, for which there is `enter`. Who gets True must `leave`.

        Raises:
            QuotaError: The user spent the CPU seconds of the day.
            OverloadedError: The service is about to stop.
        """
        if not self.cpu.known(user, owner_type):
            return False
        if self._stopping:
            raise OverloadedError(_STOPPING, hint="Send it again.", retry_after=1.0)
        return self.slots.take(user.id.int)

    async def enter(self, user: User, owner_type: OwnerType) -> None:
        """Lets one execution begin, at once or when it is its turn. Who returns from here must `leave`.

        Args:
            user: Who executes.
            owner_type: Of the module.

        Raises:
            QuotaError: The user spent the CPU seconds of the day, or fills the queue.
            OverloadedError: The queue is full, no slot was free in time, or the service is about to stop.
            StorageError: What the user spent is not known, and cannot be read.
        """
        while not self.cpu.known(user, owner_type):
            await self.cpu.read(user, owner_type)
        if self.enter_at_once(user, owner_type):
            return
        key = user.id.int
        await self.slots.wait(key)
        try:
            self.cpu.known(user, owner_type)  # the executions that it waited for have cost something
        except QuotaError:
            self.slots.leave(key)
            raise

    def leave(self, user: User, owner_type: OwnerType, cpu_seconds: float) -> None:
        """Ends an execution: its slot goes to who is next, its cost to the user's bill.

        Args:
            user: Who executed.
            owner_type: Of the module.
            cpu_seconds: What the history says it took; 0 where it did not begin.
        """
        self.cpu.add(user, owner_type, cpu_seconds)
        self.slots.leave(user.id.int, cpu_seconds or None)

    def stop(self) -> None:
        """Refuses all who come from now on, and all who wait; executions under way are not touched."""
        self._stopping = True
        self.slots.refuse_all(_STOPPING)
