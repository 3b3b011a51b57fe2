"""The pipeline: order of stages, hooks around them, the repair loop. The guests are real modules, written as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import wasmtime

from akatsuki_wasm import hookimpl
from akatsuki_wasm.checks import parse_example
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.contracts import (
    Artifact,
    BuildOptions,
    Diagnostic,
    Exchange,
    Feedback,
    GenerationRequest,
    GuestProject,
    GuestSource,
    Message,
)
from akatsuki_wasm.errors import (
    CheckError,
    CompileError,
    GenerateError,
    ModelError,
    PluginError,
    RepairError,
    StageUnhandledError,
    ToolchainError,
    UnusableReplyError,
)
from akatsuki_wasm.manager import AkatsukiPluginManager
from akatsuki_wasm.manifest import for_binary
from akatsuki_wasm.pipeline import Pipeline
from akatsuki_wasm.repair_loop import Attempt, Design, RepairLimits, RepairLoop
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin

GOOD = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))'
WRONG = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.sub))'
TRAPS = '(module (func (export "add") (param i32 i32) (result i32) unreachable))'


@dataclass
class Queue:
    """A generator that answers from a list and keeps the feedback that it got."""

    texts: list[str]
    feedback: list[Feedback | None] = field(default_factory=list)

    @hookimpl
    def akatsuki_generate(self, request: GenerationRequest, feedback: Feedback | None) -> GuestSource:
        self.feedback.append(feedback)
        if len(self.feedback) > len(self.texts):
            raise GenerateError("the queue is empty")
        return GuestSource(self.texts[len(self.feedback) - 1], "adder", "Adds.", "queue")


class Assembler:
    """A builder of WebAssembly text."""

    @hookimpl
    def akatsuki_build(self, project: GuestProject, options: BuildOptions) -> Artifact:
        try:
            wasm = bytes(wasmtime.wat2wasm(project.source.rust))
        except wasmtime.WasmtimeError as exc:
            found = Diagnostic("error", str(exc).splitlines()[0], 1)
            raise CompileError(f"line 1: {found.message}", diagnostics=[found]) from exc
        return Artifact(wasm, for_binary(wasm), project.source.rust, {"builder": "assembler"})


@dataclass
class Listener:
    """Writes down what the stage hooks say."""

    events: list[tuple[Any, ...]] = field(default_factory=list)

    @hookimpl
    def akatsuki_before_stage(self, stage: str, attempt: int) -> None:
        self.events.append(("before", stage, attempt))

    @hookimpl
    def akatsuki_after_stage(self, stage: str, attempt: int, seconds: float, summary: str) -> None:
        assert seconds >= 0
        self.events.append(("after", stage, attempt, summary))

    @hookimpl
    def akatsuki_stage_failed(self, stage: str, attempt: int, error: Exception) -> None:
        self.events.append(("failed", stage, attempt, type(error).__name__))


def make(*plugins: object) -> Pipeline:
    manager = AkatsukiPluginManager()
    for plugin in (*plugins, WasmtimePlugin()):
        manager.add(plugin, type(plugin).__name__.lower(), origin="object", location="test")
    manager.tell("akatsuki_configure", settings=load_settings())
    return Pipeline(manager)


def design(
    pipeline: Pipeline,
    wanted: GenerationRequest,
    *,
    max_repairs: int,
    attempts: list[Attempt] | None = None,
    token_budget: int | None = None,
) -> Design:
    kept = [] if attempts is None else attempts
    return RepairLoop(pipeline, wanted, limits=RepairLimits(max_repairs, token_budget), attempts=kept).run()


def request(*examples: str) -> GenerationRequest:
    return GenerationRequest("add two numbers", examples=tuple(parse_example(each) for each in examples))


def test_stages_are_announced_in_order() -> None:
    listener = Listener()
    made = design(make(Queue([GOOD]), Assembler(), listener), request("add(2, 3) == 5"), max_repairs=0)
    assert [event[:2] for event in listener.events] == [
        (when, stage) for stage in ("generate", "build", "check") for when in ("before", "after")
    ]
    assert listener.events[1][3] == "adder by queue, 1 lines of Rust"
    assert [attempt.failed_stage for attempt in made.attempts] == [None]
    assert made.artifact.provenance["prompt"] == "add two numbers"
    assert made.artifact.provenance["builder"] == "assembler"
    assert made.artifact.provenance["checks"]["examples"] == ["add(2, 3) == 5"]


def test_each_failure_is_fed_back_until_one_passes() -> None:
    queue, listener = Queue(["(module", TRAPS, WRONG, GOOD]), Listener()
    attempts: list[Attempt] = []
    made = design(make(queue, Assembler(), listener), request("add(2, 3) == 5"), max_repairs=3, attempts=attempts)
    assert [attempt.failed_stage for attempt in attempts] == ["build", "check", "check", None]
    assert made.attempts == tuple(attempts)
    assert made.artifact.provenance["attempts"] == 4
    first, second, third, fourth = queue.feedback
    assert first is None
    assert second is not None
    assert (second.attempt, second.stage, second.source.rust) == (1, "build", "(module")
    assert second.diagnostics[0].line == 1
    assert third is not None
    assert third.message.startswith("add(3, 3) failed: ")
    assert fourth is not None
    assert fourth.diagnostics[0].message == "the example add(2, 3) == 5 gave -1; expected 5, got -1"
    assert [event[1:4] for event in listener.events if event[0] == "failed"] == [
        ("build", 1, "CompileError"),
        ("check", 2, "CheckError"),
        ("check", 3, "CheckError"),
    ]


def test_the_best_attempts_failure_is_told_when_repairs_run_out() -> None:
    queue = Queue([WRONG, "(module", GOOD])
    attempts: list[Attempt] = []
    with pytest.raises(RepairError) as caught:
        design(make(queue, Assembler()), request("add(2, 3) == 5"), max_repairs=1, attempts=attempts)
    assert str(caught.value) == (
        "none of 2 attempts is right; the best, attempt 1, builds, but the example add(2, 3) == 5 gave -1; expected 5"
    )
    assert isinstance(caught.value.__cause__, CheckError)
    assert caught.value.attempts == tuple(attempts)
    assert [each.failed_stage for each in attempts] == ["check", "build"]
    assert len(queue.feedback) == 2


def test_the_only_attempts_failure_is_raised_as_it_is() -> None:
    with pytest.raises(CheckError, match=r"^the example add\(2, 3\) == 5 gave -1$"):
        design(make(Queue([WRONG, GOOD]), Assembler()), request("add(2, 3) == 5"), max_repairs=0)


def test_a_generator_that_repeats_itself_is_not_asked_again() -> None:
    queue = Queue([WRONG, TRAPS, WRONG, GOOD])
    with pytest.raises(RepairError, match=r"attempt 3 is the same source as attempt 1\)$"):
        design(make(queue, Assembler()), request("add(2, 3) == 5"), max_repairs=9)
    assert len(queue.feedback) == 3


def test_failing_alike_three_times_is_no_progress() -> None:
    queue = Queue([f"{WRONG} ;; {number}" for number in range(5)])
    with pytest.raises(RepairError, match=r"\(the last 3 failed alike\)$"):
        design(make(queue, Assembler()), request("add(2, 3) == 5"), max_repairs=9)
    assert len(queue.feedback) == 3


def test_a_generator_that_cannot_repair_leaves_the_failure_to_report() -> None:
    with pytest.raises(CheckError, match=r"^the example add\(2, 3\) == 5 gave -1$"):
        design(make(Queue([WRONG]), Assembler()), request("add(2, 3) == 5"), max_repairs=3)


def test_a_missing_toolchain_is_not_repaired() -> None:
    class NoRust:
        @hookimpl
        def akatsuki_build(self) -> Artifact:
            raise ToolchainError("there is no Rust", hint="akatsuki toolchain install")

    queue = Queue([GOOD, GOOD])
    with pytest.raises(ToolchainError):
        design(make(queue, NoRust()), request(), max_repairs=3)
    assert queue.feedback == [None]


def test_nobody_answering_names_who_was_asked() -> None:
    class Passes:
        @hookimpl
        def akatsuki_generate(self) -> None:
            return None

    with pytest.raises(StageUnhandledError) as caught:
        design(make(Passes(), Assembler()), request(), max_repairs=0)
    assert str(caught.value) == "no plugin answered akatsuki_generate (asked: passes)"


def test_a_broken_plugin_is_an_error_of_the_plugin() -> None:
    class Broken:
        @hookimpl
        def akatsuki_generate(self) -> GuestSource:
            raise KeyError("oops")

    with pytest.raises(PluginError, match=r"^a plugin failed in akatsuki_generate: KeyError: 'oops'$"):
        design(make(Broken()), request(), max_repairs=0)

    class Lies:
        @hookimpl
        def akatsuki_generate(self) -> Any:
            return "fn main() {}"

    with pytest.raises(PluginError, match=r"^a plugin answered akatsuki_generate with str: expected GuestSource$"):
        design(make(Lies()), request(), max_repairs=0)


def exchange(reply: str, tokens: int = 100) -> Exchange:
    return Exchange((Message("user", "add two numbers"),), reply, "queue", tokens_in=tokens, tokens_out=tokens)


@dataclass
class Model:
    """A generator that answers with sources or errors from a list, each with 200 tokens."""

    turns: list[str | Exception]
    feedback: list[Feedback | None] = field(default_factory=list)

    @hookimpl
    def akatsuki_generate(self, request: GenerationRequest, feedback: Feedback | None) -> GuestSource:
        self.feedback.append(feedback)
        turn = self.turns[len(self.feedback) - 1]
        if isinstance(turn, Exception):
            raise turn
        return GuestSource(turn, "adder", "Adds.", "model", exchange=exchange(turn))


def test_an_answer_without_a_source_is_an_attempt() -> None:
    unusable = UnusableReplyError("there is no Rust in it", exchange=exchange("I cannot"))
    model = Model([WRONG, unusable, GOOD])
    made = design(make(model, Assembler()), request("add(2, 3) == 5"), max_repairs=3)
    assert [each.failed_stage for each in made.attempts] == ["check", "generate", None]
    third = model.feedback[2]
    assert third is not None
    assert (third.stage, third.reply, third.source and third.source.rust) == ("generate", "I cannot", WRONG)
    assert third.diagnostics == made.attempts[0].diagnostics
    assert made.artifact.provenance["usage"]["tokens_in"] == 300


@pytest.mark.parametrize(
    "error",
    [
        ModelError("the model is gone", exchange=exchange("pub fn")),
        UnusableReplyError("the language model refuses", exchange=exchange("no"), final=True),
    ],
)
def test_what_ends_the_asking_is_told_with_the_best_attempt(error: GenerateError) -> None:
    attempts: list[Attempt] = []
    with pytest.raises(RepairError) as caught:
        design(make(Model([WRONG, error]), Assembler()), request("add(2, 3) == 5"), max_repairs=3, attempts=attempts)
    assert str(caught.value) == (
        "none of 2 attempts is right; the best, attempt 1, builds, but the example add(2, 3) == 5 gave -1; "
        f"expected 5 (then {error})"
    )
    assert [each.error for each in attempts][1] is error


def test_a_refusal_at_once_is_the_failure() -> None:
    refusal = UnusableReplyError("the language model refuses", final=True)
    with pytest.raises(UnusableReplyError, match=r"^the language model refuses$"):
        design(make(Model([refusal]), Assembler()), request(), max_repairs=3)


def test_the_token_budget_ends_the_loop() -> None:
    sources = [f"{WRONG} ;; {number}" for number in range(3)]
    with pytest.raises(RepairError, match=r"\(400 tokens use up the budget of 400\)$"):
        design(make(Model(list(sources)), Assembler()), request("add(2, 3) == 5"), max_repairs=9, token_budget=400)
    with pytest.raises(RepairError, match=r"^the attempt builds, but .* \(200 tokens use up the budget of 100\)$"):
        design(make(Model(list(sources)), Assembler()), request("add(2, 3) == 5"), max_repairs=9, token_budget=100)
