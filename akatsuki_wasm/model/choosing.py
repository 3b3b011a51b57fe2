"""Which interface a server has, and what of it it understands: told from how it refuses.

Real servers differ. OpenAI has both interfaces. Ollama has the Responses API since 0.13.3, vLLM and llama.cpp have it
in newer versions; older ones answer 404, each in words of its own, and LM Studio answers 200 with an error. Others
reject a JSON schema or an option of the stream with 400 or 422, and name it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from akatsuki_wasm.model import chat, responses

if TYPE_CHECKING:
    from types import ModuleType

    import openai

    from akatsuki_wasm.model.asking import Api, Asking
    from akatsuki_wasm.model.learnt import Learnt

WAYS: dict[Api, ModuleType] = {"responses": responses, "chat": chat}

_MISSING = {404, 405, 501}
_REJECTED = {400, 404, 422, 500, 501}
_SIGNS = {
    "schema": re.compile(r"response_format|text\.format|json_?schema|\bschema\b|structured.?output|grammar|\"text\""),
    "stream_options": re.compile(r"stream_options|include_usage"),
    "store": re.compile(r"\bstore\b"),
    "max_tokens": re.compile(r"max_tokens|max_completion_tokens"),
}
_INTERFACES = {
    "responses": re.compile(r"responses api|/responses\b|unexpected endpoint"),
    "chat": re.compile(r"chat/completions|chat completions?\b|/responses\b|unexpected endpoint"),
}


class NoInterface(Exception):  # noqa: N818 - what was found out, and no error yet
    """An answer of 200 that says that there is no such interface."""


def order(asking: Asking, learnt: Learnt) -> list[Api]:
    """The interfaces to try, in this order."""
    if asking.api != "auto":
        return [asking.api]
    lacks = learnt.lacks()
    return sorted(WAYS, key=lambda api: api in lacks)


def uses_schema(asking: Asking, lacks: frozenset[str]) -> bool:
    """Whether to ask for JSON under a schema."""
    return asking.schema == "on" or (asking.schema == "auto" and "schema" not in lacks)


def is_missing(refusal: openai.APIStatusError | NoInterface, api: Api) -> bool:
    """Whether a refusal says that there is no such interface, for this model or at all."""
    if isinstance(refusal, NoInterface):
        return True
    if refusal.status_code in _REJECTED and names_an_interface(said_by(refusal.body), api):
        return True
    return refusal.status_code in _MISSING and not is_of_the_model(refusal)


def names_an_interface(said: str, api: Api) -> bool:
    """Whether a refusal speaks of the interface itself."""
    return bool(_INTERFACES[api].search(said.lower()))


def is_of_the_model(error: openai.APIStatusError) -> bool:
    """Whether a refusal says that the model is not there, which servers say with 404 as well."""
    return error.code == "model_not_found" or "model" in said_by(error.body).lower()


def said_by(body: object) -> str:
    """The message in the body of an error, or nothing: a page of HTML is none."""
    text = body
    if isinstance(body, dict):
        text = next((body[name] for name in ("message", "error", "detail") if isinstance(body.get(name), str)), "")
    return text if isinstance(text, str) and not text.lstrip().startswith("<") else ""


def not_understood(error: openai.APIStatusError, asking: Asking, api: Api, lacks: frozenset[str]) -> frozenset[str]:
    """What the server complains of that can be left out, and was not."""
    if error.status_code not in _REJECTED:
        return frozenset()
    sent = {"stream_options"} if api == "chat" else {"store"}
    if asking.schema == "auto":
        sent.add("schema")
    if api == "chat" and asking.parameters.max_tokens is not None:
        sent.add("max_tokens")
    words = error.response.text.lower()
    return frozenset(name for name in sent - lacks if _SIGNS[name].search(words))
