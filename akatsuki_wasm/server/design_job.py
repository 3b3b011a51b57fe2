"""One design that this process works on: what its pipeline tells becomes events in the database; it can be ended."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import Control
from akatsuki_wasm.documents import module_document
from akatsuki_wasm.errors import AkatsukiError, DesignCancelled, NotFoundError
from akatsuki_wasm.generation_facts import storable_json
from akatsuki_wasm.registry.designs import FINAL_EVENTS
from akatsuki_wasm.server import problems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from akatsuki_wasm.module import Module
    from akatsuki_wasm.registry.designs import Event
    from akatsuki_wasm.registry.service_models import DesignStatus
    from akatsuki_wasm.server.design_wish import Wish
    from akatsuki_wasm.workspace import Workspace

log = logging.getLogger(__name__)

TEXT_EVERY_S = 0.2
"""A model's answer comes in hundreds of pieces; what came within this time becomes one event."""
MAX_DIAGNOSTICS = 20
"""Diagnostics of one error that are told; the record of the generation has as many."""
_STARTED = {"akatsuki_before_stage": "stage-started", "akatsuki_after_stage": "stage-done"}


class DesignWork:
    """A design from the moment that it is accepted to its last event.

    Args:
        design_id: Of its row; the generation's record gets the same id.
        wish: What is wanted.
        workspace: Of the user who wants it.
    """

    def __init__(self, design_id: UUID, wish: Wish, workspace: Workspace) -> None:
        self.id = design_id
        self.user = workspace.user
        self.control = Control()
        self._wish = wish
        self._workspace = workspace.acting(workspace.user, self.hear)
        self._rows = workspace.registry.designs(workspace.user)
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._changes: dict[str, Any] = {}
        self._written_at = 0.0
        self._is_finished = False
        self._is_settled = False
        self._cancelled_because = DesignCancelled()

    @property
    def is_settled(self) -> bool:
        """Whether its end is in the database, whoever wrote it."""
        return self._is_settled

    def cancel(self, because: DesignCancelled | None = None) -> None:
        """Ends it soon.

        Args:
            because: What its user is told; that it was cancelled where None.
        """
        if because is not None and not self.control.cancelled:
            self._cancelled_because = because
        self.control.cancel()

    # ------------------------------------------------------------ working

    def run(self) -> None:
        """Does the work, on the calling thread; what it fails with is its end too."""
        self._tell("started", {}, status="running")
        if self._is_settled:  # it was taken for dead while it waited
            return
        try:
            module = self._workspace.design(
                self._wish.prompt, control=self.control, generation_id=self.id, **self._wish.options
            )
        except DesignCancelled:
            self.end_cancelled()
        except AkatsukiError as exc:
            self._end("error", {"error": problem_facts(exc)})
        except BaseException as exc:
            log.error("a design failed unexpectedly", exc_info=exc)
            self._end("error", {"error": problems.DEFECT})
        else:
            self._end_done(module)

    def end_cancelled(self) -> None:
        """Ends it as cancelled, also where it had not begun."""
        self._end("cancelled", {"error": problem_facts(self._cancelled_because)})

    def _end_done(self, module: Module) -> None:
        stored = module.stored
        assert stored is not None  # noqa: S101 - designs of the service are deployed
        document = module_document(stored, full=True, viewer=self.user)
        self._end("success", {"module": storable_json(document)}, module_id=stored.id)

    def _end(self, status: DesignStatus, data: Mapping[str, Any], **changes: Any) -> None:
        with self._lock:
            if self._is_finished:
                return
            self._is_finished = True
        generation = self._generation()
        changes |= {"status": status, "error": data.get("error"), "generation_id": generation}
        shown = None if generation is None else str(generation)
        self._tell(FINAL_EVENTS[status], {**data, "generationId": shown}, **changes)

    def _generation(self) -> UUID | None:
        """The id of the record, where there is one."""
        try:
            self._workspace.generation(self.id)
        except NotFoundError:
            return None
        except AkatsukiError:  # nobody knows: who looks there will see
            pass
        return self.id

    # ------------------------------------------------------------ telling

    def hear(self, hook: str, arguments: Mapping[str, Any]) -> None:
        """Hears of the pipeline's stages, whatever thread they run on.

        Raises:
            DesignCancelled: The design is not wanted any more, or another process has ended it.
        """
        facts = {name: arguments[name] for name in ("stage", "name", "attempt") if name in arguments}
        if hook == "akatsuki_reply_text":
            self._hear_text(str(arguments["text"]), arguments["attempt"])
        elif hook == "akatsuki_stage_failed":
            failed = {"seconds": round(arguments["seconds"], 3), "error": problem_facts(arguments["error"])}
            self._tell("stage-failed", {**facts, **failed})
        elif hook == "akatsuki_stage_note":
            self._tell("note", {**facts, "text": arguments["text"]})
        elif hook in _STARTED:
            if "seconds" in arguments:
                facts |= {"seconds": round(arguments["seconds"], 3), "summary": arguments["summary"]}
            self._tell(_STARTED[hook], facts)
            if hook == "akatsuki_before_stage" and self.control.cancelled:
                raise DesignCancelled

    def _hear_text(self, text: str, attempt: int) -> None:
        with self._lock:
            kind, data = self._events[-1] if self._events else ("", {})
            if kind == "text" and data["attempt"] == attempt:
                self._events[-1] = ("text", {"text": data["text"] + text, "attempt": attempt})
            else:
                self._events.append(("text", {"text": text, "attempt": attempt}))
            is_time = time.monotonic() - self._written_at >= TEXT_EVERY_S
        if is_time:
            self.write()

    def _tell(self, kind: str, data: Mapping[str, Any], **changes: Any) -> None:
        with self._lock:
            self._events.append((kind, data))
            self._changes |= changes
        self.write()

    def write(self, *, alive: bool = False) -> None:
        """Writes what is not written yet. Where the database refuses it is kept for the next time.

        Args:
            alive: Write also where there is nothing, which says that this process works on it.
        """
        with self._lock:
            if self._is_settled or not (self._events or self._changes or alive):
                return
            try:
                events = [(kind, storable_json(data)) for kind, data in self._events]
                cancel = self._rows.write(self.id, events, **self._changes)
                # Another thread may write between the end and its event, so the row's own status counts.
                is_end = self._changes.get("status") in FINAL_EVENTS
            except AkatsukiError as exc:
                log.warning("the events of the design %s are not written yet: %s", self.id, exc)
                return
            finally:
                self._written_at = time.monotonic()
            self._events, self._changes = [], {}
            self._is_settled = cancel is None or is_end
        if cancel or cancel is None:
            self.control.cancel()


def problem_facts(error: AkatsukiError) -> dict[str, Any]:
    """A problem document that can be stored, its lists not endless."""
    found = problems.problem(error)
    for name in ("diagnostics", "failures"):
        if name in found:
            found[name] = found[name][:MAX_DIAGNOSTICS]
    facts: dict[str, Any] = storable_json(json.loads(json.dumps(found, default=str)))
    return facts
