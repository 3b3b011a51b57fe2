"""The played model speaks the real protocols: the official client's own typed readers accept all that it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import PlayedModel

TEXT = "pub fn three() -> u8 { 3 }"
TURNS = [
    {"content": TEXT, "reasoning": "Three it is."},
    {"refusal": "I will not."},
    {"content": TEXT[:9], "finish_reason": "length"},
]
STARTS = ["response.created", "response.in_progress"]
PART_STARTS = ["response.output_item.added", "response.content_part.added"]
PART_ENDS = ["response.content_part.done", "response.output_item.done"]


@pytest.fixture
def client(model: PlayedModel) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(max_retries=0) as found:
        yield found


def test_responses_at_once(client: openai.OpenAI, model: PlayedModel) -> None:
    model.script(*TURNS)
    good, refused, cut = (
        client.responses.create(model="m", input=[{"role": "user", "content": "x"}], instructions="y") for _ in TURNS
    )
    assert (good.output_text, good.status, good.model) == (TEXT, "completed", "m-played")
    assert [item.type for item in good.output] == ["reasoning", "message"]
    assert good.usage is not None
    assert (good.usage.input_tokens, good.usage.output_tokens) == (1200, 80)
    assert refused.output[0].content[0].refusal == "I will not."
    assert model.said() == [{"role": "system", "content": "y"}, {"role": "user", "content": "x"}]
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_responses_as_a_stream(client: openai.OpenAI, model: PlayedModel) -> None:
    model.script(*TURNS)
    kinds = []
    for _ in TURNS:
        with client.responses.stream(model="m", input="x") as stream:
            kinds.append([event.type for event in stream])
    thought, delta = "response.reasoning_summary_text.delta", "response.output_text.delta"
    item = ["response.output_item.added", thought, "response.output_item.done"]
    assert kinds[0] == [
        *STARTS,
        *item,
        *PART_STARTS,
        delta,
        delta,
        delta,
        "response.output_text.done",
        *PART_ENDS,
        "response.completed",
    ]
    assert kinds[1] == [
        *STARTS,
        *PART_STARTS,
        "response.refusal.delta",
        "response.refusal.done",
        *PART_ENDS,
        "response.completed",
    ]
    assert kinds[2][-1] == "response.incomplete"


def test_chat_completions_at_once(client: openai.OpenAI, model: PlayedModel) -> None:
    model.script(*TURNS)
    messages = [{"role": "user", "content": "x"}]
    good, refused, cut = (client.chat.completions.create(model="m", messages=messages) for _ in TURNS)
    assert (good.choices[0].message.content, good.choices[0].finish_reason) == (TEXT, "stop")
    assert (good.usage.prompt_tokens, good.usage.completion_tokens) == (1200, 80)
    assert refused.choices[0].message.refusal == "I will not."
    assert cut.choices[0].finish_reason == "length"
    assert model.said() == messages


@pytest.mark.parametrize("counts", [True, False])
def test_chat_completions_as_a_stream(counts: bool, client: openai.OpenAI, model: PlayedModel) -> None:
    model.script(*TURNS[:2])
    options = {"stream_options": {"include_usage": True}} if counts else {}
    messages = [{"role": "user", "content": "x"}]
    chunks = list(client.chat.completions.create(model="m", messages=messages, stream=True, **options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [chunk.usage.completion_tokens for chunk in chunks if not chunk.choices] == ([80] if counts else [])
    with client.chat.completions.stream(model="m", messages=messages) as stream:
        assert stream.get_final_completion().choices[0].message.refusal == "I will not."


def test_it_says_no_as_servers_do(client: openai.OpenAI, model: PlayedModel) -> None:
    model.serves(models=["m"], key="another")
    with pytest.raises(openai.AuthenticationError):
        client.responses.create(model="m", input="x")
    model.serves(models=["m"], responses="vllm", rejects=["temperature"])
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="other", messages=[])
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.create(model="m", input="x")
    assert missing.value.response.json() == {"detail": "Not Found"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=[], temperature=0)
    assert (caught.value.param, caught.value.code) == ("temperature", "unsupported_parameter")


@pytest.mark.parametrize("wrong", ["open", "optional", "loose"])
def test_a_schema_that_is_not_strict_is_refused(wrong: str, client: openai.OpenAI, model: PlayedModel) -> None:
    inner = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    held = {"type": "json_schema", "name": "it", "strict": True, "schema": inner}
    model.script(TEXT)
    assert client.responses.create(model="m", input="x", text={"format": held}).output_text == TEXT
    bad = {
        "open": {**held, "schema": {**inner, "additionalProperties": True}},
        "optional": {**held, "schema": {**inner, "required": []}},
        "loose": {**held, "strict": False},
    }[wrong]
    with pytest.raises(openai.BadRequestError, match="Invalid schema"):
        client.responses.create(model="m", input="x", text={"format": bad})


def test_by_hand_it_answers_every_question(tmp_path: Path) -> None:
    (tmp_path / "answer.txt").write_text(TEXT)
    program = [sys.executable, Path(__file__).with_name("model_server.py"), "--answer", tmp_path / "answer.txt"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        with openai.OpenAI(api_key="none", base_url=url, max_retries=0) as client:
            assert [client.responses.create(model="m", input="x").output_text for _ in range(3)] == [TEXT] * 3
        process.kill()
