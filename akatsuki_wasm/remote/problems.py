"""Problem documents (RFC 9457) of a server as the errors that they were there: the same class with the same facts.

`akatsuki_wasm.server.problems` writes them. What is not kept of an error: the conversation with a language model
(``exchange``) and the sources of attempts, which the generation's record has.
"""

from __future__ import annotations

import inspect
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import errors
from akatsuki_wasm.contracts import Diagnostic, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

MAX_PROBLEM_BYTES = 1 << 20
"""Of an answer that is read to learn what is wrong."""
_SHOWN = 120
_UNKNOWN_HINT = "The server may be of a newer version than this client."


@cache
def error_classes() -> Mapping[str, type[errors.AkatsukiError]]:
    """Every class of the tree by its code."""
    found: dict[str, type[errors.AkatsukiError]] = {}
    waiting: list[type[errors.AkatsukiError]] = [errors.AkatsukiError]
    while waiting:
        cls = waiting.pop()
        # Only those that everybody has: a plugin's own class is not what another program's code means.
        if cls.__module__ == errors.__name__:
            found.setdefault(cls.code, cls)
        waiting += cls.__subclasses__()
    return found


def error_from_document(document: Mapping[str, Any]) -> errors.AkatsukiError:
    """The error that a problem document tells of; a `ServiceError` for a code that is not known here."""
    message = errors.one_line(str(document.get("detail") or document.get("title") or "the server gave no reason"))
    hint = str(document.get("hint") or "")
    cls = error_classes().get(str(document.get("code")))
    if cls is None:
        return errors.ServiceError(message, hint=hint or _UNKNOWN_HINT, retry_after=_retry_after(document))
    return cls(message, hint=hint, **_facts(cls, document))


def _facts(cls: type[errors.AkatsukiError], document: Mapping[str, Any]) -> dict[str, Any]:
    """What else the class is made of, as far as the document has it; a required text that is missing is empty."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in ("message", "hint"):
            continue
        read = _READERS.get(name)
        value = None if read is None else read(document)
        if value is not None:
            found[name] = value
        elif parameter.default is inspect.Parameter.empty:
            found[name] = ""
    return found


def _text(name: str) -> Any:
    def read(document: Mapping[str, Any]) -> str | None:
        value = document.get(name)
        return value if isinstance(value, str) else None

    return read


def _count(name: str) -> Any:
    def read(document: Mapping[str, Any]) -> int | None:
        value = document.get(name)
        return value if isinstance(value, int) else None

    return read


def _objects(name: str, cls: type[Any]) -> Any:
    """Reads a list of objects as dataclasses; fields that are not known here are left out."""
    known = set(cls.__dataclass_fields__)

    def read(document: Mapping[str, Any]) -> tuple[Any, ...] | None:
        values = document.get(name)
        if not isinstance(values, list):
            return None
        try:
            return tuple(cls(**{key: value for key, value in each.items() if key in known}) for each in values)
        except (AttributeError, TypeError):  # no objects, or they lack something
            return None

    return read


def _retry_after(document: Mapping[str, Any]) -> float | None:
    value = document.get("retryAfter")
    return float(value) if isinstance(value, int | float) else None


_READERS: dict[str, Any] = {
    **{name: _text(name) for name in ("case", "expected", "got", "kind")},
    **{name: _count(name) for name in ("passed", "tried", "cell", "final")},
    "value": lambda document: document.get("value"),
    "diagnostics": _objects("diagnostics", Diagnostic),
    "problems": _objects("diagnostics", Diagnostic),
    "failures": _objects("failures", Failure),
    "retry_after": _retry_after,
}
"""How the arguments of the classes are read from a document."""


def error_from_response(response: httpx.Response) -> errors.AkatsukiError:
    """The error of an answer that is no success; its body was read.

    Returns:
        The error that the problem document tells of. A `ServerUnreachableError` where there is none: a proxy or
        another program answered.
    """
    content = response.content[:MAX_PROBLEM_BYTES]
    if _media_type(response) == "application/problem+json":
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if isinstance(document, dict) and "code" in document:
            return error_from_document(document)
    return stranger(response)


def stranger(response: httpx.Response) -> errors.ServerUnreachableError:
    """The error for an answer that no service of this program gave."""
    place = f"{response.url.scheme}://{response.url.netloc.decode('ascii', 'replace')}"
    kind = _media_type(response) or "no media type"
    words = " ".join(response.content[:MAX_PROBLEM_BYTES].decode("utf-8", "replace").split())
    begin = errors.one_line(words[:_SHOWN])
    text = f", which begins: {begin}" if begin else ""
    if response.is_redirect:
        target = errors.one_line(response.headers.get("location", "")[:_SHOWN])
        return errors.ServerUnreachableError(
            f"{place} sends to another address ({response.status_code}, {target}): expected an akatsuki server",
            hint="Give the address that it names, if you trust it.",
        )
    return errors.ServerUnreachableError(
        f"{place} answered {response.status_code} with {kind}{text}: expected an akatsuki server",
        hint="Is the URL that of an akatsuki server, and is it running behind its proxy?",
    )


def _media_type(response: httpx.Response) -> str:
    found: str = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return errors.one_line(found[:_SHOWN]) if found else ""
