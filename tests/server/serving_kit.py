"""Real `akatsuki serve` processes for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from click.testing import CliRunner
from wasmtime import wat2wasm

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.cli.root import cli
from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget, User
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).with_name("akatsuki")
EXECUTE = "/functions/v1/wasm-executor"
_MODULE = """(module (memory (export "memory") 1)
  (func (export "spin") (loop br 0))
  (func (export "turn") (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) i32.const 7))"""


class Serving:
    """A process of `akatsuki serve`.

    Attributes:
        process: Its own.
        url: Where it serves.
        printed: Lines of its stdout so far.
        log: Its stderr.
    """

    def __init__(self, process: subprocess.Popen[str], printed: list[str], log: Path) -> None:
        self.process = process
        self.printed = printed
        self.log = log
        self.url = printed[0].removeprefix("serving on ")

    @property
    def signing_in(self) -> str:
        """The address that signs a browser in."""
        found = re.search(r"http://\S+/\?token=\S+", "\n".join(self.printed))
        assert found, self.printed
        return found[0]

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii")
        return [int(each) for each in found.split()]

    def stop(self, number: int) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def serve_command(*words: str) -> list[str | Path]:
    return [PROGRAM, "serve", "--port", "0", *words]


@contextmanager
def serving(*words: str, lines: int = 2, **environment: str) -> Iterator[Serving]:
    """Starts `akatsuki serve` and waits until it says where it serves.

    Args:
        words: Of the command line.
        lines: Of its stdout to wait for.
        environment: Settings, such as ``JWT_SECRET``.
    """
    log = Path(os.environ["AKATSUKI_DATA_DIR"]).with_name(f"log-{time.monotonic_ns()}.txt")
    settings = {f"AKATSUKI_{name}": value for name, value in environment.items()}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            serve_command(*words), env=os.environ | settings, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    assert process.stdout
    try:
        slow = threading.Timer(120, process.kill)
        slow.start()
        try:
            printed = [process.stdout.readline().rstrip("\n") for _ in range(lines)]
        finally:
            slow.cancel()
        assert all(printed), f"it ended or said nothing: {log.read_text()}"
        yield Serving(process, printed, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def refused(*words: str, **environment: str) -> tuple[int, str]:
    """Exit code and stderr of an `akatsuki serve` that is refused before it serves: in this process."""
    settings = {f"AKATSUKI_{name}": value for name, value in environment.items()}
    done = CliRunner().invoke(cli, ["serve", "--port", "0", *words], prog_name="akatsuki", env=settings)
    assert done.stdout == ""
    return done.exit_code, done.stderr


def not_started(*words: str, **environment: str) -> tuple[int, str]:
    """Exit code and stderr of an `akatsuki serve` that cannot start."""
    settings = {f"AKATSUKI_{name}": value for name, value in environment.items()}
    done = subprocess.run(
        serve_command(*words), env=os.environ | settings | {"NO_COLOR": "1"}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def store_spinner(user: User) -> StoredModule:
    """Stores a module with a function that does not end in the registry of the test."""
    wasm = bytes(wat2wasm(_MODULE))
    data = Path(os.environ["AKATSUKI_DATA_DIR"])
    with Registry.open(f"sqlite:///{data / 'registry.db'}", (data / "blobs").as_uri()) as registry:
        return registry.store(Artifact(wasm, manifests.for_binary(wasm)), UploadTarget("spinner", registry, user))


def history() -> list[tuple[str, str]]:
    """Function and status of each execution in the registry of the test."""
    data = Path(os.environ["AKATSUKI_DATA_DIR"])
    with Registry.open(f"sqlite:///{data / 'registry.db'}", (data / "blobs").as_uri()) as registry:
        rows = registry.executions(UPKEEP).list_recent()
        return sorted((row.function_name, row.status) for row in rows)


def spin(url: str, token: str, module: StoredModule, **more: object) -> httpx.Response:
    """Executes the function that does not end."""
    body = {"moduleId": str(module.id), "functionName": "spin", "args": [], **more}
    return httpx.post(f"{url}{EXECUTE}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
