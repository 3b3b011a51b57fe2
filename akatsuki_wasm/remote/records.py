"""Executions and generations of a server as the rows that a registry of this machine gives, which nobody stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn
from uuid import UUID

from akatsuki_wasm.documents import parse_moment
from akatsuki_wasm.errors import ServerUnreachableError
from akatsuki_wasm.registry.models import Generation, WasmExecution, WasmModule

_OF_A_MODEL = {
    "reply": "reply",
    "model": "model",
    "api": "api",
    "parameters": "parameters",
    "templates": "templates",
    "key": "key",
    "replayed": "replayed",
    "tokens_in": "tokensIn",
    "tokens_out": "tokensOut",
    "model_seconds": "modelSeconds",
    "price": "price",
}
"""Facts of an attempt that are there only where a language model was asked."""


def execution_from_document(document: Mapping[str, Any]) -> WasmExecution:
    """An execution of the history.

    Raises:
        ServerUnreachableError: It is none.
    """
    try:
        module = document["module"]
        named = None if module["name"] is None else WasmModule(module_name=module["name"], version=module["version"])
        return WasmExecution(
            id=UUID(document["id"]),
            module_id=_id(module["id"]),
            module=named,
            executor_id=UUID(document["executorId"]),
            function_name=document["function"],
            input_summary=document["input"],
            output_summary=document["output"],
            execution_time_ms=document["executionTimeMs"],
            memory_used_bytes=document["memoryUsedBytes"],
            cache_hit=document["cacheHit"],
            status=document["status"],
            error_message=document["error"],
            executed_at=parse_moment(document["executedAt"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        _refuse("an execution", exc)


def generation_from_document(document: Mapping[str, Any], whole: Callable[[], Mapping[str, Any]]) -> Generation:
    """A generation; its attempts are asked for when they are looked at.

    Args:
        document: Of a list, or the whole.
        whole: Gives the document with all attempts.

    Raises:
        ServerUnreachableError: It is none.
    """
    rest = _Rest(whole)
    try:
        module = document["module"]
        return Generation(
            id=UUID(document["id"]),
            owner_id=UUID(document["ownerId"]),
            prompt=document["prompt"],
            generator=document["generator"],
            model=document["model"],
            source_name=module["name"],
            attempts=_Attempts(int(document["attemptCount"]), rest),
            request=_Request(rest),
            usage={},
            status=document["status"],
            error_message=document["error"],
            seconds=document["seconds"],
            created_at=parse_moment(document["createdAt"]),
            module_id=_id(module["id"]),
            module_version=module["version"],
            digest=document["digest"],
            tokens_in=document["tokensIn"],
            tokens_out=document["tokensOut"],
            price=document["price"],
            replayed=document["replayed"],
            parent_id=_id(document["parentId"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        _refuse("a generation", exc)


class _Rest:
    """What a list does not have of a generation, asked for once."""

    def __init__(self, whole: Callable[[], Mapping[str, Any]]) -> None:
        self._whole = whole

    @cached_property
    def document(self) -> Mapping[str, Any]:
        return self._whole()

    @cached_property
    def attempts(self) -> list[dict[str, Any]]:
        try:
            return [_attempt(each) for each in self.document["attempts"]]
        except (KeyError, TypeError, AttributeError) as exc:
            _refuse("a generation", exc)


class _Attempts(Sequence[dict[str, Any]]):
    """The attempts of a generation, of which at first only the number is known."""

    def __init__(self, count: int, rest: _Rest) -> None:
        self._count, self._rest = count, rest

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._rest.attempts[index]


class _Request(Mapping[str, Any]):
    """What was asked for beside the prompt."""

    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def __len__(self) -> int:
        return len(self._rest.document["request"])

    def __getitem__(self, key: str) -> Any:
        return self._rest.document["request"][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rest.document["request"])


def _attempt(document: Mapping[str, Any]) -> dict[str, Any]:
    """One attempt as `akatsuki_wasm.generation_facts` describes it, with all its messages."""
    facts: dict[str, Any] = {
        "number": document["number"],
        "failed_stage": document["failedStage"],
        **{name: document[name] for name in ("message", "diagnostics", "check", "report", "source", "diff", "seconds")},
        "cut": document["cut"],
    }
    if document["reply"] is not None:
        facts |= {"same": 0, "messages": document["messages"]}
        facts |= {name: document[key] for name, key in _OF_A_MODEL.items()}
    return facts


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _refuse(what: str, exc: Exception) -> NoReturn:
    raise ServerUnreachableError(
        f"the server's answer is no description of {what} ({type(exc).__name__}: {exc})",
        hint="Is the URL that of an akatsuki server, and of a version that fits?",
    ) from exc
