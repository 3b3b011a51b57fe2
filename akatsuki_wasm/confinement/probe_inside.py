"""What the probe runs under a confinement: it tries what must fail and what must work, and prints what happened.

Run as a script with the standard library alone: ``probe_inside.py JSON``, an object with ``canary`` (a file outside),
``outside`` (a folder outside), ``inside`` (a folder that may be written), ``address`` (of an abstract unix socket that
somebody listens on, or empty) and ``host`` (a process outside). Prints a JSON object: by name of what was tried, the
name of the error, or an empty string where it worked.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Tries everything, whatever happened before."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    written, linked = f"{told['inside']}/written", f"{told['inside']}/linked"
    trials: dict[str, Callable[[], object]] = {
        "read a file outside": lambda: _read(told["canary"]),
        "see that a file outside exists": lambda: os.stat(told["canary"]),  # noqa: PTH116 - as below
        "write a file outside": lambda: _write(f"{told['outside']}/written"),
        "change a file outside": lambda: os.utime(told["canary"], (1, 1)),
        "read the environment of the host": lambda: _read(f"/proc/{told['host']}/environ"),
        "open an internet socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
        "open a netlink socket": lambda: socket.socket(16, socket.SOCK_RAW).close(),
        "signal the host": lambda: os.kill(told["host"], 0),
        "write inside": lambda: _write(written),
        "link inside": lambda: os.link(written, linked),
        "run a program": _run,
    }
    if told["address"]:
        trials["reach an abstract unix socket"] = lambda: _connect(f"\0{told['address']}")
    sys.stdout.write(json.dumps({name: _outcome(trial) for name, trial in trials.items()}))


def _outcome(trial: Callable[[], object]) -> str:
    try:
        trial()
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, type(exc).__name__)
    return ""


def _read(path: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib would double the time of this script
        file.read(1)


def _write(path: str) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - as above
        file.write(b"x")


def _connect(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(address)


def _run() -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {})
    _, status = os.waitpid(child, 0)
    if status:
        raise ChildProcessError(errno.ECHILD, "it ended with an error")


if __name__ == "__main__":
    main()
