"""What is kept of a generation: whole conversations, within limits, and what they cost."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akatsuki_wasm.contracts import BaseSource, Diagnostic, Exchange, GenerationRequest, GuestSource, Message, User
from akatsuki_wasm.errors import CheckError
from akatsuki_wasm.generation_facts import (
    MAX_DIAGNOSTICS,
    MAX_TEXT,
    MAX_TEXTS,
    asked,
    attempts_facts,
    price_of,
    record_generation,
    storable,
    total,
    unified_diff,
)
from akatsuki_wasm.registry import Registry
from akatsuki_wasm.repair_loop import Attempt
from akatsuki_wasm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BOB = User.local("bob")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
WISH = GenerationRequest("a wish", generator="openai", model="asked-for")


def exchange(messages: Sequence[Message] = (), reply: str = "", **more: Any) -> Exchange:
    return Exchange(tuple(messages), reply, **{"model": "gpt-5.4-mini-2026", "tokens_in": 10, "tokens_out": 2, **more})


def attempt(number: int, rust: str | None, *, of: Exchange | None = None, **more: Any) -> Attempt:
    source = None if rust is None else GuestSource(rust, "m", "", "openai")
    facts = {"failed_stage": None, "message": "", "diagnostics": (), "seconds": 1.0, "exchange": of}
    return Attempt(number, source, **{**facts, **more})


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path / 'registry.db'}", (tmp_path / "blobs").as_uri()) as opened:
        yield opened


messages = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), ANY_TEXT), max_size=5)


@given(conversations=st.lists(st.one_of(st.none(), messages), max_size=5))
def test_every_conversation_comes_back_whole(conversations: list[list[Message] | None]) -> None:
    turns = [
        attempt(number, "x", of=None if said is None else exchange(said))
        for number, said in enumerate(conversations, 1)
    ]
    kept = json.loads(json.dumps(attempts_facts(WISH, turns)))
    for number, said in enumerate(conversations, 1):
        wanted = [{"role": each.role, "content": storable(each.content)} for each in said or ()]
        assert asked(kept, number) == wanted
    assert asked(kept, len(conversations) + 1) == []


def test_what_was_said_before_is_kept_once() -> None:
    first = (Message("system", "contract " * 1000), Message("user", "wish"))
    second = (*first, Message("assistant", "a"), Message("user", "repair"))
    kept = attempts_facts(WISH, [attempt(1, "a", of=exchange(first)), attempt(2, "b", of=exchange(second))])
    assert [(each["same"], len(each["messages"])) for each in kept] == [(0, 2), (2, 2)]
    assert json.dumps(kept).count("contract contract") == json.dumps(kept[0]).count("contract contract")


@given(text=ANY_TEXT)
def test_what_a_database_cannot_hold_is_replaced_and_nothing_else(text: str) -> None:
    kept = storable(text)
    kept.encode()
    assert "\0" not in kept
    if "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text):
        assert kept == text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(text=ANY_TEXT)
def test_whatever_a_server_and_a_plugin_say_can_be_recorded(
    text: str, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure to record is only a warning, so none may come of a text."""
    said = exchange(
        [Message("user", text)], text, model=text, api=text, key=text, parameters={text: [text]}, templates={text: text}
    )
    diagnostic = Diagnostic("error", text, 1, code=text, help=text, rendered=text)
    source = GuestSource(text, text * 9, text, text[:9], usage={text: text}, exchange=said)
    error = CheckError(text, case=text, expected=text, got=text)
    turn = Attempt(1, source, "check", text, (diagnostic,), 1.0, said, error)
    base = BaseSource("x", text, text, generation=text)
    request = GenerationRequest(text, model=text, base=base, specification=text)
    with caplog.at_level(logging.WARNING):
        row = record_generation(
            lambda: registry.generations(BOB), request, [turn], generation_id=uuid4(), seconds=1.0, error=error
        )
    assert row is not None, caplog.text
    kept = registry.generations(BOB).get(row.id)
    assert kept.attempts[0]["reply"] == kept.attempts[0]["messages"][0]["content"] == storable(text)
    assert Timeline.of(kept).attempts[0].failed_stage == "check"


