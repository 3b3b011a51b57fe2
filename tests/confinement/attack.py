"""What one attack on the compiling machine is: a crate, and how to see that it worked."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.confinement.ladder import Level
    from akatsuki_wasm.rust.build import BuildLimits
    from akatsuki_wasm.rust.toolchain import Toolchain

TARGET = "wasm32-unknown-unknown"
PLAIN_S = 120.0
"""An unconfined build that is meant to end must do so in this time, on a machine that is busy."""

CARGO_TOML = """\
[package]
name = "guest"
version = "0.0.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
path = "src/lib.rs"
[workspace]
"""
LOCK = 'version = 4\n\n[[package]]\nname = "guest"\nversion = "0.0.0"\n'
LIB = """\
mod author;
#[no_mangle]
pub extern "C" fn f(a: usize) -> i32 {
    author::f(a)
}
"""
SECRET = "hunter2-5d41402abc4b2a76b9719d911017c592"

Where = Literal["module", "messages", "machine"]


@dataclass(frozen=True)
class Scene:
    """A machine with something to steal: a file, an environment variable, a folder to write in, another process.

    Attributes:
        root: Folder of this one attack.
        canary: A file that holds `SECRET` and is no business of the build.
        victim: Process id of a program whose environment holds `SECRET`.
        port: Of a TCP server on this machine that says so in `root` when somebody comes.
    """

    root: Path
    canary: Path
    victim: int
    port: int

    @property
    def mark(self) -> Path:
        """A file that an attack makes where it can run a program or write outside."""
        return self.root / "mark"

    @property
    def caught(self) -> Path:
        """The file of what came to the TCP server."""
        return self.root / "caught"


Files = Callable[[Scene], Mapping[str, str]]


@dataclass(frozen=True)
class Attack:
    """One way to make a compiler act on the machine.

    Attributes:
        name: For the table.
        files: The crate, by path inside it; what is missing of `CARGO_TOML`, `LOCK` and `LIB` is added. A path that
            begins with ``../`` lies beside the crate.
        into: Where what it steals shows: in the ``module``, in the compiler's ``messages``, or on the ``machine``, as
            `Scene.mark` or `Scene.caught`.
        stopped: What stops the crate at each level when nothing has looked at it before. At a level that is missing
            here the attack works, if it comes that far.
        before: What stops it before a compiler is started, for all levels: ``lint`` or ``one file``.
        environment: Of the plain build, besides the usual.
    """

    name: str
    files: Files
    into: Where
    stopped: Mapping[Level, str]
    before: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def crate(self, scene: Scene) -> dict[str, str]:
        """All files."""
        return {"Cargo.toml": CARGO_TOML, "Cargo.lock": LOCK, "src/lib.rs": LIB, **self.files(scene)}


@dataclass(frozen=True)
class Plain:
    """How an unconfined ``cargo build`` ended.

    Attributes:
        code: Exit code, or None where it was killed after `seconds`.
        messages: All that it printed.
        module: The module, or nothing.
        peak: Most memory of the largest of its processes, in bytes.
    """

    code: int | None
    messages: str
    module: bytes
    peak: int

    def shows(self, attack: Attack, scene: Scene) -> bool:
        """Whether the attack worked."""
        if attack.into == "module":
            return SECRET.encode() in self.module
        if attack.into == "messages":
            return SECRET in self.messages
        return scene.mark.exists() or scene.caught.exists()


def lay_out(files: Mapping[str, str], crate: Path) -> None:
    """Writes a crate, and what lies beside it."""
    for name, text in files.items():
        path = crate / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def plain_build(
    files: Mapping[str, str],
    toolchain: Toolchain,
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = PLAIN_S,
) -> Plain:
    """Builds as anybody would: in a folder, with their environment and nothing around it."""
    crate = folder / "plain" / "crate"
    lay_out(files, crate)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    flags = "\x1f".join(toolchain.rustflags)
    command = [str(toolchain.cargo), "build", "--release", "--offline", "--target", TARGET]
    known = {
        "PATH": os.pathsep.join([str(toolchain.rustc.parent), "/usr/bin", "/bin"]),
        "HOME": str(home),
        "RUSTC": str(toolchain.rustc),
        "SECRET": SECRET,
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "",
        **({"CARGO_ENCODED_RUSTFLAGS": flags} if flags else {}),
        **(environment or {}),
    }
    log = folder / "messages.txt"
    with log.open("wb") as messages:
        running = subprocess.Popen(
            command, cwd=crate, env=known, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages,
            start_new_session=True,
        )  # fmt: skip
    code, peak = _wait(running, seconds)
    modules = list((crate / "target" / TARGET / "release").glob("*.wasm"))
    text = log.read_text("utf-8", "replace")
    return Plain(code, text, modules[0].read_bytes() if modules else b"", peak)


def _wait(running: subprocess.Popen[bytes], seconds: float) -> tuple[int | None, int]:
    """Exit code, or None where it had to be killed with all that it started; most memory of the largest process."""
    deadline = time.monotonic() + seconds
    timed_out = False
    while True:
        pid, status, used = os.wait4(running.pid, os.WNOHANG)
        if pid:
            running.returncode = os.waitstatus_to_exitcode(status)
            return None if timed_out else running.returncode, used.ru_maxrss * 1024
        if time.monotonic() > deadline and not timed_out:
            timed_out = True
            os.killpg(running.pid, signal.SIGKILL)
        time.sleep(0.02)


@dataclass(frozen=True)
class Bomb:
    """One way to keep a compiler busy, or to fill memory, disk or terminal.

    Attributes:
        name: For the table.
        author: The author's file.
        lib: The root of the crate, where an inner attribute belongs.
        is_excessive: Whether a plain build took more than anybody would give it.
        limits: Under which it is built here.
        refused: The error that it then is.
        stopped: What stops it, for the table.
        before: As of `Attack`.
        seconds: How long the plain build may go on.
    """

    name: str
    author: str
    is_excessive: Callable[[Plain], bool]
    limits: BuildLimits
    refused: str
    stopped: str
    lib: str = LIB
    before: str = ""
    seconds: float = PLAIN_S
