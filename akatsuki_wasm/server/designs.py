"""Designs of the service: accepted, queued fairly between users, worked on by threads of this process, cancelled.

The process that accepts a design works on it: what waits in its queue is in its memory. Everything else is in the
database, so that every process can list and follow a design, and cancel it: the working process looks for the mark
twice a second. It says every few seconds that it is alive; a design whose process was not heard of for `LOST_S` is
ended as an error by any process that looks, which each does every `SWEEP_S`.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import AkatsukiError, DesignCancelled, OverloadedError, ServiceError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.designs import UNFINISHED
from akatsuki_wasm.server.design_job import DesignWork, problem_facts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.service_models import DesignJob
    from akatsuki_wasm.server.design_wish import Wish
    from akatsuki_wasm.workspace import Workspace

log = logging.getLogger(__name__)

MOST_OF_USER = 8
"""Unfinished designs that one user may have, in all processes together."""
QUEUED_PER_SLOT = 16
"""Designs that may wait in one process, for each that it works on at once. A design takes seconds to minutes."""
LOOK_S = 0.5
"""How often it is looked whether a design is to be cancelled, and whether something is not written yet."""
ALIVE_S = 5.0
"""How often a process says that it works on a design."""
LOST_S = 30.0
SWEEP_S = 10.0
KEPT_DAYS = 30.0
"""How long a finished design and its events are kept. The generation's record stays."""
_FORGET_S = 3600.0
_END_S = 5.0
"""How long a stopping process waits for its cancelled designs to end: a model request and a build need about one."""
_STOPPED = DesignCancelled(
    "the service was stopped before the design was done", hint="Ask again; answers of models are remembered."
)


