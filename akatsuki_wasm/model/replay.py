"""The key under which an answer is remembered, and an answer that comes from memory instead of a model."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Exchange, RememberedReply
from akatsuki_wasm.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import GenerationContext, Message
    from akatsuki_wasm.model.asking import Asking

VERSION = 1
"""Of the key: another number forgets every answer."""


def reply_key(messages: Sequence[Message], asking: Asking) -> str:
    """Hex sha256 of a question: what is said, to which model, with which parameters.

    What a server can and where it is does not change the question: an answer that was paid for is found on every
    machine. So the messages are those for an answer in free text, also where another wording was sent.

    Args:
        messages: As rendered without a schema.
        asking: The model as it was asked for, and its parameters.
    """
    question = {
        "version": VERSION,
        "model": asking.model,
        "parameters": asking.parameters.given(),
        "messages": [[each.role, each.content] for each in messages],
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def recall(key: str, messages: Sequence[Message], asking: Asking, context: GenerationContext) -> Exchange | None:
    """The remembered answer to a question, or None where a model is to be asked.

    Raises:
        LockError: There is none, or a new one is wanted, and nothing may be asked.
    """
    started = time.perf_counter()
    known = None if context.fresh or context.replies is None else context.replies.get(key)
    if known is not None:
        return Exchange(
            messages=tuple(messages),
            reply=known.text,
            model=known.model,
            parameters=asking.parameters.given(),
            key=key,
            tokens_in=known.tokens_in,
            tokens_out=known.tokens_out,
            seconds=time.perf_counter() - started,
            replayed=True,
        )
    if context.replay_only:
        raise LockError(
            f"there is no remembered answer of {asking.model} for this prompt, and --locked asks no model",
            hint="Run it once without --locked, and keep the folder of remembered answers.",
        )
    return None


def remember(exchange: Exchange, context: GenerationContext) -> None:
    """Keeps a whole answer, also one of no use: the same conversation then replays through its repairs.

    What was refused, cut off or dropped never comes here: asking again may bring something better.
    """
    if context.replies is not None and exchange.reply.strip():
        context.replies.put(
            exchange.key, RememberedReply(exchange.reply, exchange.model, exchange.tokens_in, exchange.tokens_out)
        )
