"""The URL of a server, and whether a token may be sent there."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from akatsuki_wasm.errors import ConfigError

_EXAMPLE = "Write it as https://wasm.example.org, or http://127.0.0.1:8765 for this machine."


def check_address(url: str, *, has_token: bool, allow_http: bool = False) -> str:
    """The URL without a slash at its end.

    Args:
        url: As the user gave it; it may have a path, where a proxy serves the service below one.
        has_token: Whether a token goes there with every request.
        allow_http: Whether it may go unencrypted over a network.

    Raises:
        ConfigError: It is no such URL, it carries a password, or the token would go over the network unencrypted.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise ConfigError(f"the server {_shown(url)!r} is no URL: {exc}", hint=_EXAMPLE) from exc
    if parts.scheme not in ("http", "https") or not host or not parts.netloc.isprintable() or " " in parts.netloc:
        raise ConfigError(f"the server {_shown(url)!r} is no URL that begins with https://", hint=_EXAMPLE)
    if "@" in parts.netloc:
        raise ConfigError(
            f"the server's URL has a user or password before {host}: expected none",
            hint="Who acts is said by the token: set AKATSUKI_TOKEN.",
        )
    if parts.query or parts.fragment:
        raise ConfigError(
            f"the server {parts.scheme}://{parts.netloc} has something after its path: expected an URL without ? and #",
            hint="A token is given apart: set AKATSUKI_TOKEN.",
        )
    if parts.scheme == "http" and has_token and not allow_http and not is_loopback(host):
        raise ConfigError(
            f"the token would go to {parts.scheme}://{parts.netloc} unencrypted, where others can read it",
            hint=f"Use https://{parts.netloc}, or set AKATSUKI_ALLOW_HTTP=true in a network that you trust.",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, so that nothing goes over a network."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(url: str) -> str:
    """What is safe to show: an URL may carry a password."""
    return "…" if "@" in url or "token" in url.lower() else url[:80]
