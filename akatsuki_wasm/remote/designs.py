"""A design on a server: asked for, followed through this machine's plugins as it goes on, and cancelled with the wait.

The server generates, builds, checks and stores; what happens there comes as events, and goes to the hooks that hear of
stages here. A connection that breaks is made again, from behind the last event that came.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from akatsuki_wasm.contracts import BaseSource, Control, Example
from akatsuki_wasm.designing import DesignOptions, checked_prompt, to_base
from akatsuki_wasm.documents import module_from_document
from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
    DesignCancelled,
    ExecutionCancelled,
    OverloadedError,
    ServerUnreachableError,
)
from akatsuki_wasm.files import check_module_name
from akatsuki_wasm.remote.client import object_of
from akatsuki_wasm.remote.events import Event, read_events
from akatsuki_wasm.remote.problems import error_from_document, stranger

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import StoredModule
    from akatsuki_wasm.remote.client import Client
    from akatsuki_wasm.remote.lines import Line, Lines

log = logging.getLogger(__name__)

QUIET_S = 60.0
"""After which a connection on which nothing came is taken for broken: the server gives a sign of life each 15 s."""
_LAST = ("done", "failed", "cancelled")
"""Kinds of the last event of a design."""
_AGAIN = (429, 502, 503, 504)
"""Statuses of who may answer otherwise in a moment, such as a proxy while a server starts."""
_LOST_TRIES = 6
"""Times a broken connection is made again without anything new, with growing pauses of up to 8 s."""
_HERE = "Design on this machine (server='', --server ''), and deploy the module to the server."


class _LostError(ServerUnreachableError):
    """The connection broke, or nobody was there for the moment: it is made again.

    Args:
        error: What is said when it is given up.
    """

    def __init__(self, error: AkatsukiError) -> None:
        super().__init__(error.message, hint=error.hint)
        self.error = error


@dataclass(frozen=True)
class RemoteBase(BaseSource):
    """The source of a module of the server, which knows it by its id."""

    module_id: str = ""


def request_of(settings: Settings, prompt: str, options: DesignOptions) -> dict[str, Any]:
    """What is sent for a design.

    Raises:
        ArgumentError: The prompt is empty, or something is asked for that a server cannot do.
    """
    _refuse(settings, options)
    body: dict[str, Any] = {
        "prompt": checked_prompt(prompt),
        "name": options.name,
        "generator": options.generator,
        "model": options.model,
        "examples": [each.text if isinstance(each, Example) else each for each in options.examples],
        "ownerType": options.owner_type,
        "isPublic": options.public,
        "version": options.version,
        "maxRepairs": options.max_repairs,
        "fresh": options.fresh,
    }
    if options.name is not None:
        check_module_name(options.name)
    if options.base is not None:
        base = to_base(options.base)
        body |= {"base": base.module_id} if isinstance(base, RemoteBase) else {"source": base.rust}
    return {name: value for name, value in body.items() if value is not None}


def _refuse(settings: Settings, options: DesignOptions) -> None:
    """Refuses what runs code or reads files of this machine in the middle of a design."""
    if options.oracle is not None or options.like is not None:
        raise ArgumentError(
            "a server does not run your Python, so it cannot compare the module with it",
            hint=f"Compare afterwards, with workspace.check(module, oracle=…). Or else: {_HERE}",
        )
    if options.generator == "manual":
        raise ArgumentError("the generator manual needs a person at the server's own terminal", hint=_HERE)
    if options.lock or options.locked or (options.locked is None and settings.locked):
        raise ArgumentError("a design on a server cannot be pinned in a lock file of this machine", hint=_HERE)
    if not options.deploy:
        raise ArgumentError("a server stores what it designs: it cannot be left undeployed", hint=_HERE)
    if options.generation_id is not None:
        raise ArgumentError("a server chooses the id of the record", hint="Leave generation_id out.")


class RemoteDesign:
    """One design on a server.

    Args:
        client: The way to the server.
        lines: Connections that can be cut.
        tell: Calls a hook of all plugins by name.
        control: Cancels it, from any thread; None for nobody.
    """

    def __init__(self, client: Client, lines: Lines, tell: Callable[..., None], control: Control | None) -> None:
        self._client, self._lines, self._tell = client, lines, tell
        self._control = Control() if control is None else control
        self._last = ""

    def run(self, body: Mapping[str, Any]) -> StoredModule:
        """Asks for it and waits for its end.

        Raises:
            AkatsukiError: What it failed with on the server.
            DesignCancelled: It was cancelled.
            ServerUnreachableError: The server went away; the design may go on there.
        """
        key = str(uuid4())
        path = ""
        try:
            path = self._ask(body, key)
            outcome = self._follow(path)
        except ServerUnreachableError:
            raise  # nobody there to be told
        except BaseException as exc:  # Ctrl-C first of all: what nobody waits for is not worked on
            if path or not isinstance(exc, AkatsukiError):
                self._cancel(path, body, key)
            if isinstance(exc, ExecutionCancelled):
                raise DesignCancelled from exc
            raise
        return outcome()

    def _ask(self, body: Mapping[str, Any], key: str) -> str:
        """Asks for the design, once however often it is sent; gives its path."""
        headers = {"Idempotency-Key": key}
        response = self._client.send("POST", "/api/designs", repeat=True, json=body, headers=headers)
        try:
            return f"/api/designs/{UUID(object_of(response)['id'])}"
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise stranger(response) from exc

    def _cancel(self, path: str, body: Mapping[str, Any], key: str) -> None:
        """Asks the server to end it; that somebody waits no more is not told twice."""
        try:
            # Interrupted before the server's answer came, the same request tells which design it was.
            self._client.send("POST", f"{path or self._ask(body, key)}/cancel", repeat=True)
        except AkatsukiError as exc:
            log.info("the design was not cancelled on the server: %s", exc)

    # ------------------------------------------------------------ following

    def _follow(self, path: str) -> Callable[[], StoredModule]:
        """Waits for the end of a design; gives what tells its outcome."""
        lost = 0
        while True:
            before = self._last
            try:
                with closing(self._events(path)) as events:
                    for event in events:
                        self._last, lost = event.id, 0
                        if event.kind in _LAST:
                            return partial(_outcome, event.data)
                        self._hear(event)
            except _LostError as exc:
                if lost >= _LOST_TRIES:
                    raise exc.error from exc
            if self._last == before:
                found = self._ended(path)
                if found is not None:
                    return found
                lost += 1
                time.sleep(min(0.25 * 2**lost, 8.0))

    def _events(self, path: str) -> Generator[Event, None, None]:
        import httpx

        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": self._last} if self._last else {})}
        timeout = httpx.Timeout(10.0, read=QUIET_S)
        with self._lines.taken(self._control) as line:
            yield from self._stream(line, f"{path}/events", headers, timeout)

    def _stream(self, line: Line, path: str, headers: dict[str, str], timeout: Any) -> Iterator[Event]:
        import httpx

        options: dict[str, Any] = {"headers": headers, "timeout": timeout, **line.options}
        try:
            with line.http.stream("GET", path, **options) as response:
                if response.status_code == 204:
                    return
                if not response.is_success:
                    response.read()
                    error = self._client.error_of(response)
                    raise _LostError(error) if response.status_code in _AGAIN else error
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    response.read()
                    raise stranger(response)
                yield from read_events(response.iter_lines())
        except httpx.TransportError as exc:
            raise _LostError(self._client.unreachable(exc)) from exc

    def _ended(self, path: str) -> Callable[[], StoredModule] | None:
        """What tells the outcome of a design that has ended, where its last event did not come."""
        with suppress(ServerUnreachableError, OverloadedError):
            found = self._client.get(path)
            if found.get("error") is not None:
                return partial(_outcome, found)
            if found.get("status") == "success":
                return partial(_outcome, {"module": self._client.get(f"/api/modules/{found.get('moduleId')}")})
        return None

    def _hear(self, event: Event) -> None:
        """Tells the plugins what happened; what is not known is left out."""
        data = event.data
        facts: dict[str, Any] = {name: data.get(name) for name in ("stage", "name", "attempt")}
        match event.kind:
            case "stage-started":
                self._tell("akatsuki_before_stage", **facts)
            case "stage-done":
                self._tell(
                    "akatsuki_after_stage", **facts, seconds=_seconds(data), summary=str(data.get("summary", ""))
                )
            case "stage-failed":
                error = error_from_document(data.get("error") or {})
                self._tell("akatsuki_stage_failed", **facts, seconds=_seconds(data), error=error)
            case "note":
                self._tell("akatsuki_stage_note", **facts, text=str(data.get("text", "")))
            case "text":
                self._tell("akatsuki_reply_text", text=str(data.get("text", "")), attempt=data.get("attempt"))


def _seconds(data: Mapping[str, Any]) -> float:
    return float(data.get("seconds") or 0.0)


def _outcome(data: Mapping[str, Any]) -> StoredModule:
    """The module of a design's last event.

    Raises:
        AkatsukiError: What it failed with.
    """
    if data.get("error") is not None:
        raise error_from_document(data["error"])
    return module_from_document(data.get("module") or {})
