"""The socket that the service listens on, and what it is called."""

from __future__ import annotations

import errno
import ipaddress
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_UNIX_MODE = 0o660
"""For a proxy in the same group; others are kept out."""


@dataclass(frozen=True)
class Place:
    """Where to listen.

    Attributes:
        host: Name or address.
        port: 0 for any that is free.
        unix: Path of a unix socket instead, or None.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    unix: Path | None = None

    def is_private(self) -> bool:
        """Whether only this machine can connect.

        Raises:
            ConfigError: The host is not known.
        """
        return self.unix is not None or ipaddress.ip_address(self._resolved()[1][0].partition("%")[0]).is_loopback

    def listen(self) -> Listener:
        """Binds the socket.

        Raises:
            ConfigError: The place is taken, or not this machine's.
        """
        return Listener(self, self._unix_socket(self.unix) if self.unix is not None else self._internet_socket())

    def _resolved(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        try:
            family, _, _, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except (OSError, UnicodeError) as exc:
            raise ConfigError(
                f"the host {self.host!r} is not known", hint="Give an address of this machine, such as 127.0.0.1."
            ) from exc
        return family, (str(address[0]), int(address[1]))

    def _internet_socket(self) -> socket.socket:
        family, address = self._resolved()
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of a service that has just stopped
            if family == socket.AF_INET6:
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
            found.bind(address)
        except OSError as exc:
            found.close()
            raise self._unusable(exc) from exc
        return found

    def _unusable(self, exc: OSError) -> ConfigError:
        if exc.errno == errno.EADDRINUSE:
            return ConfigError(
                f"port {self.port} of {self.host} is taken",
                hint="Choose another with --port; 0 takes one that is free.",
            )
        if exc.errno == errno.EACCES:
            return ConfigError(f"port {self.port} may not be used by this user", hint="Choose one above 1023.")
        return ConfigError(
            f"{self.host} cannot be listened on: {(exc.strerror or str(exc)).lower()}",
            hint="Give an address of this machine, such as 127.0.0.1.",
        )

    @staticmethod
    def _unix_socket(path: Path) -> socket.socket:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove_dead(path)
            found.bind(str(path))
            path.chmod(_UNIX_MODE)
        except OSError as exc:
            found.close()
            what = (
                "is taken" if exc.errno == errno.EADDRINUSE else f"cannot be made: {(exc.strerror or str(exc)).lower()}"
            )
            raise ConfigError(f"the socket {path} {what}", hint="Choose another path with --uds.") from exc
        return found


class Listener:
    """A bound socket; a context manager.

    Args:
        place: Where.
        bound: The socket.
    """

    def __init__(self, place: Place, bound: socket.socket) -> None:
        self.place = place
        self.socket = bound

    @property
    def url(self) -> str:
        """Such as ``http://127.0.0.1:8787``; ``unix:/run/akatsuki.sock`` for a unix socket."""
        if self.place.unix is not None:
            return f"unix:{self.place.unix}"
        host, port = self.place.host, self.socket.getsockname()[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, cls: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()
        if self.place.unix is not None:
            self.place.unix.unlink(missing_ok=True)


def _remove_dead(path: Path) -> None:
    """Removes the socket of a service that was killed; one that answers stays, and so does any other file."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        with suppress(ConnectionRefusedError):
            asking.connect(str(path))
            return
    path.unlink(missing_ok=True)
