"""A design is cancelled from another thread, in every stage, and leaves what it got so far in the record."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import Artifact, BuildOptions, Control, GuestProject, GuestSource
from akatsuki_wasm.errors import DesignCancelled, ExecutionCancelled
from akatsuki_wasm.rust.signatures import parse_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import BatchCall, Call, ExecutableModule, ExecutionResult, GenerationContext, Limits

    from .conftest import PlayedModel


QUICK = "/// Twice.\npub fn twice(x: f64) -> f64 {\n    x * 2.0\n}\n"
# Every const is another value, so the compiler evaluates all loops; alone they take it many seconds.
SLOW = (
    QUICK
    + "".join(f"const N{n}: u64 = {{ let mut i = {n}u64; while i < 90_000_000 {{ i += 1; }} i }};\n" for n in range(40))
    + "/// It.\npub fn it() -> u64 {\n    "
    + " ^ ".join(f"N{n}" for n in range(40))
    + "\n}\n"
)


class Writes:
    """A generator that answers one source, whatever is wanted."""

    def __init__(self, rust: str) -> None:
        self.rust = rust
        self.asked = 0

    @hookimpl
    def akatsuki_generate(self, context: GenerationContext) -> GuestSource:
        self.asked += 1
        return GuestSource(self.rust, "slow", "", "writes")


class At:
    """Cancels when a stage begins, after a while."""

    def __init__(self, control: Control, stage: str, after: Callable[[], None] = lambda: None) -> None:
        self.control, self.stage, self.after = control, stage, after
        self.threads: list[threading.Thread] = []
        self.cancelled_at = 0.0
        self.told: list[tuple[str, str]] = []

    @hookimpl
    def akatsuki_before_stage(self, stage: str) -> None:
        self.told.append(("before", stage))
        if stage == self.stage:
            thread = threading.Thread(target=self._cancel)
            self.threads.append(thread)
            thread.start()

    @hookimpl
    def akatsuki_stage_failed(self, stage: str, error: Exception) -> None:
        self.told.append((type(error).__name__, stage))

    def _cancel(self) -> None:
        self.after()
        self.cancelled_at = time.monotonic()
        self.control.cancel()


def cancelled(data: Path, at: At, *plugins: object, **options: Any) -> tuple[DesignCancelled, Any]:
    """The error of a design that is cancelled, and its record; it must have ended soon after the cancellation."""
    with ak.open(data_dir=data, plugins=[at, *plugins]) as ws:
        with pytest.raises(DesignCancelled) as raised:
            ws.design("it", control=at.control, **options)
        took = time.monotonic() - at.cancelled_at
        for thread in at.threads:
            thread.join()
        assert took < 5, "it did not end because of the cancellation"
        assert ws.list_modules() == []
        (record,) = ws.generations()
    assert str(raised.value) == "the design was cancelled"
    assert record.status == "error"
    assert record.error_message == "the design was cancelled"
    return raised.value, record


def compilers() -> list[str]:
    """Names of the compiling processes that this one started, itself or through others."""
    parents, names = {}, {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                facts = (process / "stat").read_text()
            except OSError:
                continue
            name, _, rest = facts.partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if state != "Z":
                parents[int(process.name)], names[int(process.name)] = int(parent), name
    found = []
    for number, name in names.items():
        above = number
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and name in ("rustc", "cargo"):
            found.append(name)
    return found


def compiler_works() -> None:
    deadline = time.monotonic() + 30
    while "rustc" not in compilers():
        assert time.monotonic() < deadline, "no compiler came"
        time.sleep(0.01)


@pytest.mark.toolchain
def test_a_running_build_is_ended_with_all_its_processes(tmp_path: Path) -> None:
    at = At(Control(), "build", compiler_works)
    _, record = cancelled(tmp_path, at, Writes(SLOW))
    assert at.told == [("before", "generate"), ("before", "build"), ("DesignCancelled", "build")]
    assert compilers() == []
    (attempt,) = record.attempts
    assert attempt["failed_stage"] == "build"
    assert attempt["source"] == SLOW
    assert attempt["message"] == "the design was cancelled"


def test_an_answer_that_streams_is_broken_off(model: PlayedModel, tmp_path: Path) -> None:
    model.script({"content": f"name: twice\n```rust\n{QUICK}```", "drip": 0.2, "pieces": 4})
    heard: list[str] = []
    came = threading.Event()

    class Hears:
        @hookimpl
        def akatsuki_reply_text(self, text: str) -> None:
            heard.append(text)
            if len(heard) == 3:
                came.set()

    def some_came() -> None:
        assert came.wait(20)

    error, record = cancelled(
        tmp_path, At(Control(), "generate", some_came), Hears(), generator="openai", model="played"
    )
    assert error.exchange is not None
    assert error.exchange.reply.startswith("".join(heard[:3]))
    assert len(error.exchange.reply) < 40
    (attempt,) = record.attempts
    assert attempt["reply"] == error.exchange.reply
    assert attempt["failed_stage"] == "generate"
    assert attempt["messages"]
    deadline = time.monotonic() + 10
    while not model.requests()[-1]["left"]:
        assert time.monotonic() < deadline, "the request went on"
        time.sleep(0.02)


def test_a_model_that_has_not_begun_to_answer_is_not_waited_for(model: PlayedModel, tmp_path: Path) -> None:
    model.script({"content": "never", "stall": 30})

    def asked() -> None:
        while not model.requests():
            time.sleep(0.01)

    error, record = cancelled(tmp_path, At(Control(), "generate", asked), generator="openai", model="played")
    assert error.exchange is None
    assert record.attempts == []


class Executes:
    """Executes until it is cancelled, as an endless function does."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.calls = 0

    @hookimpl
    def akatsuki_build(self, project: GuestProject, options: BuildOptions) -> Artifact:
        wasm = bytes.fromhex("0061736d01000000")
        return Artifact(wasm, parse_source(project.source.rust, ()).to_manifest({}), project.source.rust)

    @hookimpl
    def akatsuki_execute(
        self, module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control
    ) -> ExecutionResult:
        self.calls += 1
        self.began.set()
        deadline = time.monotonic() + 20
        while not control.cancelled:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        raise ExecutionCancelled("the execution was cancelled")


def test_a_check_ends_with_the_execution_under_way(tmp_path: Path) -> None:
    executes = Executes()

    def executing() -> None:
        assert executes.began.wait(20)

    at = At(Control(), "check", executing)
    _, record = cancelled(tmp_path, at, Writes(QUICK), executes)
    assert executes.calls == 1
    (attempt,) = record.attempts
    assert attempt["failed_stage"] == "check"
    assert attempt["diagnostics"] == []


def test_what_is_cancelled_before_it_begins_asks_nobody(tmp_path: Path) -> None:
    control, writes = Control(), Writes(QUICK)
    control.cancel()
    at = At(control, "nothing")
    at.cancelled_at = time.monotonic()
    _, record = cancelled(tmp_path, at, writes)
    assert writes.asked == 0
    assert at.told == []
    assert record.attempts == []


@pytest.mark.toolchain
def test_what_is_cancelled_when_it_is_checked_is_not_stored(tmp_path: Path) -> None:
    class AfterCheck(At):
        @hookimpl
        def akatsuki_after_stage(self, stage: str) -> None:
            if stage == "check":
                self._cancel()

    at = AfterCheck(Control(), "nothing")
    _, record = cancelled(tmp_path, at, Writes(QUICK))
    assert [stage for _, stage in at.told] == ["generate", "build", "check"]
    (attempt,) = record.attempts
    assert attempt["failed_stage"] is None
