"""The Responses API: what is sent, and what comes back in one body or as events of a stream.

The schema is OpenAI's (https://platform.openai.com/docs/api-reference/responses); other servers leave parts out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akatsuki_wasm.model.arriving import count_of, text_of

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    import openai

    from akatsuki_wasm.model.arriving import Arriving
    from akatsuki_wasm.model.asking import Asking, Question

NAME = "responses"
SHOWN = "a response of the Responses API"
CALLED = "Responses API"
_ENDS = {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}


def request(asking: Asking, question: Question, lacks: frozenset[str], *, schema: bool) -> dict[str, Any]:
    """The body of a request.

    Args:
        asking: The model and its parameters.
        question: What is asked.
        lacks: What this server is known not to understand.
        schema: Whether the answer is held to a schema.
    """
    wanted = asking.parameters
    messages = question.wording(schema=schema)
    told = [each.content for each in messages if each.role == "system"]
    body: dict[str, Any] = {
        "model": asking.model,
        "input": [{"role": each.role, "content": each.content} for each in messages if each.role != "system"],
        "stream": True,
    }
    if told:
        body["instructions"] = "\n\n".join(told)
    if "store" not in lacks:
        # Nothing is asked about this answer later, so the server need not keep what was said.
        body["store"] = False
    if schema:
        held = {"name": question.schema_name, "schema": dict(question.schema), "strict": True}
        body["text"] = {"format": {"type": "json_schema", **held}}
    if wanted.temperature is not None:
        body["temperature"] = wanted.temperature
    if wanted.max_tokens is not None:
        body["max_output_tokens"] = wanted.max_tokens
    if wanted.effort:
        body["reasoning"] = {"effort": wanted.effort}
    return body


def send(client: openai.AsyncOpenAI, body: dict[str, Any]) -> AbstractAsyncContextManager[Any]:
    """Sends a request; the answer's head is there when the context is entered."""
    return client.responses.with_streaming_response.create(**body)


def take_event(event: dict[str, Any], arriving: Arriving) -> None:
    """One event of a stream. What a model thinks comes as events of other names, and is not the answer."""
    kind, response = text_of(event.get("type")), event.get("response")
    if kind == "response.output_text.delta":
        arriving.say(text_of(event.get("delta")))
    elif kind == "response.refusal.delta":
        arriving.refusal += text_of(event.get("delta"))
    elif kind == "error":
        arriving.failed = text_of(event.get("message"))
    elif isinstance(response, dict):
        _facts(response, arriving)
        if kind in _ENDS:
            _end(response, arriving)


def take_body(body: dict[str, Any], arriving: Arriving) -> bool:
    """The whole answer; False where it is something else."""
    if not isinstance(body.get("output"), list):
        return False
    _facts(body, arriving)
    _end(body, arriving)
    return True


def _end(response: dict[str, Any], arriving: Arriving) -> None:
    """The whole response, which repeats what has come in pieces."""
    parts = _parts(response.get("output"))
    if not arriving.spoke:
        arriving.say("".join(text_of(each.get("text")) for each in parts if each.get("type") != "refusal"))
    arriving.refusal = arriving.refusal or "".join(text_of(each.get("refusal")) for each in parts)
    details, error = response.get("incomplete_details"), response.get("error")
    status = text_of(response.get("status"))
    arriving.ending = "whole"
    if status == "incomplete":
        reason = details.get("reason") if isinstance(details, dict) else None
        arriving.ending = "filter" if reason == "content_filter" else "length"
    if status in {"failed", "cancelled"} or isinstance(error, dict):
        arriving.failed = text_of(error.get("message")) if isinstance(error, dict) else ""


def _parts(output: Any) -> list[dict[str, Any]]:
    """The parts of all messages; thinking stands in items of another type."""
    items = [each for each in output if isinstance(each, dict)] if isinstance(output, list) else []
    contents = [each.get("content") for each in items if each.get("type", "message") == "message"]
    return [part for each in contents if isinstance(each, list) for part in each if isinstance(part, dict)]


def _facts(response: dict[str, Any], arriving: Arriving) -> None:
    named, usage = response.get("model"), response.get("usage")
    if isinstance(named, str) and named:
        arriving.model = named
    if isinstance(usage, dict):
        arriving.tokens_in = count_of(usage.get("input_tokens"))
        arriving.tokens_out = count_of(usage.get("output_tokens"))
