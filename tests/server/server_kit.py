"""A real service on a real socket for tests: uvicorn in a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import uvicorn

from akatsuki_wasm.config import Settings, load_settings
from akatsuki_wasm.contracts import User
from akatsuki_wasm.server.app import create_app
from akatsuki_wasm.server.protocol import GuardedProtocol
from akatsuki_wasm.server.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "a secret of tests that is long enough for HS256"
ADA = User.local("ada", is_admin=True)
BOB = User.local("bob")
EVE = User.local("eve")


def token_of(user: User, *, secret: str = SECRET, seconds: float = 600, **claims: Any) -> str:
    """A token as Supabase's: role and audience `authenticated`, an admin by `app_metadata`."""
    now = int(time.time())
    facts: dict[str, Any] = {
        "sub": str(user.id),
        "email": user.name,
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + seconds,
        "app_metadata": {"role": "admin"} if user.is_admin else {},
    }
    return jwt.encode(facts | claims, secret, algorithm="HS256")


class Running:
    """A service that answers.

    Attributes:
        url: Such as ``http://127.0.0.1:40123``.
        service: The object behind the endpoints.
    """

    def __init__(self, url: str, service: Service) -> None:
        self.url = url
        self.service = service

    def client(self, user: User | None = None, **options: Any) -> httpx.Client:
        """A client that acts for a user, or for nobody."""
        headers = {} if user is None else {"Authorization": f"Bearer {token_of(user)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)


@contextmanager
def running(*, plugins: Any = (), **settings: Any) -> Iterator[Running]:
    """Starts a service on a free port and stops it."""
    found: list[Service] = []

    def open_service() -> Service:
        found.append(Service.open(settings_of(**settings), plugins=plugins))
        return found[0]

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(open_service), http=GuardedProtocol, ws="none", log_level="warning", timeout_graceful_shutdown=20
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="service")
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise RuntimeError("the service did not start; its log says why")
                time.sleep(0.005)
            yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", found[0])
        finally:
            server.should_exit = True
            thread.join()


def settings_of(**settings: Any) -> Settings:
    return load_settings(**{"jwt_secret": SECRET, **settings})


def is_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, which must be whole and of that status and code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["code"] == code, document
    assert document["type"] == f"urn:akatsuki-wasm:error:{code}"
    assert document["title"]
    assert document["detail"]
    return document
