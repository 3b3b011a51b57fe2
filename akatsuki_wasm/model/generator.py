"""The way in: a request and the last attempt's faults become messages, an answer, and a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import GuestSource
from akatsuki_wasm.model.client import complete
from akatsuki_wasm.model.prompts import messages
from akatsuki_wasm.model.reply import MAX_DESCRIPTION, read_reply

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Feedback, GenerationRequest
    from akatsuki_wasm.model.server import ModelServer

NAME = "openai"


def generate(
    request: GenerationRequest, feedback: Feedback | None, *, server: ModelServer, model: str, timeout_s: float
) -> GuestSource:
    """Asks a language model for the Rust of a module.

    Args:
        request: The wish; ``request.name`` becomes the module's name.
        feedback: What was wrong with the attempt before, or None.
        server: Where the model is.
        model: Its name.
        timeout_s: For the whole answer, in seconds.

    Raises:
        ModelError: The model cannot be asked.
        UnusableReplyError: It answers without a Rust function.
    """
    completion = complete(server, model, messages(request, feedback), timeout_s=timeout_s)
    reply = read_reply(completion.text)
    usage = {
        "model": completion.model,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "seconds": round(completion.seconds, 3),
    }
    return GuestSource(
        rust=reply.rust,
        name=request.name or reply.name,
        description=reply.description or " ".join(request.prompt.split())[:MAX_DESCRIPTION],
        generator=NAME,
        usage={name: value for name, value in usage.items() if value is not None},
    )
