"""``POST /functions/v1/wasm-executor``: executes one function of one module.

The contract is that of the function ``wasm-executor`` which runs on Supabase: ``{moduleId, functionName, args,
timeoutMs?}`` answers ``{result, executionTimeMs, memoryUsedBytes, cacheHit, module}``. Images and columns need not be
text inside JSON: they may be the body, or parts of it, and the answer may be the image or the column alone.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from akatsuki_wasm.errors import AkatsukiError, RequestError
from akatsuki_wasm.execution import OnError
from akatsuki_wasm.server import arrow_bodies, problems
from akatsuki_wasm.server.bodies import Announced, announced, parse_object, read_body
from akatsuki_wasm.server.calls import Executed, ExecuteRequest
from akatsuki_wasm.server.dependencies import caller_of, service_of
from akatsuki_wasm.server.disconnects import RequestControl
from akatsuki_wasm.server.executor_document import OPERATION
from akatsuki_wasm.server.forms import read_form
from akatsuki_wasm.server.routing import Router

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import Receive, Scope, Send


class _Route(APIRoute):
    """Answers without what the framework does for endpoints that declare what they are given; this one reads it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)  # refuses it
            return
        response = await execute(Request(scope, receive, send))
        await response(scope, receive, send)


router = Router(route_class=_Route)

PATH = "/functions/v1/wasm-executor"
MAX_REQUEST_PART = 16 * 1024 * 1024
"""Bytes of the JSON beside the files of a multipart body."""
SMALL_BYTES = 4096
"""A request that is no larger takes no time to look over."""
GONE = 499
"""The status of an answer that nobody reads: the client went away. It is nginx's number for that."""
_FIELDS = frozenset({"moduleId", "functionName", "args", "timeoutMs"})
_QUERY = (*sorted(_FIELDS), "onError")
_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif", "image/qoi")
_HINT = 'Send {"moduleId": "…", "functionName": "…", "args": […]}.'


@router.post(PATH, response_model=None, openapi_extra=OPERATION, summary="Execute a function", tags=["executor"])
async def execute(request: Request) -> Response:
    """Executes one function of one module in a fresh sandbox, and records it in the history."""
    service = service_of(request)
    user = await caller_of(request)
    executions, limit = service.executions, service.settings.max_body_bytes
    executions.check_rate(user)
    told = announced(request, limit)
    try:
        with executions.bodies.holding(user, told.size), RequestControl(request) as control:
            wanted = await _read(request, told, limit)
            executed = await executions.execute(user, wanted, control)
    except ClientDisconnect:
        return Response(status_code=GONE)
    return _answer(executed)


