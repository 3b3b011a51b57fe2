"""The way in: a request and the last attempt's faults become messages, an answer, and a source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import GuestSource
from akatsuki_wasm.errors import GenerateError, UnusableReplyError
from akatsuki_wasm.model.asking import Question
from akatsuki_wasm.model.prompts import render
from akatsuki_wasm.model.replay import recall, remember, reply_key
from akatsuki_wasm.model.reply import MAX_DESCRIPTION, read_reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from akatsuki_wasm.contracts import Exchange, Feedback, GenerationContext, GenerationRequest
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
    """
    plain = render(request, feedback, folder=prompts_dir)
    strict = plain if asking.schema == "off" else render(request, feedback, folder=prompts_dir, structured=True)
    exchange = _answer(plain, strict, context, asking, find_server)
    try:
        reply = read_reply(exchange.reply)
    except UnusableReplyError as exc:
        exc.exchange = exchange
        raise
    return GuestSource(
        rust=reply.rust,
        name=request.name or reply.name,
        description=reply.description or " ".join(request.prompt.split())[:MAX_DESCRIPTION],
        generator=NAME,
        usage=_usage(exchange),
        exchange=exchange,
        crates=request.crates,
    )


def _answer(
    plain: Rendered,
    strict: Rendered,
    context: GenerationContext,
    asking: Asking,
    find_server: Callable[[], ModelServer],
) -> Exchange:
    """The answer from memory, or else from the model.

    Args:
        plain: The conversation where the answer is free text.
        strict: The conversation where it is held to a schema.
        context: Who hears it, and where answers are remembered.
        asking: The model, and how it is asked.
        find_server: Where the model is.
    """
    key = reply_key(plain.messages, asking)
    known = recall(key, plain.messages, asking, context)
    if known is not None:
        return replace(known, templates=dict(plain.templates))
    server = find_server()
    # Imported here because the openai package takes half a second, which a remembered answer does not need.
    from akatsuki_wasm.model.client import complete

    def marked(exchange: Exchange) -> Exchange:
        used = strict if exchange.parameters.get("schema") else plain
        return replace(exchange, key=key, templates=dict(used.templates))

    question = Question(plain.messages, strict.messages, strict.schema, strict.schema_name)
    try:
        exchange = marked(complete(server, asking, question, context.on_text))
    except GenerateError as exc:
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
