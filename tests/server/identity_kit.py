"""Keys, tokens and a server of keys for tests of identity: real signatures, a real socket."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from .server_kit import BOB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@cache
def private_key(kind: str) -> Any:
    """One key of a kind, made once: RSA ones take long."""
    kind = kind.partition("/")[0]
    if kind == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "short":
        return rsa.generate_private_key(public_exponent=65537, key_size=1024)
    if kind == "P-384":
        return ec.generate_private_key(ec.SECP384R1())
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else ed25519.Ed25519PrivateKey.generate()


_KIND_NAMES = {"RS256": RSAAlgorithm, "short": RSAAlgorithm, "ES256": ECAlgorithm, "P-384": ECAlgorithm}


@cache
def key_named(kind: str, name: str) -> Any:
    """A key of its own for a name; RSA keys are shared, as they take long to make."""
    return private_key(kind) if kind == "RS256" else private_key(f"{kind}/{name}")


def jwk(kind: str, name: str, **facts: Any) -> dict[str, Any]:
    """The public key as a member of a JSON Web Key Set."""
    algorithm: Any = _KIND_NAMES.get(kind, OKPAlgorithm)
    found: dict[str, Any] = algorithm.to_jwk(key_named(kind, name).public_key(), as_dict=True)
    return {key: value for key, value in (found | {"kid": name, "use": "sig"} | facts).items() if value is not None}


def facts_of(**claims: Any) -> dict[str, Any]:
    """The claims of a good token of BOB's, with changes; None takes one out."""
    now = int(time.time())
    facts = {"sub": str(BOB.id), "email": "bob", "aud": "authenticated", "role": "authenticated"}
    found = facts | {"iat": now, "exp": now + 600} | claims
    return {key: value for key, value in found.items() if value is not None}


def signed(kind: str, name: str, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token that is signed with the private key of a name, and names it."""
    found = {"kid": name} | (headers or {})
    found = {key: value for key, value in found.items() if value is not None}
    return jwt.encode(facts_of(**claims), key_named(kind, name), algorithm=kind, headers=found)


def part(value: Any) -> str:
    """A part of a token: bytes as they are, all else as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A token as no library would make it."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(sign(text.encode()))}"


class KeyServer:
    """A server of one JSON document.

    Attributes:
        url: Of the document.
        document: What it answers: bytes as they are, all else as JSON.
        status: Of its answers.
        headers: That its answers have besides.
        pause_s: Before it answers.
        asked: How often it was asked.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.document: Any = {"keys": []}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pause_s = 0.0
        self.asked = 0


@contextmanager
def key_server(*keys: dict[str, Any]) -> Iterator[KeyServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            time.sleep(found.pause_s)
            data = found.document if isinstance(found.document, bytes) else json.dumps(found.document).encode()
            self.send_response(found.status)
            for line in found.headers.items():
                self.send_header(*line)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(OSError):  # who asked had enough
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = KeyServer(f"http://127.0.0.1:{server.server_address[1]}/auth/v1/.well-known/jwks.json")
        found.document = {"keys": list(keys)}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
