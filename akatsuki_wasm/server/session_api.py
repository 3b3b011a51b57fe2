"""Who one is: ``/api/me``, and signing in with a browser: ``/?token=…`` and ``/api/session``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003 - pydantic reads the annotations

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, Field

from akatsuki_wasm import __version__
from akatsuki_wasm.errors import AkatsukiError, AuthenticationError
from akatsuki_wasm.html import render
from akatsuki_wasm.server import problems
from akatsuki_wasm.server.dependencies import Caller, TheService, caller_of, service_of
from akatsuki_wasm.server.openapi import describes
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.sessions import check_origin, drop_cookie, is_once, redeem, set_cookie
from akatsuki_wasm.server.token_reading import MAX_TOKEN

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.server.service import Service

router = Router(tags=["identity"])

_NOT_KEPT = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_PAGE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Me(BaseModel):
    """Who one is."""

    id: UUID = Field(examples=["6f1c2f0e-4f52-5d0b-9a55-0a6b7f6a1f0e"])
    name: str = Field(examples=["ada@example.org"])
    is_admin: bool = Field(serialization_alias="isAdmin")


class SignIn(BaseModel):
    """What one signs in with."""

    token: str = Field(max_length=MAX_TOKEN, description="A one-time token, or a bearer token.")


@router.get("/api/me", summary="Say who one is", openapi_extra=describes(403))
async def me(user: Caller) -> Me:
    """Says who one is."""
    return _me(user)


@router.post("/api/session", summary="Sign in with a browser", openapi_extra=describes(400, 401, 403, 503, public=True))
async def sign_in(request: Request, response: Response, service: TheService, body: SignIn) -> Me:
    """Opens a session of a browser: the answer sets its cookie.

    A one-time token is used up by it. With a bearer token the session ends when the token does.
    """
    check_origin(request, browser=False)
    user, session = await _open(service, body.token)
    set_cookie(request, response, session)
    response.headers.update(_NOT_KEPT)
    return _me(user)


@router.delete(
    "/api/session", summary="Sign out of a browser", status_code=204, openapi_extra=describes(403, public=True)
)
async def sign_out(request: Request) -> Response:
    """Ends the session of this browser."""
    check_origin(request, browser=False)
    response = Response(status_code=204, headers=_NOT_KEPT)
    drop_cookie(request, response)
    return response


@router.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    """Opens a session with ``?token=…``; else shows who one is."""
    token = request.query_params.get("token")
    try:
        if token is not None:
            return await _redirected(request, token)
        user = await caller_of(request)
    except AkatsukiError as exc:
        return _failed(request, exc)
    facts = {"service": "akatsuki_wasm", "version": __version__, "openapi": "/openapi.json"}
    if not _wants_html(request):
        return JSONResponse(facts | {"user": _me(user).model_dump(mode="json", by_alias=True)}, headers=_NOT_KEPT)
    return _shown(200, user=user, problem=None)


async def _redirected(request: Request, token: str) -> Response:
    """Off to the page without the token, so that it is not in the history or handed on as a referrer."""
    response = RedirectResponse("/", 303, headers=_NOT_KEPT)
    try:
        _, session = await _open(service_of(request), token)
    except AuthenticationError:
        await caller_of(request)  # a used token, but a session is open: the address was opened again
        return response
    set_cookie(request, response, session)
    return response


async def _open(service: Service, token: str) -> tuple[User, str]:
    """Whose token it is, and what the cookie is to hold."""
    if is_once(token):
        return await asyncio.to_thread(redeem, token, service.settings.data_dir)
    return await service.identity.user(token), token


def _me(user: User) -> Me:
    return Me(id=user.id, name=user.name, is_admin=user.is_admin)


def _failed(request: Request, error: AkatsukiError) -> Response:
    if not _wants_html(request):
        response = problems.answer(error)
        response.headers.update(_NOT_KEPT)
        return response
    return _shown(problems.status_of(error), user=None, problem=error)


def _shown(status: int, **values: Any) -> Response:
    text = render("service.html.j2", version=__version__, **values)
    return HTMLResponse(text, status, headers=_NOT_KEPT | _PAGE)


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
