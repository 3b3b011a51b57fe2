"""What goes wrong between here and the model, each as one line with what to do next."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import openai

from akatsuki_wasm.errors import ConfigError, GenerateError, ModelError, UnusableReplyError
from akatsuki_wasm.model.server import KEY_VARIABLE, URL_VARIABLE

if TYPE_CHECKING:
    from akatsuki_wasm.errors import AkatsukiError
    from akatsuki_wasm.model.server import ModelServer

_MAX_SAID = 200
_LATER = "Try again later."
_OTHER_MODEL = "Name one that it has: --model NAME, or AKATSUKI_MODEL"
_URL = f"Compare {URL_VARIABLE} with the server's documentation: it mostly ends in /v1."


def failure(exc: Exception, server: ModelServer, model: str) -> AkatsukiError:
    """The error of ours for one of the client's."""
    if isinstance(exc, openai.APIStatusError):
        return _status(exc, server, model)
    if isinstance(exc, openai.APITimeoutError):
        return ModelError(f"no connection to the language model at {server.shown}: timed out", hint=_start(server))
    if isinstance(exc, openai.APIConnectionError):
        return ModelError(f"no connection to the language model at {server.shown}: {_reason(exc)}", hint=_start(server))
    # What is left is the client's own complaint, for example about a variable of the environment that it reads.
    said = _line(server.without_key(str(exc)))
    hint = "Look at the variables OPENAI_…, …_PROXY and SSL_CERT_FILE."
    return ConfigError(f"the openai client cannot be used: {said}", hint=hint)


def timed_out(seconds: float, server: ModelServer, last_status: int | None) -> ModelError:
    """The whole time, retries included, is used up."""
    before = "" if last_status is None else f"; its last answer was an error {last_status}"
    return ModelError(
        f"the language model at {server.shown} did not answer within {seconds:g} s{before}",
        hint="Give it more time with AKATSUKI_MODEL_TIMEOUT_S, or name a faster model: --model NAME",
    )


def malformed(server: ModelServer, what: str) -> ModelError:
    """An answer that is no chat completion."""
    return ModelError(f"{server.shown} answered with {what}: expected a chat completion", hint=_URL)


def refused(said: str) -> UnusableReplyError:
    """The model, or a filter before it, will not do it."""
    return UnusableReplyError(
        f"the language model refuses: {_line(said)}"
        if said.strip()
        else "the language model's filter stopped its answer",
        hint="Say it in other words, or try another model: --model NAME",
    )


def cut_off() -> UnusableReplyError:
    """The answer ended at the length limit."""
    return UnusableReplyError(
        "the language model's answer was cut off at its length limit",
        hint="Ask for less at once, or use a model with a longer answer: --model NAME",
    )


def _status(exc: openai.APIStatusError, server: ModelServer, model: str) -> GenerateError:
    status, said = exc.status_code, _said(exc, server)
    code = str(exc.code or "")
    if status == 401:
        if not server.key:
            return ModelError(f"{server.shown} wants a key (401)", hint=f"Set {KEY_VARIABLE} to a key of this server.")
        return ModelError(f"{server.shown} does not accept the key (401)", hint=f"Set {KEY_VARIABLE} to a valid one.")
    if status == 403:
        return ModelError(f"{server.shown} does not allow this (403){said}", hint="Ask whoever gave you the key.")
    if status == 404 and (code == "model_not_found" or "model" in said):
        return ModelError(f"{server.shown} has no model {model!r} (404)", hint=_OTHER_MODEL)
    if status in {404, 405}:
        return ModelError(f"there is no chat completion at {server.shown} ({status}){said}", hint=_URL)
    if status == 429 and code in {"insufficient_quota", "billing_hard_limit_reached"}:
        return ModelError(f"the account at {server.shown} is used up (429){said}", hint="Look at its plan and billing.")
    if status == 429:
        return ModelError(f"{server.shown} gets too many requests (429){said}", hint="Wait a little and try again.")
    if status >= 500:
        return ModelError(f"{server.shown} failed ({status}){said}", hint=_LATER)
    if status < 400:
        return ModelError(f"{server.shown} redirects to another address, which is not followed ({status})", hint=_URL)
    hint = "Make the prompt shorter." if code == "context_length_exceeded" or status == 413 else _OTHER_MODEL
    return ModelError(f"{server.shown} rejects the request ({status}){said}", hint=hint)


def _said(exc: openai.APIStatusError, server: ModelServer) -> str:
    """What the server says of it, after a colon, or nothing."""
    body = exc.body
    text = body.get("message") if isinstance(body, dict) else body
    if not isinstance(text, str) or not text.strip() or text.lstrip().startswith("<"):
        return ""
    return f": {_line(server.without_key(text))}"


def _line(text: str) -> str:
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split()).rstrip(".")
    return line if len(line) <= _MAX_SAID else f"{line[: _MAX_SAID - 1]}…"


def _reason(exc: BaseException) -> str:
    """The operating system's word for it, which lies under the clients' own."""
    under: BaseException | None = exc
    reason = ""
    while under is not None:
        if isinstance(under, OSError) and under.strerror:
            # asyncio puts the address into the text of a refused connection; a name that is not found has its own text.
            named = isinstance(under, socket.gaierror) or under.errno not in errno.errorcode
            reason = under.strerror if named else os.strerror(under.errno or 0)
        under = under.__cause__ or under.__context__
    return reason[:1].lower() + reason[1:] if reason else "the connection broke"


def _start(server: ModelServer) -> str:
    if server.is_hosted:
        return "Look at the network; --generator offline needs none."
    return f"Start the server (for Ollama: ollama serve), or mend {URL_VARIABLE}."
