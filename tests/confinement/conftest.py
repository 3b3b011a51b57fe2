"""The levels that this machine has, and a machine with something to steal."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.confinement.ladder import LEVELS, Confinement, Level
from akatsuki_wasm.confinement.probe import probe

from .attack import SECRET, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def best() -> Confinement:
    """The best confinement of this machine, found now."""
    found, certain = probe()
    assert certain
    return found


@pytest.fixture(scope="session", params=LEVELS)
def level(request: pytest.FixtureRequest) -> Level:
    found: Level = request.param
    return found


@pytest.fixture(scope="session")
def confinement(best: Confinement, level: Level) -> Confinement:
    """Each level in turn; one that this machine lacks is skipped with the reason."""
    return at_level(best, level)


def at_level(best: Confinement, level: Level) -> Confinement:
    """That level, or the end of the test. Only full may be lacking in CI: containers often forbid user namespaces."""
    if best.at_least(level):
        return best.lowered(level)
    what = f"this machine has no {level} sandbox: {best.lacking[level]} ({best.hints[level]})"
    if level == "strong" and os.environ.get("CI") == "true":
        pytest.fail(f"CI needs what is missing: {what}")
    pytest.skip(what)


@pytest.fixture(scope="session")
def victim() -> Iterator[int]:
    """A program of the user's, with a secret in its environment."""
    with subprocess.Popen(["/bin/sleep", "3600"], env={"SECRET": SECRET}) as program:
        yield program.pid
        program.kill()


@pytest.fixture
def scene(tmp_path: Path, victim: int) -> Iterator[Scene]:
    """A machine of its own for one attack."""
    canary = tmp_path / "elsewhere" / "secret.txt"
    canary.parent.mkdir()
    canary.write_text(f"{SECRET}\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Scene(tmp_path, canary, victim, server.getsockname()[1])
        threading.Thread(target=_serve, args=(server, found.caught), daemon=True).start()
        yield found
        # Closing alone does not end an accept that waits in another thread.
        server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, caught: Path) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            with client:
                caught.write_bytes(client.recv(1000))
