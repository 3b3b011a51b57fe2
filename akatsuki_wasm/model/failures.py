"""What goes wrong between here and the model, each as one line with what to do next."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

import openai

from akatsuki_wasm.errors import ConfigError, ModelError, UnusableReplyError
from akatsuki_wasm.model.choosing import WAYS, is_of_the_model, said_by
from akatsuki_wasm.model.pauses import USED_UP, in_words, pause_wanted
from akatsuki_wasm.model.server import KEY_VARIABLE, URL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.errors import AkatsukiError
    from akatsuki_wasm.model.arriving import Arriving
    from akatsuki_wasm.model.asking import Api, Asking
    from akatsuki_wasm.model.choosing import NoInterface
    from akatsuki_wasm.model.server import ModelServer

_MAX_SAID = 200
_LATER = "Try again later."
_OTHER_MODEL = "Name one that it has: --model NAME, or AKATSUKI_MODEL"
_URL = f"Compare {URL_VARIABLE} with the server's documentation: it mostly ends in /v1."
_NAMES = {
    "schema": ("response_format", "text.format", "json_schema", "schema"),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "effort": ("reasoning_effort", "reasoning", "effort"),
}
"""What servers call our settings when they reject one."""


def failure(exc: Exception, server: ModelServer, asking: Asking) -> AkatsukiError:
    """The error of ours for one of the client's."""
    if isinstance(exc, openai.APIStatusError):
        return _status(exc, server, asking)
    if isinstance(exc, openai.APITimeoutError):
        return ModelError(f"no connection to the language model at {server.shown}: timed out", hint=_start(server))
    if isinstance(exc, openai.APIConnectionError):
        reason, tls = _reason(exc), _tls_reason(exc)
        hint = "Look at whether the address is http or https, and at SSL_CERT_FILE." if tls else _start(server)
        return ModelError(f"no connection to the language model at {server.shown}: {tls or reason}", hint=hint)
    if isinstance(exc, openai.APIError):
        # An event of a stream that is an error; the client raises it.
        return failed_midway(server, said_by(exc.body) or exc.message)
    # What is left is the client's own complaint, for example about a variable of the environment that it reads.
    said = _line(server.without_key(str(exc)))
    hint = "Look at the variables OPENAI_…, …_PROXY and SSL_CERT_FILE."
    return ConfigError(f"the openai client cannot be used: {said}", hint=hint)


def timed_out(server: ModelServer, asking: Asking, last_status: int | None, arriving: Arriving) -> ModelError:
    """The whole time, retries included, is used up."""
    what = "did not answer" if not arriving.spoke else "did not finish its answer"
    after = f": {len(arriving.text):,} characters had come" if arriving.spoke else ""
    if last_status is not None:
        after = f"; its last answer was an error {last_status}"
    return ModelError(
        f"the language model at {server.shown} {what} within {asking.timeout_s:g} s{after}",
        hint="Give it more time with AKATSUKI_MODEL_TIMEOUT_S, or name a faster model: --model NAME",
    )


def malformed(server: ModelServer, api: Api, what: str) -> ModelError:
    """An answer that is not one of the interface."""
    return ModelError(f"{server.shown} answered with {what}: expected {WAYS[api].SHOWN}", hint=_URL)


def dropped(server: ModelServer, arriving: Arriving) -> ModelError:
    """The connection broke, or the stream ended before the answer did."""
    return ModelError(
        f"the answer of {server.shown} broke off after {len(arriving.text):,} characters",
        hint="Try again; if it breaks off again, look at the server's log and at proxies on the way.",
    )


def failed_midway(server: ModelServer, said: str) -> ModelError:
    """The server says in the middle of an answer that it failed."""
    why = f": {_line(server.without_key(said))}" if said.strip() else ""
    return ModelError(f"{server.shown} failed in the middle of its answer{why}", hint=_LATER)


def too_long(server: ModelServer) -> ModelError:
    """More comes than any answer has."""
    return ModelError(
        f"the answer of {server.shown} does not end: it was stopped",
        hint="Set AKATSUKI_MODEL_MAX_TOKENS, or try another model: --model NAME",
    )


def refused(said: str) -> UnusableReplyError:
    """The model, or a filter before it, will not do it."""
    return UnusableReplyError(
        f"the language model refuses: {_line(said)}"
        if said.strip()
        else "the language model's filter stopped its answer",
        hint="Say it in other words, or try another model: --model NAME",
        final=True,
    )


