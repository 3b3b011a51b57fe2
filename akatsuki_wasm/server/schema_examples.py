"""Documents as the API answers them, for /openapi.json."""

from __future__ import annotations

from typing import Any

_MODULE_ID = "9d1a3c52-1f0e-4c7a-8a5d-2f6f0a9c7e11"
_OWNER_ID = "0be99895-ca87-520e-99db-c08ce88ad720"
_DIGEST = "c3ab042a88a40eb899676fdd9bc831d491f47bd913d674b7b85fb08744401f91"

PROBLEM: dict[str, Any] = {
    "type": "urn:akatsuki-wasm:error:not-found",
    "title": "What was named does not exist, or the acting user may not know that it does.",
    "status": 404,
    "detail": f"there is no module with the id {_MODULE_ID}",
    "code": "not-found",
    "hint": "`akatsuki modules list` shows the modules that you may use.",
}

MODULE: dict[str, Any] = {
    "id": _MODULE_ID,
    "name": "pricing",
    "version": "1.0.0",
    "digest": _DIGEST,
    "description": "Prices and margins.",
    "functions": [
        {
            "name": "margin",
            "signature": "margin: func(price: f64, cost: f64) -> f64",
            "description": "The margin of a price.",
            "batch": True,
            "parameters": [
                {
                    "name": name,
                    "type": "f64",
                    "description": text,
                    "minimum": 0.0,
                    "maximum": None,
                    "required": True,
                }
                for name, text in (("price", "What is paid."), ("cost", "What it costs."))
            ],
            "result": "f64",
        }
    ],
    "ownerType": "user",
    "ownerId": _OWNER_ID,
    "status": "active",
    "allowedUsers": [],
    "size": 1834,
    "timeoutMs": 5000,
    "createdAt": "2026-01-31T12:00:00.000000Z",
    "updatedAt": "2026-01-31T12:00:00.000000Z",
    "isPublic": False,
    "maxExecutionTimeMs": 30000,
    "maxMemoryPages": 4096,
    "manifest": {"abi": 1, "kind": "akatsuki", "description": "", "build": {}, "records": [], "functions": []},
    "provenance": {"prompt": "a function margin(price, cost) = (price - cost) / price", "generator": "offline"},
    "metadata": {"team": "sales"},
}

EXECUTION: dict[str, Any] = {
    "id": "5b0c8a0e-6d3f-4b1e-9b57-0f6f2a1f7d11",
    "module": {"id": _MODULE_ID, "name": "pricing", "version": "1.0.0"},
    "function": "margin",
    "status": "success",
    "input": "price=80.0, cost=60.0",
    "output": "0.25",
    "error": None,
    "executionTimeMs": 0.021,
    "memoryUsedBytes": 131072,
    "cacheHit": True,
    "executorId": _OWNER_ID,
    "executedAt": "2026-01-31T12:00:05Z",
}

STATS: dict[str, Any] = {
    "count": 40,
    "byStatus": {"success": 38, "error": 1, "timeout": 1},
    "errors": {"guest-trap": 1, "timeout": 1},
    "successRate": 0.95,
    "p50Ms": 0.02,
    "p95Ms": 0.05,
}

GENERATION: dict[str, Any] = {
    "id": "1f3a9c02-9c55-4f0e-8a0b-6f6e5d4c3b2a",
    "prompt": "a function margin(price, cost) = (price - cost) / price",
    "generator": "offline",
    "model": None,
    "status": "success",
    "error": None,
    "module": {"id": _MODULE_ID, "name": "pricing", "version": "1.0.0"},
    "digest": _DIGEST,
    "attemptCount": 1,
    "tokensIn": None,
    "tokensOut": None,
    "price": None,
    "replayed": False,
    "seconds": 1.2,
    "parentId": None,
    "ownerId": _OWNER_ID,
    "createdAt": "2026-01-31T12:00:00Z",
}

CACHE: dict[str, Any] = {
    "process": 4242,
    "hits": 990,
    "misses": 10,
    "evictions": 0,
    "modules": 10,
    "capacity": 20,
    "bytes": 1200000,
    "hitRate": 0.99,
}

EXAMPLES = {
    "Problem": PROBLEM,
    "ModuleDocument": MODULE,
    "ModulePage": {"items": [MODULE], "nextCursor": None},
    "ExecutionDocument": EXECUTION,
    "ExecutionPage": {"items": [EXECUTION], "nextCursor": "WyIzZjBjNGE1MjdjMmU0YjBlIl0"},
    "StatsDocument": STATS,
    "GenerationDocument": GENERATION,
    "GenerationPage": {"items": [GENERATION], "nextCursor": None},
    "CacheDocument": CACHE,
}
"""By the name of the schema."""
