"""The ``Host`` that a request asks for: a page of somebody's whose name was pointed at this machine is refused.

Such a page (DNS rebinding) is of the same origin as the service to the browser, so that nothing else would stop it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastapi import Response

from akatsuki_wasm.errors import RequestError
from akatsuki_wasm.server import problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send


class HostCheck:
    """Lets requests for some names through, whatever their port.

    Args:
        app: Answers them.
        names: Host names; addresses of IPv6 in brackets.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower().encode("latin-1", "replace") for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = [value for name, value in scope["headers"] if name == b"host"]
            if len(found) != 1 or _name(found[0]) not in self._names:
                error = RequestError(
                    "the request is for another host than this one", hint="The service is started with --allow-host."
                )
                document = json.dumps(problems.problem(error) | {"status": 421}, ensure_ascii=False)
                await Response(document, 421, media_type=problems.MEDIA_TYPE)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _name(host: bytes) -> bytes:
    """A ``Host`` header without its port."""
    name, _, port = host.lower().rpartition(b":")
    return name if name and not port.endswith(b"]") else host.lower()
