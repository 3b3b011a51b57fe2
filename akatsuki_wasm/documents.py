"""The JSON documents of modules, executions and generations: one shape for ``--json``, the API and a client of it.

Keys are camelCase, times ISO 8601 in UTC, ids UUIDs as text. ``docs/reference/json.md`` describes them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import StoredModule
from akatsuki_wasm.errors import AkatsukiError, ServerUnreachableError
from akatsuki_wasm.generation_facts import asked
from akatsuki_wasm.module_functions import function_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.executions import ExecutionStats
    from akatsuki_wasm.registry.models import Generation, WasmExecution


def moment(when: datetime | None, *, exact: bool = False) -> str:
    """ISO 8601 in UTC, to the second: ``2026-01-31T12:00:00Z``; empty for None.

    Args:
        when: A naive one is taken as UTC.
        exact: To the microsecond, so that `parse_moment` gives the same time again.
    """
    if when is None:
        return ""
    aware = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat(timespec="microseconds" if exact else "seconds") + "Z"


def parse_moment(text: str) -> datetime:
    """The time that `moment` wrote.

    Raises:
        ValueError: It is none.
    """
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


# ---------------------------------------------------------------- modules


def module_document(stored: StoredModule, *, full: bool = False, viewer: User | None = None) -> dict[str, Any]:
    """A stored module.

    Args:
        stored: As its row says.
        full: With all that `module_from_document` needs, as the API answers; else what ``--json`` prints.
        viewer: Who reads it. With whom a module is shared is told to its owner and to admins alone; another user
            learns only whether it is shared with himself. None for who may see everything.
    """
    document: dict[str, Any] = {
        "id": str(stored.id),
        "name": stored.name,
        "version": stored.version,
        "digest": stored.digest,
        "description": stored.description,
        "functions": [function_facts(function) for function in stored.manifest.functions],
        "ownerType": stored.owner_type,
        "ownerId": str(stored.owner_id),
        "status": stored.status,
        "public": stored.is_public,
        "allowedUsers": [str(user) for user in _shown_users(stored, viewer)],
        "size": stored.size,
        "timeoutMs": stored.timeout_ms,
        "createdAt": moment(stored.created_at, exact=full),
        "updatedAt": moment(stored.updated_at, exact=full),
    }
    if full:
        document["isPublic"] = document.pop("public")
        document["maxExecutionTimeMs"] = stored.max_execution_time_ms
        document["maxMemoryPages"] = stored.max_memory_pages
        document["manifest"] = json.loads(manifests.dump(stored.manifest))
        document["provenance"] = dict(stored.provenance)
        document["metadata"] = dict(stored.metadata)
    return document


def _shown_users(stored: StoredModule, viewer: User | None) -> tuple[UUID, ...]:
    if viewer is None or viewer.is_admin or viewer.id == stored.owner_id:
        return stored.allowed_users
    return tuple(user for user in stored.allowed_users if user == viewer.id)


def module_from_document(document: Mapping[str, Any]) -> StoredModule:
    """The module that `module_document` wrote with ``full``.

    Raises:
        ServerUnreachableError: It is no such document: what answered is not this service, or a newer one.
    """
    try:
        return StoredModule(
            id=UUID(document["id"]),
            name=str(document["name"]),
            version=str(document["version"]),
            digest=str(document["digest"]),
            owner_id=UUID(document["ownerId"]),
            owner_type=document["ownerType"],
            status=document["status"],
            description=str(document["description"]),
            manifest=manifests.load(json.dumps(document["manifest"]).encode()),
            provenance=dict(document["provenance"]),
            size=int(document["size"]),
            is_public=bool(document["isPublic"]),
            allowed_users=tuple(map(UUID, document["allowedUsers"])),
            timeout_ms=int(document["timeoutMs"]),
            max_execution_time_ms=int(document["maxExecutionTimeMs"]),
            max_memory_pages=int(document["maxMemoryPages"]),
            created_at=parse_moment(document["createdAt"]),
            updated_at=parse_moment(document["updatedAt"]),
            metadata=dict(document["metadata"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError, AkatsukiError) as exc:
        raise ServerUnreachableError(
            f"the answer is no description of a module ({type(exc).__name__}: {exc})",
            hint="Is the URL that of an akatsuki server, and of a version that fits?",
        ) from exc


# ---------------------------------------------------------------- executions


def execution_document(row: WasmExecution) -> dict[str, Any]:
    """One execution of the history."""
    return {
        "id": str(row.id),
        "module": {
            "id": None if row.module_id is None else str(row.module_id),
            "name": row.module_name,
            "version": row.module_version,
        },
        "function": row.function_name,
        "status": row.status,
        "input": row.input_summary,
        "output": row.output_summary,
        "error": row.error_message,
        "executionTimeMs": row.execution_time_ms,
        "memoryUsedBytes": row.memory_used_bytes,
        "cacheHit": row.cache_hit,
        "executorId": str(row.executor_id),
        "executedAt": moment(row.executed_at),
    }


def stats_document(stats: ExecutionStats) -> dict[str, Any]:
    """Figures of a module's executions."""
    return {
        "count": stats.count,
        "byStatus": dict(stats.by_status),
        "errors": dict(stats.errors),
        "successRate": stats.success_rate,
        "p50Ms": stats.p50_ms,
        "p95Ms": stats.p95_ms,
    }


