"""One question to a language model and its answer, by the official client, streamed, within a total time."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import openai

from akatsuki_wasm.errors import AkatsukiError, DesignCancelled, GenerateError
from akatsuki_wasm.model import failures
from akatsuki_wasm.model.arriving import Arriving
from akatsuki_wasm.model.choosing import (
    WAYS,
    NoInterface,
    is_missing,
    names_an_interface,
    not_understood,
    order,
    said_by,
    uses_schema,
)
from akatsuki_wasm.model.learnt import Learnt
from akatsuki_wasm.model.pauses import hold_back
from akatsuki_wasm.model.waiting import OutOfTimeError, UnwantedError, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import Exchange
    from akatsuki_wasm.model.asking import Api, Asking, Question
    from akatsuki_wasm.model.server import ModelServer

NO_KEY = "none"
"""Sent where there is no key: the client insists on one, local servers ignore it."""
CONNECT_S = 10.0
"""For one attempt to connect: a server that takes longer for that alone is not there."""
RETRIES = 2
"""Times that the client itself asks again after a lost connection, 408, 409, 429 and 5xx."""
_MAX_BODY = 8_000_000
"""Bytes of an answer that is not streamed."""

_log = logging.getLogger("akatsuki_wasm.model")


def complete(
    server: ModelServer,
    asking: Asking,
    question: Question,
    on_text: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> Exchange:
    """Asks a model and waits for its whole answer.

    Args:
        server: Where the model is, with the key for it.
        asking: The model, and how it is asked.
        question: What is asked.
        on_text: Hears the answer piece by piece while it comes, in the caller's thread.
        cancelled: Asked in the caller's thread, whether the answer is not wanted any more.

    Returns:
        What was sent and what came; its `key` and `templates` are the caller's to set.

    Raises:
        ModelError: The server cannot be reached, refuses, fails, takes too long, or answers something else.
        UnusableReplyError: The model refuses, or its answer is cut off.
        ConfigError: The client cannot be made of the environment.
        DesignCancelled: The answer is not wanted any more; the request has been broken off.
    """
    error: AkatsukiError
    cause: BaseException | None
    talk = _Talk(server, asking, question)
    try:
        within(asking.timeout_s, talk.ask, on_text, cancelled)
    except _FailedError as exc:
        error, cause = exc.error, exc.error.__cause__
    except OutOfTimeError as exc:
        error, cause = failures.timed_out(server, asking, talk.last_status, talk.arriving), exc
    except UnwantedError:
        error, cause = DesignCancelled(), None
    else:
        exchange = talk.arriving.exchange()
        _log.debug(
            "%s answered in %.1f s: %s tokens in, %s out",
            exchange.model, exchange.seconds, exchange.tokens_in, exchange.tokens_out,
        )  # fmt: skip
        return exchange
    if isinstance(error, GenerateError | DesignCancelled) and talk.arriving.has_come:
        error.exchange = talk.arriving.exchange()
    if _tells_key(cause, server):
        # A server may repeat the key in what it answers; then not even the cause may be kept.
        cause = error.__context__ = None
    raise error from cause


class _FailedError(Exception):
    """What went wrong on the way, in a wrapper: what whoever hears the answer raises is their own affair."""

    def __init__(self, error: AkatsukiError) -> None:
        super().__init__(str(error))
        self.error = error


class _Talk:
    """A question on its way: what the server answered to the last try, and what has come of the answer."""

    def __init__(self, server: ModelServer, asking: Asking, question: Question) -> None:
        self.server, self.asking, self.question = server, asking, question
        self.learnt = Learnt(server.shown, asking.cache_dir)
        self.deadline = time.monotonic() + asking.timeout_s
        self.last_status: int | None = None
        self.started = time.perf_counter()
        self.arriving = Arriving(asking, server.secrets, lambda _: None, self.started)

    async def ask(self, hear: Callable[[str], None]) -> None:
        """Asks and reads the whole answer.

        Raises:
            _FailedError: It has not come, or is none.
        """
        try:
            await self._ask(hear)
            self._judge()
        except AkatsukiError as exc:
            raise _FailedError(exc) from exc
        except (openai.OpenAIError, ValueError, OSError, ImportError, RecursionError) as exc:
            error = failures.failure(exc, self.server, self.asking)
            error.__cause__ = exc
            raise _FailedError(error) from exc

    async def _ask(self, hear: Callable[[str], None]) -> None:
        """Asks through the interface that the server has."""
        async with openai.AsyncOpenAI(
            api_key=self.server.key or NO_KEY,
            base_url=self.server.base_url,
            max_retries=RETRIES,
            timeout=openai.Timeout(self.asking.timeout_s, connect=min(CONNECT_S, self.asking.timeout_s)),
            # A redirect would carry the prompt to a server that the user did not name.
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [self._note]}),
            default_headers=_headers(self.server),
        ) as client:
            missing: dict[Api, openai.APIStatusError | NoInterface] = {}
            for api in order(self.asking, self.learnt):
                try:
                    await self._ask_by(api, client, hear)
                except (openai.APIStatusError, NoInterface) as exc:
                    if not is_missing(exc, api):
                        raise
                    missing[api] = exc
                else:
                    if self.asking.api == "auto" and missing:
                        self.learnt.learn(frozenset(missing))
                    break
            else:
                raise failures.no_interface(self.server, self.asking, missing)

    async def _ask_by(self, api: Api, client: openai.AsyncOpenAI, hear: Callable[[str], None]) -> None:
        """Asks through one interface, again without whatever the server says that it does not understand."""
        way, place = WAYS[api], (api, self.asking.model)
        lacks = self.learnt.lacks(*place) | ({"max_tokens"} if self.server.is_hosted else set())
        while True:
            schema = uses_schema(self.asking, lacks)
            arriving = self.arriving = Arriving(self.asking, self.server.secrets, hear, self.started)
            arriving.api, arriving.sent = api, tuple(self.question.wording(schema=schema))
            arriving.schema = schema
            try:
                async with way.send(client, way.request(self.asking, self.question, lacks, schema=schema)) as answer:
                    await self._take(answer, api)
            except openai.APIStatusError as exc:
                more = not_understood(exc, self.asking, api, lacks)
                if not more:
                    raise
                lacks |= more
            else:
                self.learnt.learn(lacks, *place)
                return
            finally:
                arriving.stop()

    async def _take(self, answer: Any, api: Api) -> None:
        """Reads an answer, streamed or in one body: servers that do not stream ignore that it was asked for.

        Raises:
            ModelError: It breaks off, or is something else.
        """
        way, arriving = WAYS[api], self.arriving
        streamed = answer.headers.get("content-type", "").startswith("text/event-stream")
        try:
            if not streamed:
                self._take_body(await _body(answer), api)
                return
            # Plain objects: what other servers leave out or add must not matter.
            async with await answer.parse(to=openai.AsyncStream[object]) as events:
                async for event in events:
                    if isinstance(event, dict):
                        way.take_event(event, arriving)
                    if arriving.too_long:
                        raise failures.too_long(self.server)
                    if arriving.failed is not None:
                        return
        except (ValueError, RecursionError) as exc:
            raise failures.malformed(self.server, api, "something that is not JSON") from exc
        except Exception as exc:
            if not _is_broken_connection(exc):
                raise
            raise failures.dropped(self.server, arriving) from exc

    def _take_body(self, text: bytes, api: Api) -> None:
        if len(text) > _MAX_BODY:
            raise failures.too_long(self.server)
        if not text.strip():
            raise failures.malformed(self.server, api, "nothing")
        found = json.loads(text)
        if isinstance(found, dict) and WAYS[api].take_body(found, self.arriving):
            return
        said = said_by(found.get("error")) if isinstance(found, dict) else ""
        if names_an_interface(said, api):
            raise NoInterface(said)
        if said:
            self.arriving.failed = said
            return
        raise failures.malformed(self.server, api, "other JSON")

    def _judge(self) -> None:
        """Says why an answer that has come is none.

        Raises:
            ModelError: The server failed in its middle, or broke it off.
            UnusableReplyError: The model refuses, or its answer is cut off.
        """
        arriving = self.arriving
        if arriving.failed is not None:
            raise failures.failed_midway(self.server, arriving.failed)
        if arriving.refusal.strip() or arriving.ending == "filter":
            raise failures.refused(self.server.without_key(arriving.refusal))
        if arriving.ending == "length":
            raise failures.cut_off(self.asking)
        if not arriving.ending:
            raise failures.dropped(self.server, arriving)

    async def _note(self, response: Any) -> None:
        self.last_status = response.status_code if response.status_code >= 300 else None
        await hold_back(response, self.deadline)


async def _body(answer: Any) -> bytes:
    """A body, or a little more than the most of it that is read."""
    found = bytearray()
    async for chunk in answer.iter_bytes():
        found += chunk
        if len(found) > _MAX_BODY:
            break
    return bytes(found)


def _is_broken_connection(exc: Exception) -> bool:
    """Whether it is the client's error for one, or the HTTP library's, which is another one by the client's version."""
    return isinstance(exc, openai.APIConnectionError) or type(exc).__module__.partition(".")[0] in {"httpx", "httpx2"}


def _tells_key(cause: BaseException | None, server: ModelServer) -> bool:
    while cause is not None:
        if server.is_in(f"{cause!r} {cause}"):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _headers(server: ModelServer) -> dict[str, Any]:
    """Keeps the account's names, which the client reads from the environment, from other servers than OpenAI's."""
    return {} if server.is_hosted else {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
