"""The folder of vendored crates: what is in it, and which packages of it a module's build reaches.

A package with a build script or a procedural macro is a program that runs on this machine while it compiles. Which
packages a build reaches is asked of cargo, with the features and the targets of that very build.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import BuildError
from akatsuki_wasm.rust.build_process import run
from akatsuki_wasm.rust.crates_lock import Package, closure, lock_sha256, read_lock
from akatsuki_wasm.rust.crates_source import damaged_hint, search_path, source_arguments
from akatsuki_wasm.rust.toolchain import TARGET, Toolchain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import Crate

MANIFEST, LOCK, VENDOR = "Cargo.toml", "Cargo.lock", "vendor"
_TREE_TIMEOUT_S = 60.0
_TREE_LINE = re.compile(r"(\S+) v(\S+)")


@dataclass(frozen=True)
class ReachedPackage:
    """A package that a build compiles.

    Attributes:
        name: As in its ``Cargo.toml``.
        version: Exact.
        build_script: Whether it has a program that runs before it is compiled.
        proc_macro: Whether it is a program that runs inside the compiler.
    """

    name: str
    version: str
    build_script: bool = False
    proc_macro: bool = False

    @property
    def runs(self) -> bool:
        """Whether code of it runs on this machine while a module is built."""
        return self.build_script or self.proc_macro

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class VendoredCrates:
    """The sources of the permitted crates and of what they need, as cargo resolved them.

    Attributes:
        folder: In the user's cache; nothing in it changes.
        crates: The permitted crates.
        lock: The text of ``Cargo.lock``.
        packages: Those of the lock.
    """

    folder: Path
    crates: tuple[Crate, ...]
    lock: str
    packages: tuple[Package, ...]

    @classmethod
    def open(cls, folder: Path, crates: Sequence[Crate]) -> VendoredCrates:
        """Reads a whole folder.

        Raises:
            OSError: It is not there.
            ConfigError: Its lock is not one of these crates.
        """
        lock = (folder / LOCK).read_text("utf-8")
        return cls(folder, tuple(crates), lock, read_lock(lock, crates, where=str(folder / LOCK)))

    @property
    def sources(self) -> Path:
        """The folder with one folder for each package."""
        return self.folder / VENDOR

    def reached(self, used: Sequence[Crate], toolchain: Toolchain) -> tuple[ReachedPackage, ...]:
        """The packages that the build of a module compiles, those for this machine included; by name and version.

        Args:
            used: The crates that the module's source names.
            toolchain: Whose cargo is asked, once for each set of crates.

        Raises:
            BuildError: cargo does not answer.
        """
        names = sorted(each.name for each in used)
        known = self.folder / "reached" / f"{hashlib.sha256(','.join(names).encode()).hexdigest()[:32]}.json"
        with suppress(OSError, ValueError, TypeError):  # not there, or damaged: cargo is asked again
            return tuple(ReachedPackage(**each) for each in json.loads(known.read_text("utf-8")))
        found = tuple(self._inspected(name, version) for name, version in self._tree(names, toolchain))
        _remember(known, [vars(each) for each in found])
        return found

    def _tree(self, names: Sequence[str], toolchain: Toolchain) -> list[tuple[str, str]]:
        lines: list[str] = []
        with tempfile.TemporaryDirectory(prefix="akatsuki-tree-") as work:
            finished = run(
                [
                    *(toolchain.cargo, "tree", "--frozen", "--manifest-path", self.folder / MANIFEST),
                    *("--target", TARGET, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"),
                    *("--features", ",".join(names), *source_arguments(self.sources)),
                ],
                environment={
                    "PATH": search_path(toolchain),
                    "HOME": work,
                    "CARGO_HOME": work,
                    "CARGO_TARGET_DIR": work,
                    "CARGO_TERM_COLOR": "never",
                    "RUSTC": str(toolchain.rustc),
                    "RUSTC_WRAPPER": "",
                    "LC_ALL": "C.UTF-8",
                },
                timeout_s=_TREE_TIMEOUT_S,
                on_line=lambda line: lines.append(line.decode("utf-8", "replace")),
            )
        if finished.code != 0 or finished.timed_out:
            last = next((line for line in finished.tail if line.startswith("error")), "no message")
            raise BuildError(
                f"cargo does not say what {', '.join(names)} need: {last[:300]}", hint=damaged_hint(self.folder)
            )
        found = {(match[1], match[2]) for line in lines[1:] if (match := _TREE_LINE.match(line))}
        return sorted(found)

    def _inspected(self, name: str, version: str) -> ReachedPackage:
        folder = self.sources / f"{name}-{version}"
        try:
            manifest = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError) as exc:
            raise BuildError(
                f"the vendored crate {name} {version} cannot be read: {exc}", hint=damaged_hint(self.folder)
            ) from exc
        return ReachedPackage(name, version, _has_build_script(manifest, folder), _is_proc_macro(manifest))

    def facts(self, used: Sequence[Crate]) -> dict[str, Any]:
        """What determines a module that uses these crates, for its manifest: no path, no clock."""
        return {
            "crates": {each.name: _said(each) for each in used},
            "crates_sha256": lock_sha256(closure(self.packages, used)),
        }


def _said(crate: Crate) -> str | dict[str, Any]:
    """A crate as the setting would say it."""
    if not crate.features and crate.default_features:
        return crate.version
    said: dict[str, Any] = {"version": crate.version, "features": list(crate.features)}
    return said if crate.default_features else {**said, "default_features": False}


def _has_build_script(manifest: dict[str, Any], folder: Path) -> bool:
    """The Cargo Book, "The Manifest Format": a file ``build.rs`` is one unless the manifest says no."""
    build = manifest.get("package", {}).get("build")
    return (folder / "build.rs").is_file() if build is None else build is not False


def _is_proc_macro(manifest: dict[str, Any]) -> bool:
    library = manifest.get("lib", {})
    return bool(library.get("proc-macro") or library.get("proc_macro") or "proc-macro" in library.get("crate-type", ()))


def _remember(path: Path, value: Any) -> None:
    """Writes a small file whole; a cache that cannot be written only costs time."""
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream)
        Path(name).replace(path)
