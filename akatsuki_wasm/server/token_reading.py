"""What a JSON Web Token says, read strictly (RFC 7519, and RFC 8725 on what goes wrong with them).

Nothing here checks a signature. A header only chooses among keys that the service has by itself: a key, or an address
of one, inside the token (``jwk``, ``jku``, ``x5c``, ``x5u``) is never looked at.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import AuthenticationError

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings

MAX_TOKEN = 16 * 1024
"""Characters of a token; those of identity providers have one to four thousand."""
_MAX_KEY_ID = 256
_MAX_NAME = 320
_LATEST = 253_402_300_800
"""The first second of the year 10000: no date after it means anything."""
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", flags=re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", flags=re.ASCII)
_HINT = "Send a token that is valid now: Authorization: Bearer …"


@dataclass(frozen=True, slots=True)
class Header:
    """What chooses the key.

    Attributes:
        algorithm: ``alg``; not yet looked at.
        key_id: ``kid``, or None.
        kind: ``typ``, lower case; empty where there is none.
    """

    algorithm: str
    key_id: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the claims of a token must say.

    Attributes:
        audience: Not looked at where empty.
        issuer: Not looked at where empty.
        leeway_s: How far clocks may be apart.
    """

    audience: str
    issuer: str
    leeway_s: float

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Those of the settings."""
        return cls(settings.jwt_audience, settings.jwt_issuer, settings.jwt_leeway_s)


def refused(reason: str) -> AuthenticationError:
    """The error for a token; the reason never has the token's own text in it, as errors are logged."""
    return AuthenticationError(f"the token is not accepted: {reason}", hint=_HINT)


def read_header(token: str) -> Header:
    """Reads the header of a compact JWS.

    Raises:
        AuthenticationError: It is none.
    """
    if len(token) > MAX_TOKEN:
        raise refused(f"it has more than {MAX_TOKEN} characters")
    if not _SHAPE.fullmatch(token):
        raise refused("it is not three parts of base64url text with dots between them")
    text = token[: token.index(".")]
    try:
        found = _object(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except binascii.Error as exc:
        raise refused("its header is not base64url text") from exc
    algorithm, key_id, kind = found.get("alg"), found.get("kid"), found.get("typ", "")
    if not isinstance(algorithm, str):
        raise refused("its header names no algorithm")
    if key_id is not None and (not isinstance(key_id, str) or len(key_id) > _MAX_KEY_ID):
        raise refused("its key id is no short text")
    if not isinstance(kind, str):
        raise refused("its type is no text")
    if "crit" in found or found.get("b64", True) is not True:
        raise refused("its header asks for an extension that is not known")
    return Header(algorithm, key_id, kind.lower())


def read_claims(payload: bytes, rules: Rules, now: float) -> tuple[User, float]:
    """Reads the payload of a token whose signature is good.

    Args:
        payload: Its bytes.
        rules: What it must say.
        now: Seconds since 1970.

    Returns:
        Whose token it is, and until when it may be used, seconds since 1970, `Rules.leeway_s` included.

    Raises:
        AuthenticationError: It is for something else, or for another time.
    """
    claims = _object(payload)
    expires = _moment(claims, "exp")
    if expires is None:
        raise refused("it has no exp claim")
    if expires + rules.leeway_s <= now:
        raise refused("it has expired")
    for name in ("nbf", "iat"):
        begins = _moment(claims, name)
        if begins is not None and begins - rules.leeway_s > now:
            raise refused(f"it is not valid yet: {name} is in the future")
    if rules.audience:
        audience = claims.get("aud")
        if rules.audience not in (audience if isinstance(audience, list) else [audience]):
            raise refused("it is for another audience")
    if rules.issuer and claims.get("iss") != rules.issuer:
        raise refused("it is of another issuer")
    # Supabase's keys `anon` and `service_role` are tokens too, signed with the same secret: they are no users.
    if claims.get("role", "authenticated") != "authenticated":
        raise refused("its role is not authenticated")
    return _user(claims), expires + rules.leeway_s


def _user(claims: dict[str, Any]) -> User:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _UUID.fullmatch(subject.lower()):
        raise refused("its sub claim is no UUID")
    identity = UUID(subject)
    if not identity.int:
        raise refused("its sub claim is the nil UUID, which nobody has")
    facts = claims.get("app_metadata")
    # Never `user_metadata`: users write that themselves.
    is_admin = isinstance(facts, dict) and facts.get("role") == "admin"
    email = claims.get("email")
    named = isinstance(email, str) and 0 < len(email) <= _MAX_NAME and email.isprintable()
    return User(identity, str(email) if named else str(identity), is_admin)


def _moment(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), or None where there is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise refused(f"its {name} claim is no date")
    return float(value)


def _object(data: bytes) -> dict[str, Any]:
    """JSON that two readers cannot take for two things: no key twice, no NaN."""
    try:
        # Decoded here: `json.loads` would take UTF-16 as well.
        text = data.decode()
        found = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        raise refused("it is not plain JSON") from exc
    if not isinstance(found, dict):
        raise refused("it is no JSON object")
    return found


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("the number is too large")
    return value