def _answer(executed: Executed) -> Response:
    error = executed.error
    if error is not None:
        response = problems.answer(error) if isinstance(error, AkatsukiError) else problems.defect(error)
        if executed.id is not None:
            response.headers["Akatsuki-Execution-Id"] = str(executed.id)
        return response
    result = executed.result
    assert result is not None  # noqa: S101 - what did not fail has one
    response = Response(executed.body, media_type=executed.media_type)
    # All of them are ASCII and written here, so they need not go through what makes headers of any text.
    response.raw_headers += (
        (b"akatsuki-execution-id", str(executed.id).encode()),
        (b"akatsuki-execution-time-ms", b"%.3f" % result.execution_time_ms),
        (b"akatsuki-memory-used-bytes", b"%d" % result.memory_used_bytes),
        (b"akatsuki-cache-hit", b"true" if result.cache_hit else b"false"),
        (b"akatsuki-module-id", str(executed.stored.id).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    )
    return response


# ---------------------------------------------------------------- the request


async def _read(request: Request, told: Announced, limit: int) -> ExecuteRequest:
    """What the client asks for.

    Raises:
        RequestError: The request is malformed.
        ClientDisconnect: The client went away.
    """
    kind, _, accept = told
    if kind in ("application/json", ""):
        body = await read_body(request, limit)
        return _request(parse_object(body), accept, small=len(body) <= SMALL_BYTES)
    if kind == "multipart/form-data":
        return await _read_form(request, accept, limit)
    if kind == arrow_bodies.MEDIA_TYPE:
        fields, on_error = _query(request)
        return _request(fields, accept, columns=await read_body(request, limit), on_error=on_error)
    if kind in _IMAGES:
        fields, _ = _query(request)
        return _request(fields, accept, files={"": await read_body(request, limit)})
    raise RequestError(
        f"the body is {kind[:80]!r}: expected application/json, multipart/form-data, an image or an Arrow stream",
        hint=_HINT,
    )


async def _read_form(request: Request, accept: str, limit: int) -> ExecuteRequest:
    parts = await read_form(request, _Parts(limit), total=limit)
    document = parts.pop("request", None)
    if document is None:
        raise RequestError("the form has no part 'request'", hint=f"{_HINT[:-1]} as that part, and images beside it.")
    return _request(parse_object(document, "the part 'request'"), accept, files=parts)


class _Parts(dict[str, int]):
    """Sizes of a form's parts: the JSON, and files under any name, as the parameters are not known yet."""

    def __init__(self, limit: int) -> None:
        super().__init__(request=min(MAX_REQUEST_PART, limit))
        self._limit = limit

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and 0 < len(name) <= 100

    def __missing__(self, name: str) -> int:
        return self._limit

    def __iter__(self) -> Iterator[str]:
        return iter(("request", "an image for each parameter"))


def _query(request: Request) -> tuple[dict[str, Any], OnError]:
    """The fields of the contract from the query, where the body is something else."""
    pairs = request.query_params.multi_items()
    found: dict[str, Any] = dict(pairs)
    if len(found) != len(pairs):
        raise RequestError("a parameter of the query is there twice", hint="Send each once.")
    unknown = sorted(found.keys() - {*_QUERY})
    if unknown:
        raise RequestError(f"there is no parameter {unknown[0][:80]!r}", hint=f"There are {', '.join(_QUERY)}.")
    on_error = found.pop("onError", "raise")
    if on_error not in get_args(OnError):
        raise RequestError(
            f"onError is {on_error[:80]!r}: expected {', '.join(get_args(OnError))}", hint="Leave it out."
        )
    if "args" in found:
        found["args"] = parse_object(b'{"args":%b}' % found["args"].encode(), "the parameter 'args'")["args"]
    if "timeoutMs" in found:
        text = found["timeoutMs"]
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise RequestError(f"timeoutMs is {text[:80]!r}: expected a whole number", hint="Leave it out.")
        found["timeoutMs"] = int(text)
    return found, on_error


def _request(fields: Mapping[str, Any], accept: str, **more: Any) -> ExecuteRequest:
    """The fields of the contract, checked.

    Raises:
        RequestError: One is missing, unknown or of the wrong type.
    """
    if not fields.keys() <= _FIELDS:
        unknown = sorted(fields.keys() - _FIELDS)
        raise RequestError(f"there is no field {unknown[0][:80]!r}", hint=f"There are {', '.join(sorted(_FIELDS))}.")
    module, function = fields.get("moduleId"), fields.get("functionName")
    args, timeout_ms = fields.get("args", ()), fields.get("timeoutMs")
    if not isinstance(module, str) or not isinstance(function, str):
        name = "functionName" if isinstance(module, str) else "moduleId"
        what = f"{name} is {_short(fields[name])}: expected text" if name in fields else f"there is no {name}"
        raise RequestError(what, hint=_HINT)
    if not isinstance(args, list | dict | tuple):
        raise RequestError(f"args is {_short(args)}: expected an array, or an object by name", hint=_HINT)
    if timeout_ms is not None and (isinstance(timeout_ms, bool) or not isinstance(timeout_ms, int)):
        raise RequestError(f"timeoutMs is {_short(timeout_ms)}: expected a whole number", hint="Leave it out.")
    try:
        module_id = _uuid(module) if len(module) == 36 else UUID(module)
    except ValueError as exc:
        raise RequestError(f"moduleId is {module[:80]!r}: expected a UUID", hint=_HINT) from exc
    return ExecuteRequest(module_id, function, args, timeout_ms, accept=accept, **more)


_uuid = lru_cache(maxsize=4096)(UUID)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