def cut_off(asking: Asking) -> UnusableReplyError:
    """The answer ended at the length limit."""
    limit = asking.parameters.max_tokens
    return UnusableReplyError(
        "the language model's answer was cut off at its length limit"
        + (f" (model_max_tokens = {limit:,})" if limit is not None else ""),
        hint="Raise AKATSUKI_MODEL_MAX_TOKENS, or ask for less at once."
        if limit is not None
        else "Ask for less at once, or use a model with a longer answer: --model NAME",
    )


def no_interface(
    server: ModelServer, asking: Asking, missing: Mapping[Api, openai.APIStatusError | NoInterface]
) -> ModelError:
    """Neither interface is there, or not the one that the settings ask for."""
    refusal = missing.get("chat") or next(iter(missing.values()))
    if isinstance(refusal, openai.APIStatusError):
        after = f" ({refusal.status_code}){_said(refusal, server)}"
    else:
        after = f": {_line(server.without_key(str(refusal)))}"
    if asking.api == "auto":
        return ModelError(f"there is no language model at {server.shown}{after}", hint=_URL)
    other = "chat" if asking.api == "responses" else "responses"
    return ModelError(
        f"{server.shown} has no {WAYS[asking.api].CALLED}{after}",
        hint=f"Set AKATSUKI_MODEL_API to {other} or auto, or mend {URL_VARIABLE}.",
    )


def _status(exc: openai.APIStatusError, server: ModelServer, asking: Asking) -> ModelError:
    status, said, code = exc.status_code, _said(exc, server), str(exc.code or "")
    if status == 401 and not server.key:
        return ModelError(f"{server.shown} wants a key (401)", hint=f"Set {KEY_VARIABLE} to a key of this server.")
    if status == 401:
        return ModelError(f"{server.shown} does not accept the key (401)", hint=f"Set {KEY_VARIABLE} to a valid one.")
    if status == 403:
        return ModelError(f"{server.shown} does not allow this (403){said}", hint="Ask whoever gave you the key.")
    if status == 404 and is_of_the_model(exc):
        return ModelError(f"{server.shown} has no model {asking.model!r} (404)", hint=_OTHER_MODEL)
    if status == 429 and code in USED_UP:
        return ModelError(f"the account at {server.shown} is used up (429){said}", hint="Look at its plan and billing.")
    if status < 400:
        return ModelError(f"{server.shown} redirects to another address, which is not followed ({status})", hint=_URL)
    pause = pause_wanted(exc.response.headers)
    later = "" if pause is None else f"; it wants a pause of {in_words(pause)}"
    when = f"Try again in {in_words(pause)}." if pause is not None else ""
    if status == 429:
        hint = when or "Wait a little and try again."
        return ModelError(f"{server.shown} gets too many requests (429){said}{later}", hint=hint)
    if status >= 500:
        return ModelError(f"{server.shown} failed ({status}){said}{later}", hint=when or _LATER)
    if code == "context_length_exceeded" or status == 413:
        return ModelError(f"{server.shown} rejects the request ({status}){said}", hint="Make the prompt shorter.")
    return _rejected_setting(exc, server, asking) or ModelError(
        f"{server.shown} rejects the request ({status}){said}", hint=_OTHER_MODEL
    )


def _rejected_setting(exc: openai.APIStatusError, server: ModelServer, asking: Asking) -> ModelError | None:
    """The error of a server that names what one of our settings made us ask for."""
    given = asking.parameters.given() | ({"schema": "on"} if asking.schema == "on" else {})
    words = exc.response.text.lower()
    for name, value in given.items():
        if any(each in words for each in _NAMES[name]):
            return ModelError(
                f"{server.shown} does not accept model_{name} = {value!r} ({exc.status_code}){_said(exc, server)}",
                hint=f"Unset AKATSUKI_MODEL_{name.upper()} and model_{name} in akatsuki.toml, or set another value.",
            )
    return None


def _said(exc: openai.APIStatusError, server: ModelServer) -> str:
    """What the server says of it, after a colon, or nothing."""
    text = said_by(exc.body)
    return f": {_line(server.without_key(text))}" if text.strip() else ""


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


def _tls_reason(exc: BaseException) -> str:
    """Why no secure connection could be made, or empty where that is not the reason."""
    under: BaseException | None = exc
    while under is not None:
        if isinstance(under, ssl.SSLError):
            why = getattr(under, "verify_message", "") or (under.reason or "").lower().replace("_", " ")
            return f"TLS failed: {why}" if why else "TLS failed"
        under = under.__cause__ or under.__context__
    return ""


def _start(server: ModelServer) -> str:
    if server.is_hosted:
        return "Look at the network; --generator offline needs none."
    return f"Start the server (for Ollama: ollama serve), or mend {URL_VARIABLE}."
