"""The way in: a request and the last attempt's faults become messages, an answer, and a source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import AkatsukiError, DesignCancelled, GenerateError
from akatsuki_wasm.model.answers import source_of
from akatsuki_wasm.model.asking import Question
from akatsuki_wasm.model.choosing import order, uses_schema
from akatsuki_wasm.model.learnt import Learnt
from akatsuki_wasm.model.prompts import render
from akatsuki_wasm.model.replay import recall, remember, reply_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from akatsuki_wasm.contracts import Exchange, Feedback, GenerationContext, GenerationRequest, GuestSource
    from akatsuki_wasm.model.asking import Asking
    from akatsuki_wasm.model.prompts import Rendered
    from akatsuki_wasm.model.server import ModelServer

NAME = "openai"


def generate(
    request: GenerationRequest,
    feedback: Feedback | None,
    context: GenerationContext,
    *,
    asking: Asking,
    find_server: Callable[[], ModelServer],
    prompts_dir: Path | None = None,
) -> GuestSource:
    """Asks a language model for the Rust of a module, or remembers what it answered to the same question.

    Args:
        request: The wish; ``request.name`` becomes the module's name.
        feedback: What was wrong with the attempt before, or None.
        context: Who hears the answer, and where answers are remembered.
        asking: The model, and how it is asked.
        find_server: Says where the model is, where one must be asked: a remembered answer needs neither key nor server.
        prompts_dir: Folder whose templates stand before the built-in ones, or None.

    Raises:
        ModelError: The model cannot be asked.
        UnusableReplyError: It refuses, its answer is cut off, or it holds no Rust function.
        LockError: Nothing may be asked, and the answer is not known.
        DesignCancelled: The answer is not wanted any more.
    """

    def rendered(*, structured: bool) -> Rendered:
        return render(request, feedback, folder=prompts_dir, structured=structured)

    exchange = _answer(rendered, context, asking, find_server)
    return replace(source_of(exchange, request, feedback, generator=NAME), usage=_usage(exchange))


def conversation(
    request: GenerationRequest,
    feedback: Feedback | None,
    *,
    asking: Asking,
    find_server: Callable[[], ModelServer],
    prompts_dir: Path | None = None,
) -> Rendered:
    """What `generate` would send first, to look at: nothing is asked, and there need be no server."""
    try:
        learnt = Learnt(find_server().shown, asking.cache_dir)
    except AkatsukiError:
        structured = asking.schema != "off"
    else:
        structured = uses_schema(asking, learnt.lacks(order(asking, learnt)[0], asking.model))
    return render(request, feedback, folder=prompts_dir, structured=structured)


def _answer(
    rendered: Callable[..., Rendered],
    context: GenerationContext,
    asking: Asking,
    find_server: Callable[[], ModelServer],
) -> Exchange:
    """The answer from memory, or else from the model.

    Args:
        rendered: The conversation, ``structured`` or not.
        context: Who hears the answer, and where answers are remembered.
        asking: The model, and how it is asked.
        find_server: Where the model is.
    """
    plain = rendered(structured=False)
    key = reply_key(plain.messages, asking)
    known = recall(key, plain.messages, asking, context)
    if known is not None:
        return replace(known, templates=dict(plain.templates))
    server = find_server()
    # Imported here because the openai package takes half a second, which a remembered answer does not need.
    from akatsuki_wasm.model.client import complete

    strict = plain if asking.schema == "off" else rendered(structured=True)

    def marked(exchange: Exchange) -> Exchange:
        used = strict if exchange.parameters.get("schema") else plain
        return replace(exchange, key=key, templates=dict(used.templates))

    question = Question(plain.messages, strict.messages, strict.schema, strict.schema_name)
    try:
        exchange = marked(complete(server, asking, question, context.on_text, lambda: context.control.cancelled))
    except (GenerateError, DesignCancelled) as exc:
        if exc.exchange is not None:
            exc.exchange = marked(exc.exchange)
        raise
    remember(exchange, context)
    return exchange


def _usage(exchange: Exchange) -> dict[str, object]:
    """What is known of the answer, for the record."""
    usage = {
        "model": exchange.model,
        "tokens_in": exchange.tokens_in,
        "tokens_out": exchange.tokens_out,
        "seconds": round(exchange.seconds, 3),
        "replayed": exchange.replayed or None,
    }
    return {name: value for name, value in usage.items() if value is not None}
