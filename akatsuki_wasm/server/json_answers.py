"""Answers of endpoints: JSON that is written once, and work that blocks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Response
from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


def to_json(document: Any) -> bytes:
    """A document as it is sent."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. It is somebody's own: no cache keeps it."""
    return Response(to_json(document), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


async def on_thread(work: Callable[[], T]) -> T:
    """Does what blocks on one of the framework's threads."""
    return await run_in_threadpool(work)
