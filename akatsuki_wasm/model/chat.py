"""Chat completions: what is sent, and what comes back in one body or as chunks of a stream.

The schema is OpenAI's (https://platform.openai.com/docs/api-reference/chat), of which other servers leave parts out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akatsuki_wasm.model.arriving import Ending, count_of, text_of

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    import openai

    from akatsuki_wasm.model.arriving import Arriving
    from akatsuki_wasm.model.asking import Asking, Question

NAME = "chat"
SHOWN = "a chat completion"
CALLED = "chat completions"
_ENDINGS: dict[str, Ending] = {"length": "length", "content_filter": "filter"}


def request(asking: Asking, question: Question, lacks: frozenset[str], *, schema: bool) -> dict[str, Any]:
    """The body of a request.

    Args:
        asking: The model and its parameters.
        question: What is asked.
        lacks: What this server is known not to understand.
        schema: Whether the answer is held to a schema.
    """
    wanted = asking.parameters
    body: dict[str, Any] = {
        "model": asking.model,
        "messages": [{"role": each.role, "content": each.content} for each in question.wording(schema=schema)],
        "stream": True,
    }
    if "stream_options" not in lacks:
        body["stream_options"] = {"include_usage": True}
    if schema:
        held = {"name": question.schema_name, "schema": dict(question.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": held}
    if wanted.temperature is not None:
        body["temperature"] = wanted.temperature
    if wanted.max_tokens is not None:
        # OpenAI's models that think know the new name alone, and some local servers the old one alone.
        body["max_completion_tokens" if "max_tokens" in lacks else "max_tokens"] = wanted.max_tokens
    if wanted.effort:
        body["reasoning_effort"] = wanted.effort
    return body


def send(client: openai.AsyncOpenAI, body: dict[str, Any]) -> AbstractAsyncContextManager[Any]:
    """Sends a request; the answer's head is there when the context is entered."""
    return client.chat.completions.with_streaming_response.create(**body)


def take_event(event: dict[str, Any], arriving: Arriving) -> None:
    """One chunk of a stream; the last one may have the counts and no choice."""
    _facts(event, arriving)
    choice = _choice(event)
    delta = choice.get("delta")
    if isinstance(delta, dict):
        # What a model thinks comes as `reasoning_content` or `reasoning`, and is not the answer.
        arriving.say(text_of(delta.get("content")))
        arriving.refusal += text_of(delta.get("refusal"))
    _ending(choice, arriving)


def take_body(body: dict[str, Any], arriving: Arriving) -> bool:
    """The whole answer; False where it is something else."""
    choice = _choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        return False
    _facts(body, arriving)
    arriving.say(text_of(message.get("content")))
    arriving.refusal = text_of(message.get("refusal"))
    arriving.ending = "whole"
    _ending(choice, arriving)
    return True


def _choice(found: dict[str, Any]) -> dict[str, Any]:
    choices = found.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _ending(choice: dict[str, Any], arriving: Arriving) -> None:
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason:
        arriving.ending = _ENDINGS.get(reason, "whole")


def _facts(found: dict[str, Any], arriving: Arriving) -> None:
    named, usage = found.get("model"), found.get("usage")
    if isinstance(named, str) and named:
        arriving.model = named
    if isinstance(usage, dict):
        arriving.tokens_in = count_of(usage.get("prompt_tokens"))
        arriving.tokens_out = count_of(usage.get("completion_tokens"))