def test_a_long_text_is_cut_and_says_so() -> None:
    diagnostics = tuple(Diagnostic("error", f"number {number}") for number in range(MAX_DIAGNOSTICS + 5))
    turn = attempt(
        1,
        "x" * (MAX_TEXT + 7),
        of=exchange([Message("user", "y" * (MAX_TEXT + 1))], "short"),
        failed_stage="build",
        diagnostics=diagnostics,
    )
    (kept,) = attempts_facts(WISH, [turn])
    assert kept["cut"] == {"source": MAX_TEXT + 7, "diagnostics": MAX_DIAGNOSTICS + 5, "message 1": MAX_TEXT + 1}
    assert (len(kept["source"]), len(kept["messages"][0]["content"]), kept["reply"]) == (MAX_TEXT, MAX_TEXT, "short")
    assert len(kept["diagnostics"]) == MAX_DIAGNOSTICS


def test_all_texts_together_have_a_limit() -> None:
    turns = [attempt(number, "x" * MAX_TEXT, of=exchange([], "y" * MAX_TEXT)) for number in range(1, 22)]
    kept = attempts_facts(WISH, turns)
    assert len(json.dumps(kept)) < MAX_TEXTS * 1.05
    assert kept[0]["cut"] == {}
    assert kept[-1]["cut"]["reply"] == MAX_TEXT


def test_the_first_source_is_compared_with_the_one_it_started_from() -> None:
    request = GenerationRequest("warmer", base=BaseSource("a\nb\nc\n", "m"))
    kept = attempts_facts(request, [attempt(1, "a\nB\nc\n"), attempt(2, None), attempt(3, "a\nB\nC\n")])
    assert kept[0]["diff"] == "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c"
    assert (kept[1]["diff"], kept[1]["source"]) == ("", None)
    assert kept[2]["diff"] == "@@ -1,3 +1,3 @@\n a\n B\n-c\n+C"
    assert attempts_facts(WISH, [attempt(1, "a")])[0]["diff"] == ""


def test_an_endless_source_is_not_compared() -> None:
    assert unified_diff("x\n" * 100_000, "y\n" * 100_000) == "@@ 100000 and 100000 lines are too many to compare @@"
    assert unified_diff("same\n", "same\n") == ""


@pytest.mark.parametrize(
    ("prices", "price"),
    [
        ({}, None),
        ({"gpt-5.4": (1.0, 8.0)}, 26e-6),
        ({"gpt": (100.0, 100.0), "gpt-5.4-mini": (1.0, 8.0), "gpt-5": (50.0, 50.0)}, 26e-6),  # the longest
        ({"gpt-5.4-mini-2026-11": (1.0, 8.0)}, None),
        ({"asked": (1.0, 0.0)}, 10e-6),  # the model that was asked for, where the answering one is not in the table
        ({"asked": (1.0, 0.0), "gpt": (2.0, 0.0)}, 20e-6),
        ({"GPT": (1.0, 1.0), "": (1.0, 1.0)}, None),
        ({"gpt": (float("inf"), 1.0)}, None),
    ],
)
def test_a_price_is_found_by_the_longest_beginning(prices: dict[str, tuple[float, float]], price: float | None) -> None:
    found = price_of(exchange(), "asked-for", prices)
    assert found == (None if price is None else pytest.approx(price))


def test_what_is_not_known_is_not_guessed() -> None:
    prices = {"gpt": (1.0, 1.0)}
    assert price_of(exchange(tokens_out=None), None, prices) is None
    assert price_of(exchange(replayed=True, tokens_in=None), None, {}) == 0.0
    known, unknown = attempt(1, "a", of=exchange()), attempt(2, "b", of=exchange(tokens_in=None))
    kept = attempts_facts(WISH, [known, unknown, attempt(3, "offline")], prices)
    assert [total(kept, name) for name in ("tokens_in", "tokens_out", "price")] == [None, 4, None]
    kept = attempts_facts(WISH, [known, attempt(3, "offline")], prices)
    assert [total(kept, name) for name in ("tokens_in", "tokens_out", "price")] == [10, 2, pytest.approx(12e-6)]
    assert total(attempts_facts(WISH, [attempt(1, "offline")], prices), "price") is None
