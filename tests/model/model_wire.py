"""What the played language model puts on the wire: bodies and events of the Responses API and of chat completions.

The shapes and the order of events are those of OpenAI's API reference; a turn of the script says what they carry.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 12
"""Characters of one piece of a streamed answer, where the turn does not say."""
USAGE = {"prompt_tokens": 1200, "completion_tokens": 80, "total_tokens": 1280}
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def spoken(turn: dict[str, Any], asked: dict[str, Any]) -> Any:
    """The answer's text, or what stands in its place.

    An ``answer`` is said as JSON where a schema was asked for, and else as people would: a name and a fenced block.
    """
    answer = turn.get("answer")
    if answer is None:
        return turn.get("content")
    if "response_format" in asked or "format" in asked.get("text", {}):
        return json.dumps(answer, ensure_ascii=False)
    return f"name: {answer['name']}\n```rust\n{answer['rust']}```"


def pieces(turn: dict[str, Any], text: str) -> list[str]:
    """A streamed text as it comes."""
    size = turn.get("pieces", PIECE) if text else PIECE
    return list(size) if isinstance(size, list) else [text[at : at + size] for at in range(0, len(text), size)]


def plain(content: Any) -> str:
    """A text, or the texts of a list of parts."""
    return "".join(each["text"] for each in content) if isinstance(content, list) else content or ""


def event(data: dict[str, Any], name: str = "") -> str:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n"


class Chat:
    """Chat completions."""

    def __init__(self, turn: dict[str, Any], asked: dict[str, Any]) -> None:
        self.turn, self.asked = turn, asked
        self.model = turn.get("model", f"{asked['model']}-played")
        self.reason = turn.get("finish_reason", "stop")
        self.usage = turn.get("usage", USAGE)

    def body(self) -> str:
        """The answer at once."""
        message = {
            "role": "assistant",
            "content": spoken(self.turn, self.asked),
            "refusal": self.turn.get("refusal"),
            **({"reasoning_content": self.turn["reasoning"]} if "reasoning" in self.turn else {}),
        }
        choice = {"index": 0, "message": message, "finish_reason": self.reason, "logprobs": None}
        facts = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.model}
        return json.dumps({**facts, "choices": [choice], "usage": self.usage})

    def events(self) -> Iterator[str]:
        """The answer piece by piece."""
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in pieces(self.turn, self.turn.get("reasoning", "")):
            yield self._chunk({"reasoning_content": piece})
        for piece in pieces(self.turn, plain(spoken(self.turn, self.asked))):
            yield self._chunk({"content": piece})
        for piece in pieces(self.turn, self.turn.get("refusal") or ""):
            yield self._chunk({"refusal": piece})
        if "failed" in self.turn:
            yield event({"error": {"type": "server_error", "param": None, **self.turn["failed"]}})
            return
        yield self._chunk({}, self.reason)
        if self.asked.get("stream_options", {}).get("include_usage"):
            yield event({**self._facts(), "choices": [], "usage": self.usage})
        yield "data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event({**self._facts(), "choices": [choice]})

    def _facts(self) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.model}


class Responses:
    """The Responses API."""

    def __init__(self, turn: dict[str, Any], asked: dict[str, Any]) -> None:
        self.turn, self.asked = turn, asked
        self.reason = turn.get("finish_reason", "stop")
        self.text = plain(spoken(turn, asked))
        self.refusal = turn.get("refusal")
        self.number = 0

    def body(self) -> str:
        """The answer at once."""
        return json.dumps(self._response(self._status(), [*self._thought(), self._message()], self._usage()))

    def events(self) -> Iterator[str]:
        """The answer piece by piece."""
        yield self._event("response.created", response=self._response("in_progress", [], None))
        yield self._event("response.in_progress", response=self._response("in_progress", [], None))
        at = 0
        for item in self._thought():
            place = {"item_id": item["id"], "output_index": 0}
            yield self._event("response.output_item.added", output_index=0, item={**item, "summary": []})
            for piece in pieces(self.turn, self.turn["reasoning"]):
                yield self._event("response.reasoning_summary_text.delta", **place, summary_index=0, delta=piece)
            yield self._event("response.output_item.done", output_index=0, item=item)
            at = 1
        place = {"item_id": "msg_1", "output_index": at, "content_index": 0}
        started = {**self._message(), "status": "in_progress", "content": []}
        yield self._event("response.output_item.added", output_index=at, item=started)
        part = self._message()["content"][0]
        kind = "refusal" if self.refusal else "output_text"
        empty = {**part, "refusal" if self.refusal else "text": ""}
        yield self._event("response.content_part.added", **place, part=empty)
        for piece in pieces(self.turn, self.refusal or self.text):
            yield self._event(f"response.{kind}.delta", **place, delta=piece)
        if "failed" in self.turn:
            response = {**self._response("failed", [], None), "error": self.turn["failed"]}
            yield self._event("response.failed", response=response)
            return
        whole = {"refusal": self.refusal} if self.refusal else {"text": self.text}
        yield self._event(f"response.{kind}.done", **place, **whole)
        yield self._event("response.content_part.done", **place, part=part)
        yield self._event("response.output_item.done", output_index=at, item=self._message())
        status = self._status()
        response = self._response(status, [*self._thought(), self._message()], self._usage())
        yield self._event(f"response.{status}", response=response)

    def _status(self) -> str:
        return "incomplete" if self.reason in INCOMPLETE else "completed"

    def _event(self, kind: str, **facts: Any) -> str:
        self.number += 1
        return event({"type": kind, "sequence_number": self.number - 1, **facts}, kind)

    def _thought(self) -> list[dict[str, Any]]:
        if "reasoning" not in self.turn:
            return []
        summary = [{"type": "summary_text", "text": self.turn["reasoning"]}]
        return [{"id": "rs_1", "type": "reasoning", "summary": summary}]

    def _message(self) -> dict[str, Any]:
        part = (
            {"type": "refusal", "refusal": self.refusal}
            if self.refusal
            else {"type": "output_text", "text": self.text, "annotations": []}
        )
        return {"id": "msg_1", "type": "message", "role": "assistant", "status": self._status(), "content": [part]}

    def _usage(self) -> Any:
        counts = self.turn.get("usage", USAGE)
        names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
        return counts and {names.get(name, name): count for name, count in counts.items()}

    def _response(self, status: str, output: list[dict[str, Any]], usage: Any) -> dict[str, Any]:
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": INCOMPLETE[self.reason]} if status == "incomplete" else None,
            "instructions": self.asked.get("instructions"),
            "model": self.turn.get("model", f"{self.asked['model']}-played"),
            "output": output,
            "store": self.asked.get("store", True),
            "usage": usage,
        }
