"""The FastAPI application: its life, its routers, and how errors are answered."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from akatsuki_wasm.errors import AkatsukiError, NotFoundError, RequestError
from akatsuki_wasm.server import (
    design_api,
    executions_api,
    executor_api,
    health_api,
    modules_api,
    openapi,
    problems,
    session_api,
    upload_api,
)
from akatsuki_wasm.server.cors import CorsMiddleware
from akatsuki_wasm.server.metrics import CountingMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import APIRouter

    from akatsuki_wasm.server.service import Service


def _routers() -> list[APIRouter]:
    """All routers; each file of endpoints has one."""
    return [
        executor_api.router,
        design_api.router,
        modules_api.router,
        upload_api.router,
        executions_api.router,
        session_api.router,
        health_api.router,
        openapi.router,
    ]


def create_app(open_service: Callable[[], Service]) -> FastAPI:
    """Makes the application.

    Args:
        open_service: Opens the service; called when the application starts, once in each worker process.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = open_service()
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    # The pages that FastAPI ships for its documents load scripts from a CDN.
    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_middleware(CountingMiddleware, metrics=lambda: app.state.service.metrics)
    app.add_middleware(CorsMiddleware, origins=lambda: app.state.service.settings.cors_origins)
    for router in _routers():
        # Included routers would each look through their endpoints twice for every request.
        app.router.routes += router.routes
    app.add_exception_handler(AkatsukiError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _defect)
    return app


async def _failed(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, AkatsukiError)  # noqa: S101 - registered for that class
    return problems.answer(exc)


async def _invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - registered for that class
    first = exc.errors()[0]
    where = ".".join(str(each) for each in first["loc"]) or "the request"
    error = RequestError(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}", hint="See /openapi.json.")
    return problems.answer(error)


async def _refused(request: Request, exc: Exception) -> Response:
    """What the framework itself refuses: an unknown path, a method that a path does not have."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for that class
    if exc.status_code == 404:
        return problems.answer(NotFoundError(f"there is no {request.url.path[:200]}", hint="See /openapi.json."))
    what = str(exc.detail)
    if exc.status_code == 405:
        allowed = (exc.headers or {}).get("Allow", "another method")
        what = f"{request.method[:20]} is not for {request.url.path[:200]}: expected {allowed}"
    response = problems.answer(RequestError(what, hint="See /openapi.json."))
    if exc.status_code != 400:
        response.status_code = exc.status_code
    for name, value in (exc.headers or {}).items():
        response.headers[name] = value
    return response


async def _defect(request: Request, exc: Exception) -> Response:
    return problems.defect(exc)
