"""What tests of designs share: server-sent events as a browser reads them, plugins that answer by a script."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.registry_kit import wasm_adding

from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import Artifact, GuestSource
from akatsuki_wasm.errors import DesignCancelled, GenerateError
from akatsuki_wasm.rust.signatures import parse_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from akatsuki_wasm.contracts import BuildOptions, GenerationContext, GenerationRequest, GuestProject

MARGIN = "a function margin(price, cost) = (price - cost) / price"
FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    number: int
    kind: str
    data: dict[str, Any]


def sent(response: httpx.Response) -> Iterator[Sent]:
    """The events of a stream as the HTML specification says that they are read; comments are left out."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if not line:
            if "data" in fields:
                yield Sent(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def start(client: httpx.Client, prompt: str = MARGIN, **wish: Any) -> dict[str, Any]:
    """Asks for a design, which must be accepted."""
    response = client.post("/api/designs", json={"prompt": prompt, **wish})
    assert response.status_code == 202, response.text
    document: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/api/designs/{document['id']}"
    return document


def follow(client: httpx.Client, design: dict[str, Any], after: int | None = None) -> list[Sent]:
    """All events of a design until its last one, which must come."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", f"/api/designs/{design['id']}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        found = list(sent(response))
    assert found[-1].kind in FINAL
    return found


def look(client: httpx.Client, design: dict[str, Any]) -> dict[str, Any]:
    response = client.get(f"/api/designs/{design['id']}")
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def until(what: Callable[[], Any], seconds: float = 30) -> Any:
    """What a function answers once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
    return found


class Played:
    """A generator and a builder that need no compiler: each design stops at its gate until it is opened.

    A prompt that begins with ``fail`` fails, one with ``quick`` does not stop, one with ``deaf`` hears no cancellation.
    """

    name = "played"

    def __init__(self) -> None:
        self.gates: dict[str, threading.Event] = {}
        self.begun: list[str] = []
        self._lock = threading.Lock()

    def gate(self, prompt: str) -> threading.Event:
        with self._lock:
            return self.gates.setdefault(prompt, threading.Event())

    @hookimpl
    def akatsuki_generate(self, request: GenerationRequest, context: GenerationContext) -> GuestSource:
        prompt = request.prompt
        self.begun.append(prompt)
        # Told on another thread than the design's, as a plugin may.
        teller = threading.Thread(target=context.on_text, args=(f"the answer to {prompt}",))
        teller.start()
        teller.join()
        deadline = time.monotonic() + 30
        while not (prompt.startswith(("quick", "fail")) or self.gate(prompt).wait(0.01)):
            if context.control.cancelled and not prompt.startswith("deaf"):
                raise DesignCancelled
            assert time.monotonic() < deadline, f"nobody opened the gate of {prompt}"
        if prompt.startswith("fail"):
            raise GenerateError(f"there is nothing for {prompt}", hint="Say it otherwise.")
        return GuestSource(
            "/// Adds.\npub fn add(x: i32) -> i32 {\n    x + 1\n}\n", request.name or "adder", "Adds.", "played"
        )

    @hookimpl
    def akatsuki_build(self, project: GuestProject, options: BuildOptions) -> Artifact:
        from akatsuki_wasm import manifest

        assert parse_source(project.source.rust, ())
        wasm = wasm_adding(1)
        return Artifact(wasm, manifest.for_binary(wasm), project.source.rust)
