"""Finds a Rust toolchain that builds for wasm32-unknown-unknown.

The order is: any toolchain of rustup that has the target (the default one first); a plain ``rustc`` on PATH whose own
sysroot has it; Debian's and Ubuntu's rustc with the private sysroot that `akatsuki_wasm.rust.sysroot` compiled for
exactly that rustc. cargo and rustc always come from the same toolchain: a rustc of one and a cargo of another fail in
confusing ways.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from akatsuki_wasm.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

ToolchainKind = Literal["rustup", "system", "debian"]

TARGET = "wasm32-unknown-unknown"
MINIMUM_RUSTC = (1, 85)
"""The oldest rustc that the prelude is written for: the one of Debian 12's own archive."""
INSTALL_HINT = "run: akatsuki toolchain install"


@dataclass(frozen=True)
class Host:
    """Where on this machine Rust is looked for.

    Attributes:
        path: Folders of programs, as in PATH.
        rustup_home: rustup's folder, which may not exist.
        debian_bin: Where distribution packages put rustc and cargo, whatever PATH says.
        user_id: Who acts; 0 may install packages without sudo.
    """

    path: str
    rustup_home: Path
    debian_bin: Path = Path("/usr/bin")
    user_id: int = field(default_factory=os.geteuid)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Host:
        """The host as the environment (``os.environ`` by default) describes it."""
        known = os.environ if environment is None else environment
        rustup_home = known.get("RUSTUP_HOME") or str(Path(known.get("HOME") or "~").expanduser() / ".rustup")
        return cls(path=known.get("PATH") or os.defpath, rustup_home=Path(rustup_home))

    def program(self, name: str) -> Path | None:
        """The absolute path of a program on `path`, or None."""
        found = shutil.which(name, path=self.path)
        return None if found is None else Path(found).absolute()


@dataclass(frozen=True)
class Toolchain:
    """A cargo and a rustc that belong together, and what they need to build for wasm32.

    Attributes:
        kind: ``rustup``, ``system`` (a plain rustc with the target) or ``debian`` (with a private sysroot).
        cargo: Absolute path.
        rustc: Absolute path, of the same toolchain.
        version: First line of ``rustc -vV``, such as ``rustc 1.96.0 (ac68faa20 2026-05-25)``.
        sysroot: The private sysroot, or None where rustc's own has the target.
        rustflags: What every build with it must pass to rustc: the sysroot, and remapped paths that keep the location
            of the standard library out of the module.
        description: One line for people.
    """

    kind: ToolchainKind
    cargo: Path
    rustc: Path
    version: str
    sysroot: Path | None
    rustflags: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Progress:
    """Something that happened during an installation.

    Attributes:
        phase: ``find``, ``wait``, ``rustup``, ``apt``, ``sysroot`` or ``done``.
        text: One line for people.
        fraction: Of the phase, 0.0 to 1.0, or None where it is not known.
    """

    phase: str
    text: str
    fraction: float | None = None


def find_toolchain(cache_dir: Path, *, host: Host | None = None) -> Toolchain:
    """Finds the first usable toolchain, in the order of the module's docstring.

    Facts about each rustc are kept in `cache_dir`, so that only the first search runs programs; the choice itself is
    made anew each time from the files that are there.

    Args:
        cache_dir: The user's cache folder; it need not exist or be writable.
        host: Where to look; this machine by default.

    Raises:
        ToolchainError: There is none.
    """
    from akatsuki_wasm.rust.toolchain_candidates import candidates  # a cycle: candidates are made of Toolchain

    seen = []
    for candidate in candidates(cache_dir, host or Host.from_environment()):
        if candidate.toolchain is not None:
            return candidate.toolchain
        seen.append(candidate)
    found = [candidate for candidate in seen if candidate.found]
    if not found:
        raise ToolchainError("no Rust is installed: expected rustc and cargo with wasm32 support", hint=INSTALL_HINT)
    reasons = "; ".join(f"{candidate.name} lacks {', '.join(candidate.missing)}" for candidate in found)
    raise ToolchainError(f"no Rust toolchain builds for {TARGET}: {reasons}", hint=INSTALL_HINT)
