"""Which server the language model is on, and the key for it: both from the environment, and from nowhere else.

A settings file may lie in a folder that somebody else made. It may choose a model, but it must not choose where a key
is sent: so the key and the address come from one place, the user's environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from akatsuki_wasm.errors import ConfigError, MissingKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"
HEADERS_VARIABLE = "OPENAI_CUSTOM_HEADERS"
"""Read by the official client itself: a line for each header, which a gateway may want."""
HOSTED_URL = "https://api.openai.com/v1"
"""Where the official client goes when no address is set."""

DEFAULT_MODEL = "gpt-5.4-mini"
"""Asked for where neither the request nor the settings name a model: a small one, for a module is a page of Rust."""

MIN_SECRET = 12
"""Characters of the shortest key that is worth hiding."""

_SECRET_NAME = re.compile(r"auth|key|token|secret|password|cookie|credential", re.IGNORECASE)
_LOCAL_EXAMPLE = "http://localhost:11434/v1"


@dataclass(frozen=True)
class ModelServer:
    """An OpenAI-compatible server.

    Attributes:
        base_url: Up to and with ``/v1``.
        key: Sent to this server alone; empty where it needs none.
        others: What else is sent to it and is nobody's to see: a password in the address, headers of a gateway.
    """

    base_url: str
    key: str = field(default="", repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_hosted(self) -> bool:
        """Whether it is the one that is asked when no address is set."""
        return self.base_url.rstrip("/") == HOSTED_URL

    @property
    def shown(self) -> str:
        """The address for people, without a user name, password or query that may stand in it."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown or kept. A stand-in that local servers are given, ``ollama``, is no secret."""
        return tuple(each for each in (self.key, *self.others) if len(each) >= MIN_SECRET)

    def without_key(self, text: str) -> str:
        """A text in which the secrets, where they stand there, are made unreadable: servers may echo them."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def is_in(self, text: str) -> bool:
        """Whether a secret stands in a text."""
        return any(secret in text for secret in self.secrets)


def find_server(environment: Mapping[str, str]) -> ModelServer:
    """The server that the environment names by ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``.

    The key is for the server that the same environment names: who sets both means both, and where no address is set it
    is for OpenAI's server. So no key ever goes to an address from anywhere else, such as a settings file.

    Raises:
        MissingKeyError: Neither is set.
        ConfigError: The address is no http address, or the key cannot be one.
    """
    key = environment.get(KEY_VARIABLE, "").strip()
    url = environment.get(URL_VARIABLE, "").strip()
    if not key and not url:
        raise MissingKeyError(
            f"there is no language model: neither {KEY_VARIABLE} nor {URL_VARIABLE} is set",
            hint=f"Set {KEY_VARIABLE}, or {URL_VARIABLE} for a server that needs no key, such as {_LOCAL_EXAMPLE}.",
        )
    if any(not "!" <= letter <= "~" for letter in key):
        raise ConfigError(
            f"{KEY_VARIABLE} has white space or letters that no key has", hint="Set it again, to the key alone."
        )
    if url and not _is_address(url):
        raise ConfigError(
            f"{URL_VARIABLE} is not an http address: expected one such as {_LOCAL_EXAMPLE}", hint="Mend or unset it."
        )
    password = urlsplit(url).password or ""
    return ModelServer(url or HOSTED_URL, key, (password, *_secret_headers(environment.get(HEADERS_VARIABLE, ""))))


def _secret_headers(lines: str) -> list[str]:
    """The words of headers whose names say that they are secret."""
    headers = [line.partition(":") for line in lines.splitlines()]
    return [word for name, _, value in headers if _SECRET_NAME.search(name) for word in value.split()]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        usable and parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable() and " " not in url
    )
