"""Whatever a server says, and however its text is cut into pieces, is read without a crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from akatsuki_wasm.model import chat, responses
from akatsuki_wasm.model.arriving import Arriving, Hiding
from akatsuki_wasm.model.asking import Asking
from akatsuki_wasm.model.pauses import in_words, pause_wanted

SECRETS = ("sk-aaab-secret", "other-secret")
NAMES = st.sampled_from(
    ["choices", "delta", "message", "content", "refusal", "finish_reason", "usage", "model", "prompt_tokens", "text",
     "completion_tokens", "input_tokens", "output_tokens", "type", "response", "output", "status", "error", "message",
     "incomplete_details", "reason"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["response.output_text.delta", "response.refusal.delta", "response.completed", "response.failed", "error",
     "message", "incomplete", "failed", "length", "content_filter", "stop", "", "x", "\ud83d", "\ude00"]
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS)
ANY = st.recursive(
    LEAVES, lambda each: st.one_of(st.lists(each, max_size=3), st.dictionaries(NAMES, each, max_size=5)), max_leaves=20
)
EVENT = st.dictionaries(NAMES, ANY, max_size=6)


def arriving(heard: list[str]) -> Arriving:
    return Arriving(Asking("m"), SECRETS, heard.append, 0.0)


@example([{"type": {}, "response": {"status": [], "output": [{"type": {}, "content": [{"type": []}]}]}}])
@example([{"type": "response.completed", "response": {"status": [], "output": [{"type": {}, "content": [3]}]}}])
@given(st.lists(EVENT, max_size=6))
def test_any_events(events: list[dict[str, Any]]) -> None:
    for way in (chat, responses):
        heard: list[str] = []
        answer = arriving(heard)
        for event in events:
            way.take_event(event, answer)
        answer.stop()
        assert answer.text == "".join(heard)
        answer.text.encode()
        assert isinstance(answer.refusal, str)
        assert answer.ending in {"", "whole", "length", "filter"}
        exchange = answer.exchange()
        assert exchange.tokens_in is None or exchange.tokens_in >= 0
        json.dumps(dict(exchange.parameters))


@example({"output": [], "status": {}, "error": []})
@given(EVENT)
def test_any_body(body: dict[str, Any]) -> None:
    for way in (chat, responses):
        answer = arriving([])
        assert way.take_body(body, answer) in {True, False}
        answer.stop()
        answer.text.encode()


@given(
    st.lists(
        st.sampled_from(["sk-aaab", "-secret", "other", "sk-", "a", "b", "other-secret", "-", "\ud83d", "\ude00", "本"])
    )
)
def test_no_secret_is_readable_in_any_pieces(pieces: list[str]) -> None:
    hiding = Hiding(SECRETS)
    shown = "".join([*(hiding.feed(piece) for piece in pieces), hiding.rest()])
    assert not [secret for secret in SECRETS if secret in shown]
    whole = "".join(pieces)
    assert shown == Hiding(SECRETS).whole(whole)


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.one_of(st.text(), st.floats().map(str))))
def test_any_pause(headers: dict[str, str]) -> None:
    pause = pause_wanted(headers)
    assert pause is None or pause >= 0
    if pause is not None:
        assert in_words(pause).split()[-1] in {"s", "min", "h"}
