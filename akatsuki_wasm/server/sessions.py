"""Sessions of a browser: one-time tokens, the cookie, and from which pages the cookie counts.

A one-time token is signed with the key in the data folder, and its use is an empty file there that can be made once: it
opens one session, whichever process of the machine it is handed to. The cookie holds a session of this machine's, or
the bearer token that it was opened with. A cookie goes along with whatever a browser sends here, also what another
site's page made it send: it counts only where the browser says that the page is of this service.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import AuthenticationError, PermissionDeniedError, StorageError
from akatsuki_wasm.server.identity import check_once
from akatsuki_wasm.server.local_key import key_for, make_local_key
from akatsuki_wasm.server.token_reading import read_header, refused
from akatsuki_wasm.server.tokens import ONCE_SECONDS, ONCE_TYPE, SESSION_SECONDS, once_token, session_token

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Request, Response

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.server.identity import Identity

MAX_COOKIE = 3800
"""Characters of a token in a cookie: browsers drop cookies above 4096, name and attributes included."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_USED = "used-tokens"
_NO_TOKEN = "the request has no bearer token"  # noqa: S105 - a message
_HINT = "Send it: Authorization: Bearer …"


def make_once_token(user: User, data_dir: Path) -> str:
    """A token that opens one session for a user on this machine.

    Raises:
        StorageError: The data folder cannot be written.
        ConfigError: Its key is not private.
    """
    return once_token(user, key_for("once", make_local_key(data_dir)))


def redeem(token: str, data_dir: Path) -> tuple[User, str]:
    """Uses a one-time token up.

    Returns:
        Whose it was, and the session that it opens.

    Raises:
        AuthenticationError: It was used, is too old, or is not of this machine.
        StorageError: Its use cannot be recorded.
    """
    user = check_once(token, data_dir)
    folder = data_dir / _USED
    # Of what is signed: the signature's own last character may be written in more than one way.
    name = hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _forget_old(folder)
    except FileExistsError:
        raise refused("it was used before") from None
    except OSError as exc:
        raise StorageError(
            f"the use of a token cannot be recorded in {folder}: {(exc.strerror or str(exc)).lower()}",
            hint="Make the data folder writable.",
        ) from exc
    return user, session_token(user, key_for("session", make_local_key(data_dir)))


def _forget_old(folder: Path) -> None:
    """Removes the records of tokens that are too old to be used anyway."""
    oldest = time.time() - 2 * ONCE_SECONDS
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster


def is_once(token: str) -> bool:
    """Whether a token says that it is for one use.

    Raises:
        AuthenticationError: It is no token at all.
    """
    return read_header(token).kind == ONCE_TYPE


def cookie_name(request: Request) -> str:
    """The cookie's name: by port, as browsers do not keep those of one host's ports apart.

    With https it has the prefix that keeps a neighbouring subdomain from setting it (RFC 6265bis, section 4.1.3.2).
    """
    port = _host(request).rpartition(":")[2]
    prefix = "__Host-" if request.url.scheme == "https" else ""
    return f"{prefix}akatsuki-session" + (f"-{port}" if port.isdecimal() else "")


def set_cookie(request: Request, response: Response, session: str) -> None:
    """Makes the browser keep a session.

    Raises:
        AuthenticationError: It is longer than browsers keep.
    """
    if len(session) > MAX_COOKIE:
        raise refused(f"it has more than {MAX_COOKIE} characters, which no cookie holds")
    response.set_cookie(
        cookie_name(request),
        session,
        max_age=SESSION_SECONDS,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def drop_cookie(request: Request, response: Response) -> None:
    """Makes the browser forget its session."""
    response.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )


async def user_of_cookie(request: Request, identity: Identity) -> User:
    """Who asks, by the cookie.

    Raises:
        AuthenticationError: There is none, or one that is not accepted.
        PermissionDeniedError: The page that asks may be another site's.
        ServiceError: The keys to check it with cannot be had.
    """
    session = request.cookies.get(cookie_name(request))
    if not session:
        raise AuthenticationError(_NO_TOKEN, hint=_HINT)
    check_origin(request)
    return identity.remembered(session.encode()) or await identity.user_of_session(session)


def check_origin(request: Request, *, browser: bool = True) -> None:
    """Refuses what another site's page may have made the browser send.

    ``Sec-Fetch-Site`` decides where the browser sends it, else ``Origin``
    (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header). Without both, only what changes nothing is let
    through.

    Args:
        request: What was sent.
        browser: Whether only a browser can have sent it, as it has a cookie.

    Raises:
        PermissionDeniedError: It is refused.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    safe = request.method in _SAFE
    if site is not None:
        allowed = site == "same-origin" or (
            safe and (site == "none" or request.headers.get("sec-fetch-mode") == "navigate")
        )
    elif origin is not None:
        allowed = origin.partition("://")[2].lower() == _host(request).lower()
    else:
        allowed = safe or not browser
    if not allowed:
        raise PermissionDeniedError(
            "a session of a browser counts for this service's own pages alone", hint="Send a bearer token instead."
        )


def _host(request: Request) -> str:
    return request.headers.get("host", "")
