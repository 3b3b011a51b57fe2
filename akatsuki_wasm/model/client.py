"""One question to a language model and its answer: chat completions by the official client, within a total time."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import openai

from akatsuki_wasm.model import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from akatsuki_wasm.contracts import Message
    from akatsuki_wasm.model.server import ModelServer

T = TypeVar("T")

NO_KEY = "none"
"""Sent where there is no key: the client insists on one, local servers ignore it."""
CONNECT_S = 10.0
"""For one attempt to connect: a server that takes longer for that alone is not there."""
_GRACE_S = 1.0
"""For putting away a connection. Looking up a name cannot be stopped, and is left behind after this time."""

_log = logging.getLogger("akatsuki_wasm.model")


@dataclass(frozen=True)
class Completion:
    """A model's answer.

    Attributes:
        text: As it came.
        model: The model that answered, as the server calls it.
        tokens_in: Of the question, or None where the server does not say.
        tokens_out: Of the answer, or None.
        seconds: Until it was there.
    """

    text: str
    model: str
    tokens_in: int | None
    tokens_out: int | None
    seconds: float


def complete(server: ModelServer, model: str, messages: Sequence[Message], *, timeout_s: float) -> Completion:
    """Asks a model. The client itself asks again after a lost connection, 408, 409, 429 and 5xx, twice.

    Args:
        server: Where the model is, with the key for it.
        model: Its name there.
        messages: The conversation.
        timeout_s: For everything, waiting between retries included, in seconds.

    Raises:
        ModelError: The server cannot be reached, refuses, fails, takes too long, or answers something else.
        UnusableReplyError: The model refuses, or its answer is cut off or empty.
        ConfigError: The client cannot be made of the environment.
    """
    question = _Question(server, model, messages, timeout_s)
    started = time.perf_counter()
    try:
        text = _within(timeout_s, question.ask)
    except TimeoutError as exc:
        raise failures.timed_out(timeout_s, server, question.last_status) from exc
    except (openai.OpenAIError, ValueError, OSError, ImportError) as exc:
        error = failures.failure(exc, server, model)
        # A server may repeat the key in what it answers; then not even the cause may be kept.
        raise error from (None if server.is_in(f"{exc!r} {exc}") else exc)
    completion = _read(text, server, model, time.perf_counter() - started)
    _log.debug(
        "%s answered in %.1f s: %s tokens in, %s out",
        completion.model, completion.seconds, completion.tokens_in, completion.tokens_out,
    )  # fmt: skip
    return completion


class _Question:
    """A request on its way; remembers what the server answered to the last try."""

    def __init__(self, server: ModelServer, model: str, messages: Sequence[Message], timeout_s: float) -> None:
        self.server, self.model, self.messages, self.timeout_s = server, model, messages, timeout_s
        self.last_status: int | None = None

    async def ask(self) -> str:
        """The body of the answer, whatever it is."""
        async with openai.AsyncOpenAI(
            api_key=self.server.key or NO_KEY,
            base_url=self.server.base_url,
            timeout=openai.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s)),
            # A redirect would carry the prompt to a server that the user did not name.
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [self._note]}),
        ) as client:
            answer = await client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=[{"role": each.role, "content": each.content} for each in self.messages],  # type: ignore[misc]  # one literal for three typed dicts, told apart by the role's value
            )
            return answer.http_response.text

    async def _note(self, response: Any) -> None:
        self.last_status = response.status_code if response.status_code >= 300 else None


def _within(seconds: float, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine in a thread with a loop of its own: the caller may be a notebook, which has a running one.

    Raises:
        TimeoutError: It took longer.
    """
    outcome: Future[T] = Future()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def limited() -> T:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        async with asyncio.timeout(seconds):
            return await work()

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(limited()))
        except BaseException as exc:  # noqa: BLE001 - handed to the caller's thread, which raises it
            outcome.set_exception(exc)

    thread = threading.Thread(target=run, name="akatsuki-model", daemon=True)
    thread.start()
    try:
        return outcome.result(seconds + _GRACE_S)
    except BaseException:
        # Ctrl-C in the caller's thread: the request must not go on, it costs.
        for loop, task in running:
            if task is not None and thread.is_alive() and not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join(_GRACE_S)


def _read(body: str, server: ModelServer, model: str, seconds: float) -> Completion:
    """What a chat completion says; the schema is OpenAI's, of which other servers leave parts out."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise failures.malformed(server, "something that is not JSON" if body.strip() else "nothing") from exc
    choices = found.get("choices") if isinstance(found, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise failures.malformed(server, "other JSON")
    if choice.get("finish_reason") == "length":
        raise failures.cut_off()
    refusal = message.get("refusal")
    if choice.get("finish_reason") == "content_filter" or (isinstance(refusal, str) and refusal.strip()):
        raise failures.refused(server.without_key(refusal) if isinstance(refusal, str) else "")
    usage = found.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    named = found.get("model")
    return Completion(
        server.without_key(_text(message.get("content"))),
        server.without_key(named) if isinstance(named, str) and named else model,
        _count(counts.get("prompt_tokens")),
        _count(counts.get("completion_tokens")),
        seconds,
    )


def _text(content: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(content, list):
        return "".join(each["text"] for each in content if isinstance(each, dict) and isinstance(each.get("text"), str))
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
