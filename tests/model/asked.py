"""Asks the played model through the plugin, as a workspace does; every failure is held to what all failures must be."""

from __future__ import annotations

import json
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import Feedback, GenerationContext, GenerationRequest, GuestSource
from akatsuki_wasm.errors import AkatsukiError, GenerateError
from akatsuki_wasm_plugins.openai_model import OpenAiPlugin

from .conftest import KEY

if TYPE_CHECKING:
    from .conftest import PlayedModel

GOOD = "name: three\n```rust\n/// Three.\npub fn three() -> u8 {\n    3\n}\n```"
APIS = ["responses", "chat"]
PATHS = {"responses": "/v1/responses", "chat": "/v1/chat/completions"}


def ask(
    prompt: str = "three",
    *,
    context: GenerationContext | None = None,
    feedback: Feedback | None = None,
    **settings: Any,
) -> GuestSource:
    plugin = OpenAiPlugin()
    plugin.akatsuki_configure(Settings(**settings))
    request = GenerationRequest(prompt, generator="openai")
    source = plugin.akatsuki_generate(request, feedback, context or GenerationContext())
    assert source is not None
    return source


def fails(kind: type[AkatsukiError], **how: Any) -> AkatsukiError:
    with pytest.raises(kind) as caught:
        ask(**how)
    error = caught.value
    assert "\n" not in str(error) + error.hint
    assert error.hint
    everything = "".join(traceback.format_exception(error)) + repr(error) + error.hint
    each: BaseException | None = error
    while each is not None:
        everything += f"{each!r} {each}"
        each = each.__cause__ or each.__context__
    if isinstance(error, GenerateError):
        everything += repr(error.exchange)
    assert KEY not in everything
    return error


def was_left(model: PlayedModel) -> bool:
    """Whether the server saw the client go before its answer was over; it needs a moment to see it."""
    for _ in range(50):
        if model.requests()[-1]["left"]:
            return True
        time.sleep(0.1)
    return False


def failed(status: int, message: str | None = None, code: str | None = None, **headers: str) -> dict[str, Any]:
    body = json.dumps({"error": {"message": message, "type": "invalid", "param": None, "code": code}})
    return {"status": status, "body": body if message else "", "headers": headers}
