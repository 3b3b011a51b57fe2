"""Endpoints for those who run the service: health, readiness, metrics, the cache of compiled modules."""

from __future__ import annotations

import ipaddress
import logging
from typing import Any

from fastapi import Request, Response

from akatsuki_wasm.errors import OverloadedError, StorageError
from akatsuki_wasm.server import metrics
from akatsuki_wasm.server.dependencies import Admin, TheService, admin_of
from akatsuki_wasm.server.levels import cache_document
from akatsuki_wasm.server.openapi import describes
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.schemas import CacheDocument, HealthDocument

log = logging.getLogger(__name__)
router = Router()

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get(
    "/healthz",
    operation_id="health",
    summary="Whether the process answers",
    tags=["service"],
    response_model=HealthDocument,
    openapi_extra=describes(public=True),
)
async def healthz() -> Any:
    """Answers as long as the process does; says nothing of what it stands on."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Whether requests can be served",
    tags=["service"],
    response_model=HealthDocument,
    openapi_extra=describes(503, public=True),
)
async def readyz(service: TheService) -> Any:
    """503 where the database or the blobs cannot be reached, and from when the service begins to stop."""
    if service.stopping:
        raise OverloadedError("the service is about to stop", hint="Ask another process.", retry_after=1)
    try:
        await service.readiness.insist()
    except StorageError as exc:
        # The log has the place; who asks may be anybody.
        log.warning("not ready: %s", exc)
        raise StorageError("the database or the storage of blobs cannot be reached", hint="The log says more.") from exc
    return {"status": "ok"}


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    tags=["service"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    openapi_extra=describes(403, optional=True),
)
async def prometheus(request: Request, service: TheService) -> Response:
    """Open to this machine, where no proxy stands between; to admins from elsewhere. No module and no user is named."""
    if not is_local(request):
        await admin_of(request)
    return Response(service.metrics.render(), media_type=metrics.CONTENT_TYPE)


def is_local(request: Request) -> bool:
    """Whether a program of this machine asks for itself, not a proxy for somebody else."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@router.get(
    "/api/cache",
    operation_id="getCache",
    summary="The compiled modules in memory",
    tags=["service"],
    response_model=CacheDocument,
    openapi_extra=describes(403),
)
async def cache(_: Admin) -> Any:
    """Figures of the process that answers, since it started."""
    return cache_document()
