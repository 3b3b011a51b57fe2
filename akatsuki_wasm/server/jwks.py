"""The public keys of who issues tokens: a JSON Web Key Set (RFC 7517) by URL, which changes while the service runs.

Keys are fetched when a token first asks for one, again when a token names one that is not known, and again when they
are `FRESH_S` old, so that a key that was taken back stops being trusted. All tokens wait for the same fetch. However
many tokens name unknown keys, there is one fetch in `REFETCH_S`. While the address does not answer, known keys stay
good for `STALE_S`; after that, and where there never were any, a token can be neither accepted nor refused: a 503.
"""

from __future__ import annotations

import asyncio
import json
import logging
from time import monotonic as now
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from akatsuki_wasm.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

FRESH_S = 600.0
REFETCH_S = 10.0
STALE_S = 3600.0
FETCH_S = 5.0
"""How long one fetch may take, from the first packet to the last."""
MAX_BYTES = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048

Algorithm = Literal["RS256", "ES256", "EdDSA"]
_ALGORITHM_OF: dict[tuple[str, str], Algorithm] = {
    ("RSA", ""): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""The one algorithm of a key of a type and curve: a key never serves another, whatever a token says."""
ALGORITHMS: frozenset[str] = frozenset(_ALGORITHM_OF.values())

Keys = dict[tuple[str | None, str], jwt.PyJWK]
"""Public keys by id and algorithm."""


class KeySet:
    """The keys behind one address; used on one event loop.

    Args:
        url: Of the JSON document.
        changed: Called after a fetch in which a key was taken back or exchanged.

    Raises:
        ConfigError: The URL is none.
    """

    def __init__(self, url: str, changed: Callable[[], None]) -> None:
        _check(url)
        self._url = url
        self._changed = changed
        self._keys: Keys = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._failure = ""
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key that a token names, or None where there is no such key.

        Args:
            key_id: Its ``kid``; a token without one is checked with the only key of its algorithm.
            algorithm: Its ``alg``.

        Raises:
            ServiceError: The keys cannot be had, so that it cannot be told.
        """
        found = self._find(key_id, algorithm)
        age = None if self._fetched is None else now() - self._fetched
        if age is None or age > STALE_S or found is None:
            await self._fetch()  # nothing can be said without it
            found = self._find(key_id, algorithm)
        elif age > FRESH_S:
            self._begin()  # in the background: what is known serves meanwhile
        if self._fetched is None or now() - self._fetched > STALE_S or (found is None and self._failure):
            raise ServiceError(
                f"the keys that tokens are checked with cannot be had: {self._failure}",
                hint="Ask again; tell who runs the service if it lasts.",
                retry_after=REFETCH_S,
            )
        return found

    def _find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        if key_id is not None:
            return self._keys.get((key_id, algorithm))
        fitting = [key for (_, its), key in self._keys.items() if its == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _fetch(self) -> None:
        """Waits for a fetch, where one is under way or may begin."""
        task = self._begin()
        if task is not None:
            # A client that goes away must not end what others wait for.
            await asyncio.shield(task)

    def _begin(self) -> asyncio.Task[None] | None:
        if self._fetching is None:
            if self._tried is not None and now() - self._tried < REFETCH_S:
                return None
            self._tried = now()
            self._fetching = asyncio.get_running_loop().create_task(self._fetch_now(), name="jwks")
        return self._fetching

    async def _fetch_now(self) -> None:
        try:
            keys = read_keys(await _download(self._url))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, OSError) as exc:
            self._failure = str(exc) or type(exc).__name__
            log.warning("the keys of %s cannot be fetched: %s", _shown(self._url), self._failure)
            return
        finally:
            self._fetching = None
        before, self._keys = self._keys, keys
        self._fetched = now()
        self._failure = ""
        if (
            any(keys[name].key != key.key for name, key in before.items() if name in keys)
            or before.keys() - keys.keys()
        ):
            self._changed()

    @property
    def is_fetching(self) -> bool:
        """Whether a fetch is under way."""
        return self._fetching is not None

    async def close(self) -> None:
        """Ends a fetch that is under way."""
        task = self._fetching
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def read_keys(data: bytes) -> Keys:
    """The keys of a JSON Web Key Set that tokens may be checked with; others in it are left out.

    Raises:
        ValueError: It is no such document.
    """
    try:
        found = json.loads(data)
    except RecursionError as exc:
        raise ValueError("it is no JSON Web Key Set") from exc
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JSON Web Key Set")
    keys: Keys = {}
    for each in listed[:MAX_KEYS]:
        algorithm = _usable(each)
        if algorithm is None:
            continue
        try:
            key = jwt.PyJWK(each, algorithm)
        except jwt.PyJWTError:
            continue  # its numbers are no key
        if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS:
            continue
        keys.setdefault((each.get("kid"), algorithm), key)
    return keys


def _usable(key: Any) -> Algorithm | None:
    """The algorithm of a public key for signatures; None for anything else, above all for a shared secret."""
    if not isinstance(key, dict) or "d" in key or not isinstance(key.get("kid"), str | None):
        return None
    kind = key.get("kty")
    algorithm = _ALGORITHM_OF.get((str(kind), "" if kind == "RSA" else str(key.get("crv"))))
    operations = key.get("key_ops", ["verify"])
    if key.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if key.get("alg", algorithm) not in (algorithm, "Ed25519" if algorithm == "EdDSA" else algorithm):
        return None
    return algorithm


async def _download(url: str) -> bytes:
    # No redirect is followed: the address is the one that was set.
    async with (
        asyncio.timeout(FETCH_S),
        httpx.AsyncClient(timeout=FETCH_S) as client,
        client.stream("GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity"}) as response,
    ):
        if response.status_code != 200 or "content-encoding" in response.headers:
            raise ValueError(f"it answered {response.status_code}")
        data = bytearray()
        async for part in response.aiter_raw():  # not unpacked: a few bytes would become very many
            data += part
            if len(data) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
        return bytes(data)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        named = False
    if not named:
        raise ConfigError(
            "the setting jwt_jwks_url is no http or https URL",
            hint="Such as https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json",
        )


def _shown(url: str) -> str:
    """An address for a log: a query may have a key of somebody's in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
