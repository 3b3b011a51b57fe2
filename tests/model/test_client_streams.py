"""An answer while it comes, in both interfaces: whole, refused, cut off, dropped, stalled, dripping, thought about."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from akatsuki_wasm.contracts import GenerationContext
from akatsuki_wasm.errors import GenerateError, ModelError, UnusableReplyError

from .asked import APIS, GOOD, PATHS, ask, failed, fails, was_left
from .conftest import KEY, PlayedModel

LESS = "Ask for less at once, or use a model with a longer answer: --model NAME"
AGAIN = "Try again; if it breaks off again, look at the server's log and at proxies on the way."

pytestmark = [pytest.mark.usefixtures("no_key_in_logs"), pytest.mark.parametrize("api", APIS)]


def heard(**how: Any) -> tuple[list[str], GenerationContext]:
    pieces: list[str] = []
    return pieces, GenerationContext(on_text=pieces.append, **how)


def test_an_answer_is_heard_piece_by_piece(api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD, "reasoning": "They want three. fn wrong() {}", "pieces": 7})
    pieces, context = heard()
    source = ask(model_api=api, context=context, model="small")
    assert len(pieces) == -(-len(GOOD) // 7)
    assert "".join(pieces) == GOOD
    exchange = source.exchange
    assert exchange is not None
    assert (exchange.reply, exchange.model, exchange.api) == (GOOD, "small-played", api)
    assert (exchange.tokens_in, exchange.tokens_out, exchange.replayed) == (1200, 80, False)
    assert exchange.parameters == {"schema": True}
    assert [{"role": each.role, "content": each.content} for each in exchange.messages] == model.said()
    assert {"design.j2", "system.j2"} <= exchange.templates.keys()
    (request,) = model.requests()
    assert request["path"] == PATHS[api]
    assert request["body"]["stream"] is True
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["body"].get("store", False) is False


@pytest.mark.parametrize("whole", [{"stream": False}, {"pieces": 100_000}])
def test_a_server_that_does_not_stream_serves_as_well(whole: dict[str, Any], api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD, "reasoning": "fn wrong() {}", **whole})
    pieces, context = heard()
    source = ask(model_api=api, context=context)
    assert pieces == [GOOD]
    assert source.exchange is not None
    assert (source.exchange.reply, source.exchange.tokens_out, source.name) == (GOOD, 80, "three")


def test_a_list_of_parts_is_a_text_too(api: str, model: PlayedModel) -> None:
    parts = [{"type": "text", "text": GOOD[:30]}, {"type": "text", "text": GOOD[30:]}]
    model.script({"content": parts, "stream": False})
    assert ask(model_api=api).name == "three"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "many", "completion_tokens": -1}])
@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_does_not_count(usage: Any, stream: bool, api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD, "usage": usage, "stream": stream})
    source = ask(model_api=api)
    assert source.exchange is not None
    assert (source.exchange.tokens_in, source.exchange.tokens_out) == (None, None)
    assert sorted(source.usage) == ["model", "seconds"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("turn", "message", "reply"),
    [
        ({"content": ""}, "the language model answered with nothing: expected a file of Rust", ""),
        ({"content": None}, "the language model answered with nothing: expected a file of Rust", ""),
        (
            {"content": "<think>…</think>"},
            "the language model answered only with its thinking: expected a file of Rust",
            "<think>…</think>",
        ),
        (
            {"content": "I'm sorry."},
            'the language model answered without a Rust function: "I\'m sorry."',
            "I'm sorry.",
        ),
        ({"refusal": "I can't help\nwith that."}, "the language model refuses: I can't help with that", ""),
        (
            {"content": GOOD[:20], "finish_reason": "content_filter"},
            "the language model's filter stopped its answer",
            GOOD[:20],
        ),
        (
            {"content": GOOD[:-9], "finish_reason": "length"},
            "the language model's answer was cut off at its length limit",
            GOOD[:-9],
        ),
    ],
)
def test_an_answer_that_is_of_no_use(
    turn: dict[str, Any], message: str, reply: str, stream: bool, api: str, model: PlayedModel
) -> None:
    model.script({**turn, "stream": stream})
    error = fails(UnusableReplyError, model_api=api)
    assert str(error) == message
    assert isinstance(error, UnusableReplyError)
    assert error.final == ("refuses" in message or "filter" in message)
    assert error.exchange is not None
    assert (error.exchange.reply, error.exchange.api) == (reply, api)
    assert [{"role": each.role, "content": each.content} for each in error.exchange.messages] == model.said()
    assert len(error.exchange.key) == 64


def test_a_limit_of_ours_is_named_where_it_cuts_off(api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD[:-9], "finish_reason": "length"}, {"content": GOOD[:-9], "finish_reason": "length"})
    error = fails(UnusableReplyError, model_api=api, model_max_tokens=1600)
    assert str(error) == "the language model's answer was cut off at its length limit (model_max_tokens = 1,600)"
    assert error.hint == "Raise AKATSUKI_MODEL_MAX_TOKENS, or ask for less at once."
    assert fails(UnusableReplyError, model_api=api).hint == LESS


def test_a_dropped_stream_leaves_what_had_come(api: str, model: PlayedModel) -> None:
    # Between the events before the text and those after it, whatever they are in this interface.
    model.script({"content": GOOD, "pieces": 5, "drop": 9})
    pieces, context = heard()
    error = fails(ModelError, model_api=api, context=context)
    assert isinstance(error, GenerateError)
    assert error.exchange is not None
    come = error.exchange.reply
    assert GOOD.startswith(come)
    assert 0 < len(come) < len(GOOD)
    assert "".join(pieces) == come
    assert str(error) == f"the answer of {model.base_url} broke off after {len(come)} characters"
    assert error.hint == AGAIN
    assert len(model.requests()) == 1


def test_a_stream_that_ends_before_the_answer_does(api: str, model: PlayedModel) -> None:
    event = {"type": "response.output_text.delta", "delta": "pub fn", "choices": [{"delta": {"content": "pub fn"}}]}
    model.script({"raw": f"data: {json.dumps(event)}\n\n"}, {"raw": ""})
    assert str(fails(ModelError, model_api=api)) == f"the answer of {model.base_url} broke off after 6 characters"
    assert str(fails(ModelError, model_api=api)) == f"the answer of {model.base_url} broke off after 0 characters"


def test_a_failure_in_the_middle(api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD, "failed": {"code": "server_error", "message": f"GPU lost.\n{KEY}"}})
    error = fails(ModelError, model_api=api)
    assert str(error) == f"{model.base_url} failed in the middle of its answer: GPU lost. ***"
    assert isinstance(error, GenerateError)
    assert error.exchange is not None
    assert error.exchange.reply == GOOD


def test_a_stalled_stream_meets_our_limit(api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD, "pieces": 5, "stall_at": 7, "stall": 20})
    error = fails(ModelError, model_api=api, model_timeout_s=1)
    assert isinstance(error, GenerateError)
    assert error.exchange is not None
    come = error.exchange.reply
    assert GOOD.startswith(come)
    assert come
    assert str(error) == (
        f"the language model at {model.base_url} did not finish its answer within 1 s: {len(come)} characters had come"
    )
    assert error.hint == "Give it more time with AKATSUKI_MODEL_TIMEOUT_S, or name a faster model: --model NAME"
    assert error.exchange.seconds >= 1
    assert was_left(model)


def test_a_dripping_stream_meets_our_limit(api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD * 40, "pieces": 5, "drip": 0.05})
    error = fails(ModelError, model_api=api, model_timeout_s=1)
    assert " did not finish its answer within 1 s: " in str(error)
    assert was_left(model)


def test_an_answer_that_does_not_end_is_stopped(api: str, model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("akatsuki_wasm.model.arriving.MAX_ANSWER", 500)
    monkeypatch.setattr("akatsuki_wasm.model.client._MAX_BODY", 2_000)
    for stream in (True, False):
        model.script({"content": "x" * 5_000, "stream": stream})
        error = fails(ModelError, model_api=api)
        assert str(error) == f"the answer of {model.base_url} does not end: it was stopped"


@pytest.mark.parametrize("size", [1, 5, 31, 1000])
def test_a_key_in_an_answer_is_seen_by_nobody(size: int, api: str, model: PlayedModel) -> None:
    content = GOOD.replace("/// Three.", f"/// Three, {KEY[:9]}, {KEY} and {KEY}{KEY[:5]}.")
    model.script({"content": content, "pieces": size, "model": f"m-{KEY}"})
    pieces, context = heard()
    exchange = ask(model_api=api, context=context).exchange
    assert exchange is not None
    assert exchange.reply == "".join(pieces) == content.replace(KEY, "***")
    assert exchange.model == "m-***"
    assert KEY not in repr(exchange)


@pytest.mark.parametrize("stream", [True, False])
def test_half_a_letter_is_put_together_or_replaced(stream: bool, api: str, model: PlayedModel) -> None:
    said = ["pub fn f() {}\n// ", "\ud83d", "\ude00 \ude00 \ud83d", " 本 \ufffd;", "\ud83d"]
    model.script({"content": "".join(said), "pieces": said, "stream": stream})
    pieces, context = heard()
    exchange = ask(model_api=api, context=context).exchange
    assert exchange is not None
    assert exchange.reply == "".join(pieces) == "pub fn f() {}\n// 😀 \ufffd \ufffd 本 \ufffd;\ufffd"
    "".join(pieces).encode()


def test_hearing_is_in_the_callers_thread_also_under_a_running_loop(api: str, model: PlayedModel) -> None:
    model.script(GOOD)
    threads: set[threading.Thread] = set()

    async def cell() -> str:
        return ask(model_api=api, context=GenerationContext(lambda _: threads.add(threading.current_thread()))).name

    assert asyncio.run(cell()) == "three"
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, BrokenPipeError, ValueError, TimeoutError, ModelError])
def test_who_hears_may_end_it(kind: type[BaseException], api: str, model: PlayedModel) -> None:
    model.script({"content": GOOD, "drip": 0.2})
    reason = kind("that is enough")

    def enough(_: str) -> None:
        raise reason

    with pytest.raises(kind) as caught:
        ask(model_api=api, context=GenerationContext(enough))
    assert caught.value is reason
    assert was_left(model)


def test_a_failure_before_any_answer_has_no_exchange(api: str, model: PlayedModel) -> None:
    model.script(failed(401, "no"))
    error = fails(ModelError, model_api=api)
    assert isinstance(error, GenerateError)
    assert error.exchange is None
