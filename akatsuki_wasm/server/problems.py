"""Errors as RFC 9457 problem documents: the one place that decides HTTP statuses.

A problem's ``type`` is ``urn:akatsuki-wasm:error:`` and the stable code of the error's class, its ``title`` the first
line of that class's documentation, its ``detail`` the error's one line. Beside these stand ``code``, ``hint`` and the
facts that the class carries. `akatsuki_wasm.remote.problems` makes the same error of it again.
"""

from __future__ import annotations

import json
import logging
import math
import re
from typing import TYPE_CHECKING, Any

from fastapi import Response

from akatsuki_wasm import errors, wit
from akatsuki_wasm.values.choices import bytes_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:akatsuki-wasm:error:"

MAX_TEXT = 2_000
"""Characters of a detail, and of a hint."""

_STATUS: tuple[tuple[type[errors.AkatsukiError], int], ...] = (
    (errors.AuthenticationError, 401),
    (errors.RequestTooLargeError, 413),
    (errors.RequestError, 400),
    (errors.QuotaError, 429),
    (errors.OverloadedError, 503),
    (errors.ServiceError, 503),
    (errors.PermissionDeniedError, 403),
    (errors.NotFoundError, 404),
    (errors.FunctionNotFoundError, 404),
    (errors.ConflictError, 409),
    (errors.ExecutionTimeout, 504),
    (errors.BuildTimeoutError, 504),
    (errors.ExecutionCancelled, 503),
    (errors.StorageError, 503),
    (errors.DigestMismatchError, 503),
    (errors.ToolchainError, 503),
    (errors.MissingExtraError, 503),
    (errors.ConfigError, 503),
    (errors.StageError, 422),
    (errors.PluginError, 422),
)
"""The first class that an error is of says its status; 422 is what a client's own module or arguments did."""

DEFECT: dict[str, Any] = {
    "type": f"{TYPE_PREFIX}defect",
    "title": "A defect of the service.",
    "status": 500,
    "detail": "the service failed unexpectedly; its log says more",
    "code": "defect",
    "hint": "Tell who runs the service when this was.",
}
"""The problem of an error that nobody foresaw."""

INSIDE = (errors.StorageError, errors.DigestMismatchError, errors.ConfigError, errors.ToolchainError)
"""What the service stands on, and no client's business: where its files and servers are."""
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s,;]*[^\s,;:.]")
_PATH = re.compile(r"(?<![\w/])(?:/[^\s/,;:]+){2,}/?")

_FACTS = ("case", "expected", "got", "kind", "passed", "tried", "cell", "final")


def status_of(error: errors.AkatsukiError) -> int:
    """The HTTP status of an error; 500 for one that nothing is known of."""
    return next((status for cls, status in _STATUS if isinstance(error, cls)), 500)


def problem(error: errors.AkatsukiError) -> dict[str, Any]:
    """The problem document of an error, JSON-able.

    What is wrong with the service itself is said without its paths and URLs; the log has them.
    """
    inside, detail = isinstance(error, INSIDE), " ".join(error.message.split())
    if inside:
        log.warning("a request failed: %s (%s)", error, error.hint)
    found: dict[str, Any] = {
        "type": TYPE_PREFIX + error.code,
        "title": _title(type(error)),
        "status": status_of(error),
        "detail": _short(_without_places(detail) if inside else detail),
        "code": error.code,
        "hint": "Ask who runs the service: its log says more." if inside else _short(error.hint),
    }
    found |= {name: getattr(error, name) for name in _FACTS if _is_plain(getattr(error, name, None))}
    diagnostics = getattr(error, "diagnostics", None) or getattr(error, "problems", None)
    if diagnostics:
        found["diagnostics"] = [vars(each) for each in diagnostics]
    if isinstance(error, errors.CheckError) and error.failures:
        found["failures"] = [vars(each) for each in error.failures]
    if isinstance(error, errors.GuestError) and error.value is not None:
        found["value"] = _json_value(error.value)
    if isinstance(error, errors.ServiceError) and error.retry_after is not None:
        found["retryAfter"] = error.retry_after
    return found


def headers_of(error: errors.AkatsukiError) -> Mapping[str, str]:
    """Headers that go with an error: what to authenticate with, when to ask again."""
    if isinstance(error, errors.AuthenticationError):
        return {"WWW-Authenticate": 'Bearer realm="akatsuki"'}
    retry_after = error.retry_after if isinstance(error, errors.ServiceError) else None
    if retry_after is None and status_of(error) == 503:
        retry_after = 1.0
    return {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}


def answer(error: errors.AkatsukiError) -> Response:
    """The response for an error."""
    document = json.dumps(problem(error), ensure_ascii=False, default=str)
    return Response(document.encode("utf-8", "replace"), status_of(error), headers_of(error), MEDIA_TYPE)


def defect(error: Exception) -> Response:
    """The response for an error that nobody foresaw: it is logged, and the client learns nothing of the inside."""
    log.error("a request failed unexpectedly", exc_info=error)
    return Response(json.dumps(DEFECT), 500, media_type=MEDIA_TYPE)


def _short(text: str) -> str:
    """An error may name what a client sent, which may be long."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _without_places(text: str) -> str:
    return _PATH.sub("…", _URL.sub("…", text))


def _title(cls: type[errors.AkatsukiError]) -> str:
    return (cls.__doc__ or cls.__name__).partition("\n")[0]


def _json_value(value: Any) -> Any:
    """A contract value whose type is not at hand as JSON: as `akatsuki_wasm.values.json` writes it."""
    match value:
        case wit.Case(name, payload):
            return name if payload is None else {name: _json_value(payload)}
        case bytes():
            return bytes_to_json(value)
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case frozenset():
            return sorted(value)
    if hasattr(value, "_fields"):  # a record
        return {name.removesuffix("_"): _json_value(each) for name, each in zip(value._fields, value, strict=True)}
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_json_value(each) for each in value] if isinstance(value, list | tuple) else value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value))
