"""The generator manual: the prompt is carried away, and the answer brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import (
    Diagnostic,
    Feedback,
    GenerationContext,
    GenerationRequest,
    GuestSource,
    Message,
    RememberedReply,
)
from akatsuki_wasm.errors import GenerateError, LockError, UnusableReplyError
from akatsuki_wasm.model.prompts import messages
from akatsuki_wasm_plugins.manual import ManualPlugin

from .sources import INITIALS, MIXED_FLOATS, NO_LETTER, VINTAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REQUEST = GenerationRequest(VINTAGE.prompt, generator="manual")


class Person:
    """Brings prepared answers, and keeps what was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[list[Message]] = []

    def __call__(self, turns: Sequence[Message]) -> str:
        self.asked.append(list(turns))
        return self.answers.pop(0)


class Replies(dict[str, RememberedReply]):
    def put(self, key: str, reply: RememberedReply) -> None:
        self[key] = reply


def plugin(**settings: object) -> ManualPlugin:
    made = ManualPlugin()
    made.akatsuki_configure(Settings(**settings))  # type: ignore[arg-type]  # settings by name
    return made


def generated(context: GenerationContext, feedback: Feedback | None = None) -> GuestSource:
    source = plugin().akatsuki_generate(REQUEST, feedback, context)
    assert source is not None
    return source


def test_passes_unless_it_is_meant() -> None:
    context = GenerationContext(bring=Person())
    assert plugin().akatsuki_generate(GenerationRequest("x"), None, context) is None
    assert plugin().akatsuki_render_prompt(GenerationRequest("x", generator="openai"), None) is None
    with pytest.raises(IndexError):
        plugin(generator="manual").akatsuki_generate(GenerationRequest("x"), None, context)


def test_what_is_asked_is_what_any_model_is_asked() -> None:
    person = Person(VINTAGE.reply)
    source = generated(GenerationContext(bring=person))
    assert person.asked == [messages(REQUEST, None)]
    assert (source.rust, source.name, source.generator) == (VINTAGE.rust, VINTAGE.name, "manual")
    exchange = source.exchange
    assert exchange is not None
    assert (exchange.api, exchange.model, exchange.reply) == ("manual", "", VINTAGE.reply)
    assert exchange.messages == tuple(person.asked[0])
    assert exchange.templates["design.j2"]
    assert plugin().akatsuki_render_prompt(REQUEST, None) == exchange.messages


def test_a_repair_asks_for_the_whole_file() -> None:
    problem = Diagnostic("error", "no", 3)
    last = GuestSource(VINTAGE.rust, VINTAGE.name, "", "manual")
    person = Person(VINTAGE.reply)
    generated(GenerationContext(bring=person), Feedback(1, "build", "no", (problem,), last))
    assert person.asked[0][-1].content.endswith(
        "Answer with the whole corrected file in one ```rust block. Keep what was right, and keep the functions' names."
    )
    assert "SEARCH" not in person.asked[0][-1].content


def test_nobody_to_bring_an_answer_is_said() -> None:
    with pytest.raises(GenerateError) as caught:
        generated(GenerationContext())
    assert str(caught.value) == "the generator manual has nobody who brings the answer to its prompt"
    assert caught.value.hint == "Save the answer and give it: --reply FILE; from Python, design(…, bring=a_function)."


def test_an_answer_that_was_brought_is_remembered_for_where_nobody_brings_one() -> None:
    replies = Replies()
    first = generated(GenerationContext(bring=Person(VINTAGE.reply), replies=replies))
    for context in (
        GenerationContext(replies=replies),
        GenerationContext(replies=replies, replay_only=True, bring=Person()),
    ):
        again = generated(context)
        assert again.rust == first.rust
        assert again.exchange is not None
        assert again.exchange.replayed
    # A person who brings one is heard.
    assert generated(GenerationContext(bring=Person(INITIALS.reply), replies=replies)).rust == INITIALS.rust
    with pytest.raises(LockError):
        generated(GenerationContext(replies=Replies(), replay_only=True, bring=Person()))


def test_an_unusable_answer_carries_its_exchange() -> None:
    with pytest.raises(UnusableReplyError) as caught:
        generated(GenerationContext(bring=Person("I would rather not.")))
    assert caught.value.exchange is not None
    assert caught.value.exchange.reply == "I would rather not."


@pytest.mark.toolchain
def test_a_person_and_a_chat_window_make_a_module(tmp_path: Path) -> None:
    person = Person(NO_LETTER.reply, INITIALS.reply)
    with ak.open(data_dir=tmp_path) as ws:
        module = ws.design(INITIALS.prompt, generator="manual", bring=person, examples=INITIALS.examples)
        assert module.initials("ada lovelace") == "AL"
    assert [each.role for each in person.asked[1]] == ["system", "user", "assistant", "user"]
    assert "called `Option::unwrap()` on a `None` value, line 3" in person.asked[1][-1].content
    assert "line 3 is: let first = name.chars().next().unwrap();" in person.asked[1][-1].content


@pytest.mark.toolchain
def test_after_changes_that_do_not_fit_the_fault_of_the_file_is_told_again(tmp_path: Path) -> None:
    person = Person(MIXED_FLOATS.reply, NO_LETTER.mend, VINTAGE.reply)
    with ak.open(data_dir=tmp_path) as ws:
        module = ws.design(VINTAGE.prompt, generator="manual", bring=person, deploy=False)
    assert module.source == VINTAGE.rust
    told = person.asked[2][-1].content
    assert told.startswith(
        "Your last answer could not be used: edit 1 of the answer searches for text that is not in the file: "
    )
    assert f"It was:\n```\n{NO_LETTER.mend}\n```" in told
    assert "What was wrong with that:\n\n1. line 11: mismatched types: expected `f64`, found `f32` [E0308]" in told
    assert person.asked[2][2].content == MIXED_FLOATS.reply
