"""Who asks: bearer tokens (JSON Web Tokens, RFC 7519) to users."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import jwt

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import AuthenticationError

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings

_HINT = "Send a token that is valid now: Authorization: Bearer …"


class Identity:
    """Turns tokens into users.

    Args:
        settings: Secret, audience and issuer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def user(self, token: str) -> User:
        """Whose token it is.

        Raises:
            AuthenticationError: It is not accepted.
        """
        settings = self._settings
        secret = "" if settings.jwt_secret is None else settings.jwt_secret.get_secret_value()
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                audience=settings.jwt_audience or None,
                leeway=settings.jwt_leeway_s,
                options={"require": ["exp", "sub"]},
            )
            subject = UUID(claims["sub"])
        except (jwt.InvalidTokenError, ValueError) as exc:
            raise AuthenticationError(f"the token is not accepted: {exc}", hint=_HINT) from exc
        role = (claims.get("app_metadata") or {}).get("role")
        return User(subject, str(claims.get("email") or subject), is_admin=role == "admin")
