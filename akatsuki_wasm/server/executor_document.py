"""What /openapi.json says of the executor, whose bodies are read by hand."""

from __future__ import annotations

from typing import Any

from akatsuki_wasm.server import arrow_bodies
from akatsuki_wasm.server.openapi import describes

_EXAMPLE = {
    "moduleId": "6f1e3c5a-8a3e-4f0e-9b43-0f8c6c1d2e7a",
    "functionName": "margin",
    "args": [80, 60],
    "timeoutMs": 1000,
}
_ANSWER = {
    "result": 0.25,
    "executionTimeMs": 0.004,
    "memoryUsedBytes": 1114112,
    "cacheHit": True,
    "module": {
        "id": "6f1e3c5a-8a3e-4f0e-9b43-0f8c6c1d2e7a",
        "name": "pricing",
        "version": "1.0.0",
        "ownerType": "user",
    },
}
_REQUEST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["moduleId", "functionName"],
    "properties": {
        "moduleId": {"type": "string", "format": "uuid"},
        "functionName": {"type": "string"},
        "args": {
            "description": "Values of the parameters, in order or by name. Images are data URLs, integers of 64 bits "
            "may be texts, lists of numbers may be base64 of their values, little-endian.",
            "oneOf": [{"type": "array"}, {"type": "object"}],
        },
        "timeoutMs": {
            "type": ["integer", "null"],
            "minimum": 100,
            "maximum": 30000,
            "description": "The module's own where it is left out; never more than the module's maximum.",
        },
    },
}
_RESULT = {
    "type": "object",
    "required": ["result", "executionTimeMs", "memoryUsedBytes", "cacheHit", "module"],
    "properties": {
        "result": {"description": "By the function's type."},
        "errors": {
            "type": "array",
            "description": "Of a batch with onError=collect.",
            "items": {
                "type": "object",
                "required": ["row", "message"],
                "properties": {"row": {"type": "integer", "minimum": 0}, "message": {"type": "string"}},
            },
        },
        "executionTimeMs": {"type": "number", "minimum": 0},
        "memoryUsedBytes": {"type": "integer", "minimum": 0},
        "cacheHit": {"type": "boolean"},
        "module": {
            "type": "object",
            "required": ["id", "name", "version", "ownerType"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "name": {"type": "string"},
                "version": {"type": "string"},
                "ownerType": {"enum": ["system", "admin", "user"]},
            },
        },
    },
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[str, Any] = {
    "application/json": {"schema": _REQUEST, "example": _EXAMPLE},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["request"],
            "properties": {"request": _REQUEST},
            "additionalProperties": {"type": "string", "format": "binary"},
        }
    },
    "image/png": _BINARY,
    "image/jpeg": _BINARY,
    "image/webp": _BINARY,
    arrow_bodies.MEDIA_TYPE: _BINARY,
}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_BESIDE = "Where the body is an image or an Arrow stream: "
_described = describes(403, 404, 413, 422, 504, body=_CONTENT)
OPERATION: dict[str, Any] = _described | {
    "parameters": [
        *_described.get("parameters", []),
        _query("moduleId", {"type": "string", "format": "uuid"}, f"{_BESIDE}the module."),
        _query("functionName", {"type": "string"}, f"{_BESIDE}the function."),
        _query("args", {"type": "string"}, f"{_BESIDE}the other parameters, as JSON."),
        _query("timeoutMs", {"type": "integer", "minimum": 100, "maximum": 30000}, f"{_BESIDE}the time limit."),
        _query("onError", {"enum": ["raise", "null", "collect"]}, "What becomes of rows of a batch that fail."),
    ],
    "responses": {
        "200": {
            "description": "The result, as JSON; as an image or an Arrow stream where Accept asks for that.",
            "headers": {"Akatsuki-Execution-Id": {"schema": {"type": "string", "format": "uuid"}}},
            "content": {
                "application/json": {"schema": _RESULT, "example": _ANSWER},
                "image/png": _BINARY,
                "image/jpeg": _BINARY,
                "image/webp": _BINARY,
                arrow_bodies.MEDIA_TYPE: _BINARY,
            },
        }
    },
}
"""For ``openapi_extra``."""
