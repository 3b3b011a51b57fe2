"""From a question and its answer to a source: what every generator that asks a language model does at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import GuestSource
from akatsuki_wasm.errors import UnusableReplyError
from akatsuki_wasm.model.reply import MAX_DESCRIPTION, read_reply

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Exchange, Feedback, GenerationRequest


def source_of(
    exchange: Exchange, request: GenerationRequest, feedback: Feedback | None, *, generator: str
) -> GuestSource:
    """Reads the source that an answer holds.

    A repair keeps the name, the description and the model's own examples of the source that it repairs.

    Args:
        exchange: Question and answer.
        request: The wish; its name and its base's name win over the answer's.
        feedback: What was wrong with the attempt before; its source is what edits change.
        generator: The generator's name.

    Raises:
        UnusableReplyError: The answer holds no usable source; the error carries the exchange.
    """
    last = None if feedback is None else feedback.source
    base = request.base
    shown = last.rust if last is not None else base.rust if base is not None else None
    try:
        reply = read_reply(exchange.reply, shown)
    except UnusableReplyError as exc:
        exc.exchange = exchange
        raise
    name = request.name or (base.name if base is not None else last.name if last is not None else reply.name)
    described = reply.description or (last.description if last is not None else "")
    return GuestSource(
        rust=reply.rust,
        name=name,
        description=described or " ".join(request.prompt.split())[:MAX_DESCRIPTION],
        generator=generator,
        examples=reply.examples or (last.examples if last is not None else ()),
        notes=reply.notes,
        exchange=exchange,
        crates=request.crates,
    )