# ---------------------------------------------------------------- generations


def generation_document(row: Generation) -> dict[str, Any]:
    """A generation without its attempts."""
    return {
        "id": str(row.id),
        "prompt": row.prompt,
        "generator": row.generator,
        "model": row.model,
        "status": row.status,
        "error": row.error_message,
        "module": {
            "id": None if row.module_id is None else str(row.module_id),
            "name": row.source_name,
            "version": row.module_version,
        },
        "digest": row.digest,
        "attemptCount": len(row.attempts),
        "tokensIn": row.tokens_in,
        "tokensOut": row.tokens_out,
        "price": row.price,
        "replayed": row.replayed,
        "seconds": row.seconds,
        "parentId": None if row.parent_id is None else str(row.parent_id),
        "ownerId": str(row.owner_id),
        "createdAt": moment(row.created_at),
    }


def attempt_document(row: Generation, attempt: Mapping[str, Any]) -> dict[str, Any]:
    """One attempt of a generation, with all messages.

    Args:
        row: The generation.
        attempt: One of its attempts, with its ``number``.
    """
    return {
        "number": attempt["number"],
        "failedStage": attempt.get("failed_stage"),
        "message": attempt.get("message", ""),
        "diagnostics": attempt.get("diagnostics", []),
        "check": attempt.get("check"),
        "report": attempt.get("report"),
        "source": attempt.get("source"),
        "diff": attempt.get("diff", ""),
        "seconds": attempt.get("seconds"),
        "messages": asked(row.attempts, attempt["number"]),
        "reply": attempt.get("reply"),
        "model": attempt.get("model"),
        "api": attempt.get("api"),
        "parameters": attempt.get("parameters", {}),
        "templates": attempt.get("templates", {}),
        "key": attempt.get("key"),
        "replayed": attempt.get("replayed", False),
        "tokensIn": attempt.get("tokens_in"),
        "tokensOut": attempt.get("tokens_out"),
        "modelSeconds": attempt.get("model_seconds"),
        "price": attempt.get("price"),
        "cut": attempt.get("cut", {}),
    }


def whole_generation_document(row: Generation) -> dict[str, Any]:
    """A generation with what was asked for and all attempts."""
    return {
        **generation_document(row),
        "request": row.request,
        "attempts": [attempt_document(row, {"number": number, **each}) for number, each in enumerate(row.attempts, 1)],
    }
