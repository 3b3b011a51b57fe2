"""A design on a server: followed through this machine's hooks, its errors the same, cancelled with the wait."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from server.design_kit import MARGIN, Played, until
from server.server_kit import BOB, Running, running, token_of

import akatsuki_wasm as ak
from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import Control
from akatsuki_wasm.errors import (
    ArgumentError,
    CheckError,
    ConflictError,
    DesignCancelled,
    GenerateError,
    NoMatchError,
    PermissionDeniedError,
    StageUnhandledError,
)

from .proxy_kit import proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.errors import AkatsukiError

    from .remote_kit import Place


class Heard:
    """A plugin that writes down what it hears."""

    name = "heard"

    def __init__(self) -> None:
        self.stages: list[tuple[Any, ...]] = []
        self.text = ""
        self.errors: list[AkatsukiError] = []

    @hookimpl
    def akatsuki_before_stage(self, stage: str, attempt: int) -> None:
        self.stages.append((stage, attempt, "begins"))

    @hookimpl
    def akatsuki_after_stage(self, stage: str, name: str, attempt: int, seconds: float, summary: str) -> None:
        assert seconds >= 0
        assert name
        assert summary
        self.stages.append((stage, attempt, "ends"))

    @hookimpl
    def akatsuki_stage_failed(self, stage: str, attempt: int, error: AkatsukiError) -> None:
        self.stages.append((stage, attempt, "fails"))
        self.errors.append(error)

    @hookimpl
    def akatsuki_reply_text(self, text: str) -> None:
        self.text += text


# ---------------------------------------------------------------- in both places


@pytest.mark.toolchain
def test_a_prompt_becomes_a_module(place: Place) -> None:
    heard = Heard()
    with place.workspace(BOB, plugins=[heard]) as workspace:
        module = workspace.design(MARGIN, examples=["margin(80, 60) == 0.25"], public=True)
        assert module.margin(80, 60) == 0.25
        assert heard.stages == [
            (stage, 1, what) for stage in ("generate", "build", "check", "upload") for what in ("begins", "ends")
        ]
        assert module.stored is not None
        assert (module.stored.is_public, module.stored.owner_id) == (True, BOB.id)
        assert module.provenance["prompt"] == MARGIN
        assert module.source is not None
        assert "pub fn margin" in module.source
        assert module.generation is not None
        assert module.generation.prompt == MARGIN
        assert module.timeline is not None
        assert [each.passed for each in module.timeline.attempts] == [True]
        (row,) = workspace.generations("margin", status="success")
        assert row.id == module.generation.id
        assert len(row.attempts) == 1
        assert row.attempts[0]["source"] == module.source
        assert row.request["examples"] == ["margin(80, 60) == 0.25"]
        assert workspace.generation(str(row.id)[:8]).digest == module.digest
        assert workspace.verify(module).reproduced


@pytest.mark.toolchain
def test_what_a_design_fails_with_is_the_same(place: Place) -> None:
    heard = Heard()
    with place.workspace(BOB, plugins=[heard]) as workspace:
        with pytest.raises(CheckError, match="margin") as caught:
            workspace.design(MARGIN, name="wrong", examples=["margin(80, 60) == 0.5"])
        assert (caught.value.case, caught.value.expected, caught.value.got) == (
            "margin(80, 60) == 0.5",
            "0.5",
            "0.25",
        )
        assert caught.value.kind == "example"
        assert caught.value.diagnostics
        assert ("check", 1, "fails") in heard.stages
        assert str(heard.errors[0]) == str(caught.value)
        assert isinstance(heard.errors[0], CheckError)
        with pytest.raises(NoMatchError) as missing:
            workspace.design("xyzzy plugh frobnicate")
        assert missing.value.hint
        with pytest.raises(StageUnhandledError, match="there is no generator 'offlin'; did you mean 'offline'"):
            workspace.design(MARGIN, generator="offlin")
        with pytest.raises(PermissionDeniedError):
            workspace.design(MARGIN, owner_type="admin")
        for prompt in ("", "  "):
            with pytest.raises(ArgumentError, match="the prompt is empty"):
                workspace.design(prompt)
        with pytest.raises(ArgumentError, match="the prompt is not valid text"):
            workspace.design("a \ud800 b")
        with pytest.raises(ArgumentError, match="is not a module name"):
            workspace.design(MARGIN, name="No Name")
        workspace.design(MARGIN, name="taken", version="1.0.0")
        with pytest.raises(ConflictError):
            workspace.design(MARGIN, name="taken", version="1.0.0")


# ---------------------------------------------------------------- on a server


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def service(played: Played) -> Iterator[Running]:
    with running(plugins=[played]) as found:
        yield found


def bobs(url: str, *plugins: object) -> ak.Workspace:
    return ak.open(url, token=token_of(BOB), plugins=plugins)


def states(service: Running) -> list[str]:
    with service.client(BOB) as client:
        return [each["status"] for each in client.get("/api/designs").json()["items"]]


def test_an_answer_is_heard_while_it_comes(service: Running, played: Played) -> None:
    heard = Heard()
    with bobs(service.url, heard) as workspace:
        results: list[Any] = []
        work = threading.Thread(target=lambda: results.append(workspace.design("slow one", generator="played")))
        work.start()
        assert until(lambda: heard.text) == "the answer to slow one"
        assert heard.stages == [("generate", 1, "begins")]
        assert not results
        played.gate("slow one").set()
        work.join(30)
        assert results[0].add(1) == 2
        with pytest.raises(GenerateError, match="there is nothing for fail now") as caught:
            workspace.design("fail now", generator="played")
        assert caught.value.hint.startswith("Say it otherwise.")


def test_the_next_version_is_made_of_the_last_one(service: Running) -> None:
    with bobs(service.url) as workspace:
        first = workspace.design("quick", generator="played", name="steps")
        second = workspace.refine("steps", "quick again", generator="played")
        third = workspace.design("quick", base=workspace.base(first), name="steps", generator="played")
        assert [each.version for each in (first, second, third)] == ["1.0.0", "1.1.0", "1.2.0"]
        assert second.provenance["base"]["name"] == "steps"
        assert second.generation is not None
        assert first.generation is not None
        assert second.generation.parent_id == first.generation.id
        own = workspace.design("quick", base="pub fn f() -> i32 { 1 }\n", name="own", generator="played")
        assert own.provenance["base"]["name"] == "own"


def test_a_connection_that_breaks_is_made_again(service: Running, played: Played) -> None:
    heard = Heard()
    with proxy(service.url) as way, bobs(way.url, heard) as workspace:
        results: list[Any] = []
        work = threading.Thread(target=lambda: results.append(workspace.design("cut off", generator="played")))
        work.start()
        until(lambda: heard.text)
        before = way.connections
        way.cut()
        until(lambda: way.connections > before)
        played.gate("cut off").set()
        work.join(30)
        assert results[0].add(1) == 2
        # Each event once, however often the connection was made.
        assert heard.stages == [
            (stage, 1, what) for stage in ("generate", "build", "check", "upload") for what in ("begins", "ends")
        ]
        assert heard.text == "the answer to cut off"
        assert states(service) == ["success"]


def test_a_control_cancels_it_there(service: Running) -> None:
    control = Control()
    with bobs(service.url) as workspace:
        failures: list[BaseException] = []

        def design() -> None:
            try:
                workspace.design("endless", generator="played", control=control)
            except DesignCancelled as exc:
                failures.append(exc)

        work = threading.Thread(target=design)
        work.start()
        until(lambda: states(service) == ["running"])
        control.cancel()
        work.join(30)
        assert [type(each) for each in failures] == [DesignCancelled]
        until(lambda: states(service) == ["cancelled"])


def test_an_interrupt_cancels_it_there(service: Running) -> None:
    def interrupt() -> None:
        until(lambda: states(service) == ["running"])
        signal.raise_signal(signal.SIGINT)

    with bobs(service.url) as workspace:
        other = threading.Thread(target=interrupt)
        other.start()
        with pytest.raises(KeyboardInterrupt):
            workspace.design("endless", generator="played")
        other.join()
    until(lambda: states(service) == ["cancelled"])


def test_who_else_cancels_it_is_told_to_who_waits(service: Running) -> None:
    with bobs(service.url) as workspace, service.client(BOB) as client:

        def cancel() -> None:
            found = until(lambda: client.get("/api/designs?status=running").json()["items"])
            client.post(f"/api/designs/{found[0]['id']}/cancel")

        other = threading.Thread(target=cancel)
        other.start()
        with pytest.raises(DesignCancelled):
            workspace.design("endless", generator="played")
        other.join()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oracle": lambda x: x}, "a server does not run your Python"),
        ({"like": "math.sqrt"}, "a server does not run your Python"),
        ({"lock": True}, "cannot be pinned in a lock file"),
        ({"locked": True}, "cannot be pinned in a lock file"),
        ({"deploy": False}, "a server stores what it designs"),
        ({"generator": "manual"}, "needs a person at the server's own terminal"),
    ],
)
def test_what_a_server_cannot_do_is_refused_before_anything_is_asked(
    service: Running, options: dict[str, Any], message: str
) -> None:
    with bobs(service.url) as workspace:
        with pytest.raises(ArgumentError, match=message) as caught:
            workspace.design("quick", **options)
        assert "deploy" in caught.value.hint
        with pytest.raises(ArgumentError, match="cannot be shown beforehand"):
            workspace.prompt_of("quick")
    assert states(service) == []
