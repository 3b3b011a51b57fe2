"""Executions for many users at once: row, permission, admission, execution, history, answer.

The event loop looks a call over and admits it; a thread converts its arguments, executes it and encodes its answer; the
journal writes its history row; then the answer is sent. So no answer leaves before its row is committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import MAX_TIMEOUT_MS, MIN_TIMEOUT_MS
from akatsuki_wasm.errors import AkatsukiError, ExecutionTimeout, PermissionDeniedError, RequestError
from akatsuki_wasm.execution import limits_of
from akatsuki_wasm.registry import policy
from akatsuki_wasm.sandbox.plans import function_not_found
from akatsuki_wasm.server.bodies import Budget
from akatsuki_wasm.server.calls import Executed, ExecuteRequest, Outcome, Work, execute
from akatsuki_wasm.server.loop_journal import LoopJournal
from akatsuki_wasm.server.quick_calls import QUICK_MS, QuickCalls
from akatsuki_wasm.server.row_cache import Known, RowCache
from akatsuki_wasm.server.threads import Threads
from akatsuki_wasm.server.under_way import UnderWay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from akatsuki_wasm.contracts import Limits, StoredModule, User
    from akatsuki_wasm.pipeline import Pipeline
    from akatsuki_wasm.server.admission import Admission
    from akatsuki_wasm.server.disconnects import RequestControl
    from akatsuki_wasm.server.quotas import Quotas
    from akatsuki_wasm.server.service import Service

log = logging.getLogger(__name__)

BODIES = 8
"""How many of the largest bodies may be in memory at once."""
MAX_LIMITS = 1_000
"""Combinations of a module's limits and a call's that are kept."""
TURN_S = 0.02
"""How long the event loop executes before it looks at what else there is."""
STOP_S = 5.0
"""How long executions that were cancelled are waited for; they look every 30 ms."""

Waiter = tuple["asyncio.Future[Executed]", Executed]


class Executions:
    """Executes for all users of a process. Used on its event loop.

    Args:
        service: Settings, plugins, registry, admission and quotas.

    Attributes:
        rows: What is known of modules.
        bodies: What the bodies of requests take.
        journal: Writes the history.
    """

    def __init__(self, service: Service) -> None:
        self._settings = service.settings
        self._pipeline: Pipeline = service.workspace.pipeline
        self._admission: Admission = service.admission
        self._quotas: Quotas = service.quotas
        self._metrics = service.metrics
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(service.admission.slots.slots)
        self._tries: list[Work] = []
        self._limits_known: dict[tuple[str, int, int, int], Limits] = {}
        self.bodies = Budget(BODIES * service.settings.max_body_bytes)
        self._quick = QuickCalls(service.settings.module_cache_size)
        # Others' execution plugins may wait for something: on the event loop all would wait with them.
        self._may_be_quick = all(
            each.origin == "built-in"
            for each in service.workspace.plugins.describe()
            if "akatsuki_execute" in each.hooks
        )
        self.rows = RowCache(service.registry, service.settings.fresh_ms)
        self._under_way = UnderWay(self._executable)
        self.journal: LoopJournal[Waiter] = LoopJournal(service.registry.database, self._settled)

    def check_rate(self, user: User) -> None:
        """Counts one request of a user, before anything is done for it.

        Raises:
            QuotaError: They are too many in too short a time.
        """
        self._admission.check_rate(user)

    async def execute(self, user: User, request: ExecuteRequest, control: RequestControl) -> Executed:
        """Executes one call; what began is in the history when this returns.

        Args:
            user: Who asks.
            request: What for.
            control: Cancels it when the client goes away.

        Raises:
            NotFoundError: There is no such module that the user may read, or no such function in it.
            PermissionDeniedError: The user may not execute it, or it is not active.
            RequestError: The time limit is out of its range.
            QuotaError: The user has used up something.
            OverloadedError: There is too much to do.
            StorageError: The registry, or the history, failed.
            ClientDisconnect: The client went away while it waited.
        """
        known = await self._executable(user, request.module_id)
        stored = known.stored
        function = stored.manifest.function(request.function)
        if function is None:
            raise function_not_found(stored.manifest, request.function[:200])
        limits = self._limits(stored, request.timeout_ms)
        if not self._admission.enter_at_once(user, stored.owner_type):
            await control.admitted(self._admission.enter(user, stored.owner_type))
            try:  # the module may have been disabled meanwhile
                known = await self._executable(user, request.module_id)
                limits = self._limits(known.stored, request.timeout_ms)
            except BaseException:
                self._admission.leave(user, stored.owner_type, 0.0)
                raise
        work = Work(user, known, function, limits, request, control, self._loop.create_future())
        if self._may_be_quick and request.small and self._quick.expects(stored.digest, function.name):
            self._tries.append(work)
            if len(self._tries) == 1:
                self._loop.call_soon(self._try_all)
        else:
            self._to_thread(work)
        return await work.done

    def _try_all(self) -> None:
        """Executes on the event loop what came in one turn of it, one right after the other.

        So the processor keeps what it needs for that; in turns with the reading of requests and the writing of answers
        each request of 32 clients was seen to take half as long again.
        """
        tries, self._tries = self._tries, []
        until = time.monotonic() + TURN_S
        for position, work in enumerate(tries, 1):
            outcome = self._try(work)
            if outcome is None:
                self._to_thread(work)
            else:
                self._settle_one(work, outcome)
            if position < len(tries) and time.monotonic() > until:  # they are not as quick as they were
                self._tries = tries[position:]
                self._loop.call_soon(self._try_all)
                return

    def _try(self, work: Work) -> Outcome | None:
        """Executes on the event loop; None where that did not succeed, and a thread has to do it."""
        outcome = execute(self._pipeline, work, self._quick.limits(work.limits))
        if isinstance(outcome.executed.error, ExecutionTimeout) and outcome.cpu_ms < QUICK_MS:
            return None  # other threads had the processor, and it had no time: that says nothing of the function
        digest, name = work.known.stored.digest, work.function.name
        self._quick.tell(digest, name, outcome.executed.result, outcome.cpu_ms)
        return None if outcome.executed.error is not None else outcome

    def _to_thread(self, work: Work) -> None:
        """Has a thread execute it."""
        self._under_way.add(work.control, work.user, work.request.module_id)
        work.control.listen()

        def run() -> None:
            self._tell_loop(left, execute(self._pipeline, work, work.limits))

        def left(outcome: Outcome) -> None:
            self._threads.done()
            self._under_way.remove(work.control)
            if work.request.small:
                digest, name = work.known.stored.digest, work.function.name
                self._quick.tell(digest, name, outcome.executed.result, outcome.cpu_ms)
            self._settle_one(work, outcome)

        self._threads.run(run)

    def _settle_one(self, work: Work, outcome: Outcome) -> None:
        """Gives the slot back and sends the record to the journal, which ends the waiting."""
        record, executed, done = outcome.record, outcome.executed, work.done
        seconds = 0.0 if record is None else record.execution_time_ms / 1e3
        self._admission.leave(work.user, executed.stored.owner_type, seconds)
        if record is None:
            if not done.done():
                done.set_result(executed)
            return
        self._metrics.execution(record.status, seconds)
        try:
            self.journal.submit(record, (done, executed))
        except AkatsukiError as exc:
            if not done.done():
                done.set_exception(exc)

    async def _executable(self, user: User, module_id: UUID) -> Known:
        """A module that the user may execute, by a row that is at most `Settings.fresh_ms` old."""
        known = await self.rows.get(user, module_id)
        if not policy.allows(user, "execute", known.stored):
            raise _denied(user, known.stored)
        return known

    def _limits(self, stored: StoredModule, timeout_ms: int | None) -> Limits:
        if timeout_ms is not None and not MIN_TIMEOUT_MS <= timeout_ms <= MAX_TIMEOUT_MS:
            raise RequestError(
                f"timeoutMs is {timeout_ms}: expected {MIN_TIMEOUT_MS} to {MAX_TIMEOUT_MS}",
                hint=f"Leave it out for the module's own, {stored.timeout_ms}.",
            )
        key = stored.owner_type, stored.max_execution_time_ms, stored.max_memory_pages, timeout_ms or stored.timeout_ms
        found = self._limits_known.get(key)
        if found is None:
            longest = self._quotas.execution_limit_ms(stored)
            found = limits_of(self._settings, stored, min(timeout_ms or stored.timeout_ms, longest))
            if len(self._limits_known) > MAX_LIMITS:
                self._limits_known.clear()
            self._limits_known[key] = found
        return found

    # ------------------------------------------------------------ ends

    def _settled(self, waiters: Sequence[Waiter], error: AkatsukiError | None) -> None:
        self._metrics.batch(len(waiters))
        _settle(waiters, error)

    def _tell_loop(self, callback: Callable[..., None], *values: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *values)
        except RuntimeError:  # the loop is closed: nobody waits any more, and what began is in the journal
            log.warning("an execution ended after the service had stopped")

    @property
    def under_way(self) -> int:
        """Executions that threads work on."""
        return len(self._under_way)

    def cancel_all(self) -> None:
        """Asks all executions under way to stop."""
        self._under_way.cancel_all()

    async def stop(self) -> None:
        """Waits a moment for executions that were cancelled, then writes what the journal has."""
        deadline = self._loop.time() + STOP_S
        self._under_way.stop()
        while self._under_way and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        if not await self.journal.close():
            log.error("the history of the last executions could not be written in time")
        self._threads.stop()


def _settle(waiters: Sequence[Waiter], error: AkatsukiError | None) -> None:
    for future, executed in waiters:
        if future.done():
            continue
        if error is None:
            future.set_result(executed)
        else:
            future.set_exception(error)


def _denied(user: User, stored: StoredModule) -> PermissionDeniedError:
    label = f"{stored.name}@{stored.version}"
    if stored.status != "active":
        return PermissionDeniedError(
            f"{label} is {stored.status}: only active modules execute", hint="Its owner or an admin can enable it."
        )
    return PermissionDeniedError(f"{user.name} may not execute {label}", hint="Ask its owner to share it.")
