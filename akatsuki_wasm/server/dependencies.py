"""What endpoints are given: the service, and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import AuthenticationError, PermissionDeniedError
from akatsuki_wasm.server.service import Service


def service_of(request: Request) -> Service:
    """The service of the process that answers."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> User:
    """Who asks, by the bearer token.

    Raises:
        AuthenticationError: There is no token, or one that is not accepted.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthenticationError("the request has no bearer token", hint="Send it: Authorization: Bearer …")
    return service_of(request).identity.user(token.strip())


def admin_of(request: Request) -> User:
    """Who asks, where it is an admin.

    Raises:
        AuthenticationError: There is no token, or one that is not accepted.
        PermissionDeniedError: It is no admin.
    """
    user = caller_of(request)
    if not user.is_admin:
        raise PermissionDeniedError("this is for admins", hint="Ask an admin.")
    return user


# What is `async def` is called on the event loop; FastAPI sends the others to a thread, which costs more than they do.
async def _service(request: Request) -> Service:
    return service_of(request)


async def _caller(request: Request) -> User:
    return caller_of(request)


async def _admin(request: Request) -> User:
    return admin_of(request)


TheService = Annotated[Service, Depends(_service)]
Caller = Annotated[User, Depends(_caller)]
Admin = Annotated[User, Depends(_admin)]
