"""What endpoints are given: the service, and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import AuthenticationError, PermissionDeniedError
from akatsuki_wasm.server.service import Service
from akatsuki_wasm.server.sessions import user_of_cookie


def service_of(request: Request) -> Service:
    """The service of the process that answers."""
    service: Service = request.app.state.service
    return service


async def caller_of(request: Request) -> User:
    """Who asks, by the bearer token or else the session of a browser.

    What was good a moment ago costs a look into a dictionary.

    Raises:
        AuthenticationError: There is no token, or one that is not accepted.
        PermissionDeniedError: A session was sent, maybe by another site's page.
        ServiceError: The keys to check it with cannot be had.
    """
    identity = service_of(request).identity
    found: bytes | None = None
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            if found is not None:
                raise AuthenticationError("the request has two Authorization headers", hint="Send one.")
            found = value
    if found is None:
        return await user_of_cookie(request, identity)
    return identity.remembered(found) or await identity.user_of_header(found)


async def admin_of(request: Request) -> User:
    """Who asks, where it is an admin.

    Raises:
        AuthenticationError: There is no token, or one that is not accepted.
        PermissionDeniedError: It is no admin.
        ServiceError: The keys to check it with cannot be had.
    """
    user = await caller_of(request)
    if not user.is_admin:
        raise PermissionDeniedError("this is for admins", hint="Ask an admin.")
    return user


# All are `async def`: those are called on the event loop; FastAPI sends others to a thread, which costs more than they
# do.
async def _service(request: Request) -> Service:
    return service_of(request)


TheService = Annotated[Service, Depends(_service)]
Caller = Annotated[User, Depends(caller_of)]
Admin = Annotated[User, Depends(admin_of)]


async def within_rate(service: TheService, user: Caller) -> None:
    """Counts one request of a user.

    Raises:
        QuotaError: They are too many in too short a time.
    """
    service.admission.check_rate(user)
