"""One execution as one request: the call's values there, its value and what it cost back.

A call of numbers and texts is JSON. An image travels as it is, as PNG: the only one as the whole body, several as the
parts of a form. A result that is an image comes back as PNG.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import ExecutionResult
from akatsuki_wasm.errors import GuestError, ServerUnreachableError
from akatsuki_wasm.remote.client import object_of
from akatsuki_wasm.remote.wire import argument_to_json, image_from_png, png_of, value_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import httpx

    from akatsuki_wasm.contracts import Call, Function

EXECUTOR = "/functions/v1/wasm-executor"
MAX_QUERY = 2_000
"""Characters of values that may stand in an URL; servers and proxies refuse long ones."""
PNG = "image/png"


def call_request(module_id: UUID, function: Function, call: Call, timeout_ms: int) -> dict[str, Any]:
    """What `httpx.Client.request` needs for a call.

    Raises:
        ArgumentError: A value does not fit its parameter.
    """
    pairs = list(zip(function.params, call.args, strict=True))
    files = {param.name: png_of(value) for param, value in pairs if value is not None and _is_image(param.type)}
    args = {param.name: argument_to_json(function, param, value) for param, value in pairs if param.name not in files}
    head = {"moduleId": str(module_id), "functionName": function.name, "timeoutMs": timeout_ms}
    headers = {"Accept": PNG if plain_result(function) == wit.IMAGE else "application/json"}
    if not files:
        return {"json": {**head, "args": args}, "headers": headers}
    first = next(param.name for param in function.params if _is_image(param.type))
    query = json.dumps(args, ensure_ascii=False)
    if list(files) == [first] and len(query) <= MAX_QUERY:
        params = {**head, "args": query}
        return {"params": params, "content": files[first], "headers": {**headers, "Content-Type": PNG}}
    request = json.dumps({**head, "args": args}).encode()
    parts: dict[str, Any] = {"request": (None, request, "application/json")}
    parts |= {name: (f"{name}.png", data, PNG) for name, data in files.items()}
    return {"files": parts, "headers": headers}


def _is_image(type_: wit.Type) -> bool:
    return type_ in (wit.IMAGE, wit.Option(wit.IMAGE))


def plain_result(function: Function) -> wit.Type | None:
    """What a function gives where it succeeds."""
    return function.result.ok if isinstance(function.result, wit.Result) else function.result


def call_result(function: Function, response: httpx.Response, began: float) -> ExecutionResult:
    """The value and what it cost.

    Args:
        function: That was executed.
        response: The server's answer.
        began: When it was asked, by `time.perf_counter`.

    Raises:
        ServerUnreachableError: It is no answer of this service.
    """
    if response.headers.get("content-type") == PNG:
        return with_cost(image_from_png(response.content), cost_headers(response), began)
    document = object_of(response)
    if "result" not in document:
        raise ServerUnreachableError(
            "the server's answer has no result", hint="Is the URL that of an akatsuki server, and of a fitting version?"
        )
    return with_cost(value_from_json(plain_result(function), document["result"]), document, began)


def cost_headers(response: httpx.Response) -> Mapping[str, Any]:
    """What an execution cost, from the headers of an answer that is a bare value."""
    headers = response.headers
    try:
        return {
            "executionTimeMs": float(headers.get("akatsuki-execution-time-ms", 0)),
            "memoryUsedBytes": int(headers.get("akatsuki-memory-used-bytes", 0)),
            "cacheHit": headers.get("akatsuki-cache-hit", "").lower() == "true",
        }
    except ValueError:
        return {}


def with_cost(value: Any, cost: Mapping[str, Any], began: float) -> ExecutionResult:
    """A result; its whole time is the client's, the way there and back included."""
    return ExecutionResult(
        value,
        execution_time_ms=float(cost.get("executionTimeMs") or 0.0),
        memory_used_bytes=int(cost.get("memoryUsedBytes") or 0),
        cache_hit=bool(cost.get("cacheHit")),
        total_time_ms=(time.perf_counter() - began) * 1e3,
    )


def typed(function: Function, error: GuestError) -> GuestError:
    """The function's own error with the contract value that it gave, where that is no text."""
    kind = function.result.err if isinstance(function.result, wit.Result) else None
    if kind is not None and error.value is not None:
        error.value = value_from_json(kind, error.value)
    return error
