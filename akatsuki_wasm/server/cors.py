"""Cross-origin requests: pages of origins that the setting `cors_origins` names may call the service from a browser.

They call it with a bearer token. The session's cookie is never for them: it counts for the service's own pages alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

_REQUEST_HEADERS = (
    "accept",
    "apikey",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "x-client-info",
)
"""``apikey`` and ``x-client-info`` are what supabase-js sends with each call of a function."""
_ANSWER_HEADERS = (
    "Akatsuki-Execution-Id",
    "Akatsuki-Execution-Time-Ms",
    "Akatsuki-Memory-Used-Bytes",
    "Akatsuki-Cache-Hit",
    "Akatsuki-Module-Id",
    "Idempotent-Replay",
    "Location",
    "Retry-After",
)


class CorsMiddleware:
    """Answers preflights and names the origins that may read answers; requests without an origin pass it by.

    Args:
        app: What it stands before.
        origins: Gives the origins, such as ``https://app.example.com``; ``*`` is all of them.
    """

    def __init__(self, app: ASGIApp, origins: Callable[[], Sequence[str]]) -> None:
        self._app, self._origins = app, origins
        self._inner: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or not any(name == b"origin" for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        if self._inner is None:
            origins = list(self._origins())
            self._inner = (
                self._app
                if not origins
                else CORSMiddleware(
                    self._app,
                    allow_origins=origins,
                    allow_methods=["GET", "POST", "PATCH", "DELETE"],
                    allow_headers=list(_REQUEST_HEADERS),
                    expose_headers=list(_ANSWER_HEADERS),
                    max_age=600,
                )
            )
        await self._inner(scope, receive, send)
