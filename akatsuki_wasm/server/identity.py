"""Who asks: bearer tokens (JSON Web Tokens, RFC 7519) to users.

HS256 tokens are checked with the setting `jwt_secret`, those of RS256, ES256 and EdDSA with the public keys of
`jwt_jwks_url`; where neither is set, HS256 with a key of this machine's own (`local_key`). An algorithm has keys of one
kind only, so that a public key can never serve as a secret.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt

from akatsuki_wasm.errors import AuthenticationError, ConfigError
from akatsuki_wasm.server.jwks import ALGORITHMS, KeySet
from akatsuki_wasm.server.local_key import key_for, make_local_key, read_local_key
from akatsuki_wasm.server.token_reading import Header, Rules, read_claims, read_header, refused
from akatsuki_wasm.server.tokens import ONCE_TYPE, SESSION_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import User

MIN_SECRET = 32
"""Bytes of a secret: HS256 asks for as many as its hash has (RFC 7518 section 3.2)."""
REMEMBERED = 4096
"""Tokens that are remembered as good."""
REMEMBERED_S = 300.0
"""How long one is believed without looking at the keys again."""
_MAX_REMEMBERED = 4096
"""Characters of a token that is remembered, so that all of them fit into 16 MiB."""

_signatures = jwt.PyJWS(algorithms=["HS256", *ALGORITHMS])


class Identity:
    """Turns credentials into users; used on one event loop.

    Args:
        settings: Secret, JWKS address, audience, issuer and leeway.

    Raises:
        ConfigError: The secret or the address cannot serve.
        StorageError: Neither is set, and the data folder cannot hold the local key.
    """

    def __init__(self, settings: Settings) -> None:
        self._rules = Rules.of(settings)
        self._local_rules = Rules("", "", settings.jwt_leeway_s)
        self._data_dir = settings.data_dir
        self._session_key: bytes | None = None
        self._known: dict[bytes, tuple[User, float]] = {}
        self._keys = KeySet(settings.jwt_jwks_url, self._known.clear) if settings.jwt_jwks_url else None
        self._secret = _secret(settings)

    def remembered(self, credentials: bytes) -> User | None:
        """Whose credentials they are, where these very ones were good a moment ago.

        Args:
            credentials: An ``Authorization`` header, or a session, as bytes.
        """
        found = self._known.get(credentials)
        if found is None:
            return None
        if found[1] <= time.time():
            self._known.pop(credentials, None)
            return None
        return found[0]

    async def user_of_header(self, header: bytes) -> User:
        """Who sends an ``Authorization`` header.

        Raises:
            AuthenticationError: It has no bearer token, or one that is not accepted.
            ServiceError: The keys to check it with cannot be had.
        """
        scheme, _, token = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise AuthenticationError("the request has no bearer token", hint="Send it: Authorization: Bearer …")
        user, until = await self._check(token.strip())
        self._remember(header, user, until)
        return user

    async def user(self, token: str) -> User:
        """Whose bearer token it is.

        Raises:
            AuthenticationError: It is not accepted.
            ServiceError: The keys to check it with cannot be had.
        """
        return (await self._check(token))[0]

    async def user_of_session(self, session: str) -> User:
        """Whose session of a browser it is: one that this machine signed, or a bearer token.

        Raises:
            AuthenticationError: It is not accepted.
            ServiceError: The keys to check it with cannot be had.
        """
        header = read_header(session)
        if header.kind != SESSION_TYPE:
            user, until = await self._check(session)
        else:
            user, until = _checked(session, header, self._key_of_sessions(), self._local_rules)
        self._remember(session.encode(), user, until)
        return user

    async def close(self) -> None:
        """Ends what is under way."""
        if self._keys is not None:
            await self._keys.close()

    async def _check(self, token: str) -> tuple[User, float]:
        header = read_header(token)
        if header.kind in (SESSION_TYPE, ONCE_TYPE):
            raise refused("it is for a browser: no bearer token")
        if header.algorithm == "HS256" and self._secret is not None:
            return _checked(token, header, self._secret, self._rules)
        if header.algorithm in ALGORITHMS and self._keys is not None:
            key = await self._keys.key(header.key_id, header.algorithm)
            if key is None:
                raise refused("it is signed with a key that is not known")
            return _checked(token, header, key, self._rules)
        raise refused("its algorithm is not one that this service takes")

    def _key_of_sessions(self) -> bytes:
        if self._session_key is None:
            found = read_local_key(self._data_dir)
            if found is None:
                raise refused("this machine has opened no sessions")
            self._session_key = key_for("session", found)
        return self._session_key

    def _remember(self, credentials: bytes, user: User, until: float) -> None:
        """Only what was found good is remembered, so that who sends nonsense fills nothing."""
        if len(credentials) > _MAX_REMEMBERED:
            return
        while len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)), None)  # the oldest, as a dict keeps its order
        self._known[credentials] = user, min(until, time.time() + REMEMBERED_S)


def check_once(token: str, data_dir: Path) -> User:
    """Whose one-time token it is; that it was not used before is looked at by `sessions.Sessions`.

    Raises:
        AuthenticationError: It is none of this machine's, or too old.
    """
    key = read_local_key(data_dir)
    if key is None:
        raise refused("this machine has made none")
    return _checked(token, read_header(token), key_for("once", key), Rules("", "", 0))[0]


def _checked(token: str, header: Header, key: bytes | jwt.PyJWK, rules: Rules) -> tuple[User, float]:
    """Checks the signature with the one algorithm that the key is for, then the claims."""
    algorithm = "HS256" if isinstance(key, bytes) else key.algorithm_name
    if header.algorithm != algorithm:
        raise refused("its algorithm is not that of its key")
    try:
        payload = _signatures.decode(token, key, algorithms=[algorithm])
    except jwt.InvalidTokenError as exc:
        raise refused("its signature is wrong") from exc
    return read_claims(payload, rules, time.time())


def signing_key(settings: Settings) -> bytes:
    """The key that a token of this service's own is signed with.

    Raises:
        ConfigError: Only public keys are set, or the secret cannot serve.
        StorageError: The local key cannot be made.
    """
    found = _secret(settings)
    if found is None:
        raise ConfigError(
            "tokens are signed by whoever has the private key of jwt_jwks_url, not by this service",
            hint="Get one from your identity provider, or set AKATSUKI_JWT_SECRET too.",
        )
    return found


def _secret(settings: Settings) -> bytes | None:
    if settings.jwt_secret is None:
        return None if settings.jwt_jwks_url else key_for("bearer", make_local_key(settings.data_dir))
    secret = settings.jwt_secret.get_secret_value().encode()
    if len(secret) < MIN_SECRET:
        raise ConfigError(
            f"the setting jwt_secret has {len(secret)} bytes: expected {MIN_SECRET} at least",
            hint="Make one: openssl rand -hex 32",
        )
    try:
        return _signatures.get_algorithm_by_name("HS256").prepare_key(secret)  # type: ignore[no-any-return]
    except jwt.InvalidKeyError as exc:
        raise ConfigError(
            "the setting jwt_secret is a public key or a certificate, which anybody may have",
            hint="Set AKATSUKI_JWT_JWKS_URL for tokens that are signed with a private key.",
        ) from exc