class Designs:
    """The designs of one process.

    Args:
        workspace: Of the service; it acts for nobody in particular.
    """

    lost_s = LOST_S
    sweep_s = SWEEP_S

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._slots = workspace.settings.design_slots
        self._rows = workspace.registry.designs(UPKEEP)
        self._lock = threading.Lock()
        # By user, so that the next one is chosen fairly; a user whose turn it was goes to the end.
        self._waiting: dict[UUID, list[DesignWork]] = {}
        self._running: dict[UUID, DesignWork] = {}
        self._unsettled: dict[UUID, DesignWork] = {}
        self._threads: set[threading.Thread] = set()
        self._keeper: threading.Thread | None = None
        self._wake = threading.Event()
        self._is_stopping = False
        self._is_over = False

    @property
    def running(self) -> int:
        """Designs that are worked on."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """Designs that wait."""
        return sum(map(len, self._waiting.values()))

    def start(self) -> None:
        """Begins to look after designs, also those of processes that died."""
        self._keeper = threading.Thread(target=self._keep, name="akatsuki-designs", daemon=True)
        self._keeper.start()

    # ------------------------------------------------------------ asking

    def submit(self, user: User, wish: Wish) -> DesignJob:
        """Accepts a design, which begins when it is its turn.

        Args:
            user: Who wants it.
            wish: What is wanted.

        Raises:
            QuotaError: The user has as many unfinished designs as he may have.
            OverloadedError: Too many wait, or the service is about to stop.
        """
        self._check_room()
        row = self._workspace.registry.designs(user).create(wish.prompt, wish.facts, most=MOST_OF_USER)
        work = DesignWork(row.id, wish, self._workspace.acting(user))
        with self._lock:
            self._unsettled[row.id] = work
            self._waiting.setdefault(user.id, []).append(work)
        self._fill_slots()
        if self._is_stopping:  # it came between the look above and now
            self._wake.set()
        return row

    def _check_room(self) -> None:
        if self._is_stopping:
            raise OverloadedError("the service is about to stop", hint="Ask again in a moment.", retry_after=2.0)
        most = self._slots * QUEUED_PER_SLOT
        if self.queued >= most:
            raise OverloadedError(
                f"{most} designs wait already", hint="Ask again when some of them are done.", retry_after=30.0
            )

    def cancel(self, user: User, design_id: UUID) -> DesignJob:
        """Asks for the end of a design, in whatever process it is; a finished one is left as it is.

        Raises:
            NotFoundError: There is none, or it is another user's.
        """
        row = self._workspace.registry.designs(user).request_cancel(design_id)
        work = self._unsettled.get(design_id)
        if work is not None and row.status in UNFINISHED:
            work.cancel()
            if self._take_from_queue(work):
                work.end_cancelled()
                row = self._workspace.registry.designs(user).get(design_id)
        return row

    # ------------------------------------------------------------ working

    def _fill_slots(self) -> None:
        """Begins what may begin."""
        while True:
            with self._lock:
                work = self._next()
                if work is None:
                    return
                self._running[work.id] = work
                thread = threading.Thread(
                    target=self._work, args=(work,), name=f"akatsuki-design-{work.id}", daemon=True
                )
                self._threads.add(thread)
            thread.start()

    def _next(self) -> DesignWork | None:
        """The next design: of the user with the fewest that run, and of those the one whose turn is longest ago."""
        if self._is_stopping or len(self._running) >= self._slots or not self._waiting:
            return None
        busy = [work.user.id for work in self._running.values()]
        user = min(self._waiting, key=busy.count)
        waiting = self._waiting.pop(user)
        work = waiting.pop(0)
        if waiting:
            self._waiting[user] = waiting
        return work

    def _take_from_queue(self, work: DesignWork) -> bool:
        with self._lock:
            waiting = self._waiting.get(work.user.id, [])
            if work not in waiting:
                return False
            waiting.remove(work)
            if not waiting:
                del self._waiting[work.user.id]
        return True

    def _work(self, work: DesignWork) -> None:
        try:
            work.run()
        finally:
            with self._lock:
                del self._running[work.id]
                self._threads.discard(threading.current_thread())
            self._fill_slots()

    # ------------------------------------------------------------ keeping

    def _keep(self) -> None:
        """Looks after the designs of this process, and after those of dead ones."""
        alive_at = swept_at = forgot_at = float("-inf")
        while not self._is_over:
            now = time.monotonic()
            is_beat, is_sweep, is_forget = (
                now - alive_at >= ALIVE_S, now - swept_at >= self.sweep_s, now - forgot_at >= _FORGET_S
            )  # fmt: skip
            try:
                self._look(alive=is_beat)
                if is_sweep:
                    self._sweep()
                if is_forget:
                    self._rows.forget(KEPT_DAYS)
            except AkatsukiError as exc:
                log.warning("designs cannot be looked after now: %s", exc)
            except Exception:
                log.exception("looking after designs failed")
            alive_at = now if is_beat else alive_at
            swept_at = now if is_sweep else swept_at
            forgot_at = now if is_forget else forgot_at
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _look(self, *, alive: bool) -> None:
        works = list(self._unsettled.values())
        if self._is_stopping:
            for work in works:
                if self._take_from_queue(work):
                    work.cancel(_STOPPED)
                    work.end_cancelled()
        for work in works:
            work.write(alive=alive)
            if work.is_settled and work.id not in self._running:
                self._unsettled.pop(work.id, None)
        mine = [work for work in works if not work.is_settled]
        unwanted = self._rows.to_cancel([work.id for work in mine]) if mine else ()
        for work in mine:
            if work.id in unwanted:
                work.cancel()
                if self._take_from_queue(work):
                    work.end_cancelled()

    def _sweep(self) -> None:
        """Ends the designs of processes that died."""
        for design_id in self._rows.lost(self.lost_s):
            if design_id in self._unsettled:  # this process could not write for so long, and is about to
                continue
            error = ServiceError(
                f"the process that worked on the design was not heard of for {self.lost_s:g} s",
                hint="Ask again; answers of models are remembered.",
            )
            if self._rows.fail_lost(design_id, self.lost_s, problem_facts(error)):
                log.warning("the design %s was left by a process that died", design_id)

    # ------------------------------------------------------------ stopping

    def begin_stop(self) -> None:
        """Takes no more designs, and ends those that wait. Returns at once."""
        self._is_stopping = True
        self._wake.set()

    def cancel_running(self) -> None:
        """Cancels what runs. Returns at once."""
        self._cancel_all(list(self._running.values()))

    def _cancel_all(self, works: Iterable[DesignWork]) -> None:
        for work in works:
            work.cancel(_STOPPED)

    def stop(self) -> None:
        """Cancels all designs, waits until they have ended, and sees that the database says so."""
        self.begin_stop()
        self.cancel_running()
        ends = time.monotonic() + _END_S
        for thread in list(self._threads):
            thread.join(max(0.0, ends - time.monotonic()))
        self._is_over = True
        self._wake.set()
        if self._keeper is not None:
            self._keeper.join()
        for work in list(self._unsettled.values()):
            work.cancel(_STOPPED)
            work.end_cancelled()
            work.write()
