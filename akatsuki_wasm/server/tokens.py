"""The tokens that the service makes itself: bearer tokens, one-time tokens of a URL, sessions of a browser."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import User

SESSION_TYPE = "akatsuki-session+jwt"
"""``typ`` of a session: neither it nor a one-time token is a bearer token."""
ONCE_TYPE = "akatsuki-once+jwt"
ONCE_SECONDS = 600
"""How long a one-time token may wait for its use."""
SESSION_SECONDS = 12 * 3600


def bearer_token(user: User, key: bytes, settings: Settings, seconds: int) -> str:
    """A bearer token as Supabase makes them, for a service with these settings."""
    facts = _facts(user, seconds) | {"role": "authenticated"}
    if settings.jwt_audience:
        facts["aud"] = settings.jwt_audience
    if settings.jwt_issuer:
        facts["iss"] = settings.jwt_issuer
    return jwt.encode(facts, key, algorithm="HS256")


def once_token(user: User, key: bytes) -> str:
    """A token for one use."""
    facts = _facts(user, ONCE_SECONDS) | {"jti": secrets.token_hex(16)}
    return jwt.encode(facts, key, algorithm="HS256", headers={"typ": ONCE_TYPE})


def session_token(user: User, key: bytes) -> str:
    """What the cookie of a session holds."""
    return jwt.encode(_facts(user, SESSION_SECONDS), key, algorithm="HS256", headers={"typ": SESSION_TYPE})


def _facts(user: User, seconds: int) -> dict[str, Any]:
    now = int(time.time())
    facts: dict[str, Any] = {"sub": str(user.id), "email": user.name, "iat": now, "exp": now + seconds}
    if user.is_admin:
        facts["app_metadata"] = {"role": "admin"}
    return facts
