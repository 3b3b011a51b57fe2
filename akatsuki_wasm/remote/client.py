"""Requests to a server: who acts, how long is waited, what is asked again, and what an answer that is no success means.

The token is in one header of each request, and nowhere else: in no URL, message, log or `repr`. Redirects are never
followed, so it goes to no other host.
"""

from __future__ import annotations

import json
import ssl
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from akatsuki_wasm import __version__
from akatsuki_wasm.errors import AkatsukiError, AuthenticationError, ConfigError, ServerUnreachableError
from akatsuki_wasm.remote.address import check_address, is_loopback
from akatsuki_wasm.remote.problems import error_from_response, stranger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

CONNECT_S = 10.0
READ_S = 90.0
"""An execution takes 30 s at most, and may have waited for its turn before."""
_IDLE_S = 3.0
"""A connection that is idle for longer is not used again: uvicorn closes its own after 5 s, and might just do so."""
_ATTEMPTS = 3
_LONGEST_WAIT_S = 10.0
_RETRY_S = 0.1
_AUTHENTICATE = "Give a token that is valid: set AKATSUKI_TOKEN, or use token=… (--token-file FILE)."


class _Failure(NamedTuple):
    """A request that did not succeed: why, and after how many seconds it may be sent again, if at all."""

    error: AkatsukiError
    cause: Exception | None
    wait_s: float | None = None


class Client:
    """The way to one server for one token; safe to use from several threads.

    Args:
        server: Its URL.
        token: Says who acts; None sends none.
        allow_http: Whether a token may go unencrypted over a network.

    Raises:
        ConfigError: The URL is none, or the token would be sent unencrypted.
    """

    def __init__(self, server: str, token: str | None, *, allow_http: bool = False) -> None:
        self.url = check_address(server, has_token=token is not None, allow_http=allow_http)
        if token is not None and not (token.isascii() and token.isprintable() and token.split() == [token]):
            raise ConfigError(
                "the token has characters that no token has, or is empty", hint="Copy it anew; it is one line."
            )
        self._token = token

    def __repr__(self) -> str:
        return f"<Client of {self.url}>"

    @cached_property
    def http(self) -> httpx.Client:
        """The connections, made on first use."""
        return self.open_connections()

    def open_connections(self, **options: Any) -> httpx.Client:
        """Connections of their own, with the token and without redirects; to be closed by the caller."""
        import httpx  # a command that asks no server starts without it

        headers = {"User-Agent": f"akatsuki-wasm/{__version__}"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if is_loopback(urlsplit(self.url).hostname or ""):
            # A proxy of the environment must not see what does not leave this machine.
            options["mounts"] = {"all://": None, "http://": None, "https://": None}
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            limits=httpx.Limits(keepalive_expiry=_IDLE_S),
            follow_redirects=False,
            **options,
        )

    def close(self) -> None:
        """Closes the connections; they are made again on the next use."""
        http = self.__dict__.pop("http", None)
        if http is not None:
            http.close()

    # ------------------------------------------------------------ asking

    def get(self, path: str, **params: Any) -> Any:
        """The JSON document there; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return document_of(self.send("GET", path, repeat=True, params=given))

    def items(self, path: str, *, limit: int | None = None, **params: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page; all where there is no limit."""
        cursor, left = None, limit
        while left is None or left > 0:
            page = self.get(path, cursor=cursor, limit=100 if left is None else min(left, 100), **params)
            found = page.get("items") if isinstance(page, dict) else None
            if not isinstance(found, list):
                raise ServerUnreachableError(
                    f"{self.url}{path} gave no list", hint="Is the URL that of an akatsuki server?"
                )
            yield from found[:left]
            cursor, left = page.get("nextCursor"), None if left is None else left - len(found)
            if not cursor or not found:
                return

    def send(self, method: str, path: str, *, repeat: bool, **options: Any) -> httpx.Response:
        """Sends a request and gives its successful answer, read to its end.

        Args:
            method: Of HTTP.
            path: Below the server's URL.
            repeat: Whether it may be sent again where it is not known whether the server has done it. What never
                reached the server is sent again in any case.
            options: Of `httpx.Client.request`.

        Raises:
            ServerUnreachableError: No server answered, or another program.
            AkatsukiError: What the server says is wrong.
        """
        return self.sent(self.http, method, path, repeat=repeat, **options)

    def sent(self, http: httpx.Client, method: str, path: str, *, repeat: bool, **options: Any) -> httpx.Response:
        """As `send`, over connections of the caller's."""
        attempt = 1
        while True:
            answer = self._try(http, method, path, options, repeat=repeat)
            if not isinstance(answer, _Failure):
                return answer
            if answer.wait_s is None or attempt == _ATTEMPTS:
                raise answer.error from answer.cause
            time.sleep(answer.wait_s * attempt)
            attempt += 1

    def _try(
        self, http: httpx.Client, method: str, path: str, options: Mapping[str, Any], *, repeat: bool
    ) -> httpx.Response | _Failure:
        import httpx

        try:
            response = http.request(method, path, **options)
        except httpx.TransportError as exc:
            never_there = isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout)
            again = (repeat or never_there) and not _distrusts(exc)
            return _Failure(self.unreachable(exc), exc, _RETRY_S if again else None)
        except (httpx.InvalidURL, httpx.DecodingError) as exc:
            return _Failure(self.unreachable(exc), exc)
        if response.is_success:
            return response
        return _Failure(self.error_of(response), None, _asked_wait(response) if repeat else None)

    def error_of(self, response: httpx.Response) -> AkatsukiError:
        """What an answer that is no success says; its body was read."""
        error = error_from_response(response)
        if isinstance(error, AuthenticationError):
            error.hint = _AUTHENTICATE
        return error

    def unreachable(self, exc: Exception) -> ServerUnreachableError:
        """The error for a server that gave no answer."""
        import httpx

        if _distrusts(exc):
            return ServerUnreachableError(
                f"the certificate of {self.url} is not trusted: {_said(exc)}",
                hint="Is it the right host? A company's own authority is named by SSL_CERT_FILE.",
            )
        if isinstance(exc, httpx.TimeoutException) and not isinstance(exc, httpx.ConnectTimeout):
            return ServerUnreachableError(
                f"{self.url} did not answer in time", hint="It may have much to do: try again later."
            )
        return ServerUnreachableError(
            f"{self.url} cannot be reached: {_said(exc)}", hint="Is the URL right, and is the server running?"
        )


def document_of(response: httpx.Response) -> Any:
    """The JSON document of a successful answer.

    Raises:
        ServerUnreachableError: It is none: another program answered.
    """
    try:
        return json.loads(response.content)
    except ValueError as exc:
        raise stranger(response) from exc


def object_of(response: httpx.Response) -> Mapping[str, Any]:
    """As `document_of`, where it must be an object."""
    found = document_of(response)
    if not isinstance(found, dict):
        raise stranger(response)
    return found


def _distrusts(exc: BaseException | None) -> bool:
    """Whether the server's certificate is what is wrong."""
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _said(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds that a server asks to wait before the same request is sent again; None where it is of no use."""
    if response.status_code not in (409, 429, 502, 503):  # 409: the same request is being worked on
        return None
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT_S else None
