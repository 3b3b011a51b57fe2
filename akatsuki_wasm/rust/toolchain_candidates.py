"""The places where a toolchain may be, in order of preference, and what each of them lacks."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust import sysroot as private_sysroot
from akatsuki_wasm.rust.toolchain import MINIMUM_RUSTC, TARGET, Host, Toolchain, ToolchainKind
from akatsuki_wasm.rust.toolchain_facts import FactsCache, RustcFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

_MINIMUM = ".".join(map(str, MINIMUM_RUSTC))
SYSROOT_MISSING = "the compiled standard library for wasm32"


@dataclass(frozen=True)
class Candidate:
    """One place where a toolchain may be.

    Attributes:
        kind: Of the toolchain that it is or would be.
        name: For people, such as ``rustup's stable-x86_64-unknown-linux-gnu``.
        found: Whether there is a rustc at all.
        rustc: Its path, where there is one.
        version: First line of ``rustc -vV``, or empty.
        missing: What it lacks, for people; empty for a usable one.
        toolchain: The toolchain, where nothing is missing.
        facts: What the rustc says of itself, where it runs.
    """

    kind: ToolchainKind
    name: str
    found: bool
    rustc: Path | None = None
    version: str = ""
    missing: tuple[str, ...] = ()
    toolchain: Toolchain | None = None
    facts: RustcFacts | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """A JSON-able form."""
        return {
            "kind": self.kind,
            "name": self.name,
            "found": self.found,
            "usable": self.toolchain is not None,
            "rustc": None if self.rustc is None else str(self.rustc),
            "version": self.version,
            "missing": list(self.missing),
        }


def candidates(cache_dir: Path, host: Host) -> Iterator[Candidate]:
    """Every place that is looked at, best first; at least one of each kind, found or not."""
    facts = FactsCache(cache_dir)
    yield from _rustup(host, facts)
    yield from _system(host, facts)
    yield debian_candidate(cache_dir, host, facts)


def rustup_toolchains(host: Host) -> list[Path]:
    """Folders of rustup's toolchains: the default one first, then by name; a link to an earlier one is left out."""
    folder = host.rustup_home / "toolchains"
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return []
    try:
        settings = tomllib.loads((host.rustup_home / "settings.toml").read_text("utf-8"))
    except (OSError, ValueError):
        settings = {}
    default = settings.get("default_toolchain")
    names.sort(key=lambda name: name != default)  # stable: the rest stays in order
    unique: dict[Path, Path] = {}
    for name in names:
        unique.setdefault((folder / name).resolve(), folder / name)
    return list(unique.values())


def debian_candidate(cache_dir: Path, host: Host, facts: FactsCache) -> Candidate:
    """The distribution's packages with our private sysroot."""
    name = f"the packages in {host.debian_bin}"
    rustc, cargo = host.debian_bin / "rustc", host.debian_bin / "cargo"
    if not _runs(rustc) or _is_rustup_proxy(rustc):
        return Candidate("debian", name, found=False, missing=("rustc",))
    try:
        known = facts.read(rustc)
    except ToolchainError as exc:
        return Candidate("debian", name, found=True, rustc=rustc, missing=(exc.message,))
    missing = _shortcomings(known, cargo, host)
    if private_sysroot.std_source(known) is None:
        missing.append("the source of the standard library (package rust-web-src or rust-src)")
    folder = private_sysroot.location(cache_dir, known)
    if not private_sysroot.is_complete(folder, known):
        missing.append(SYSROOT_MISSING)
    toolchain = None
    if not missing:
        toolchain = Toolchain(
            kind="debian",
            cargo=cargo,
            rustc=rustc,
            version=known.version,
            sysroot=folder,
            rustflags=("--sysroot", str(folder), *private_sysroot.remapped(known, folder)),
            description=f"{known.version}, distribution packages, private wasm32 sysroot",
        )
    return Candidate("debian", name, True, rustc, known.version, tuple(missing), toolchain, known)


def _rustup(host: Host, facts: FactsCache) -> Iterator[Candidate]:
    folders = rustup_toolchains(host)
    if not folders:
        yield Candidate("rustup", "rustup", found=False, missing=("an installed toolchain",))
    for folder in folders:
        yield _own_sysroot("rustup", f"rustup's {folder.name}", folder / "bin" / "rustc", host, facts)


def _system(host: Host, facts: FactsCache) -> Iterator[Candidate]:
    seen: set[Path] = set()
    for folder in host.path.split(os.pathsep):
        rustc = Path(folder) / "rustc"
        # A relative folder of PATH would make the choice depend on the working folder.
        if not rustc.is_absolute() or not _runs(rustc) or _is_rustup_proxy(rustc) or rustc.resolve() in seen:
            continue
        seen.add(rustc.resolve())
        yield _own_sysroot("system", str(rustc), rustc, host, facts)
    if not seen:
        yield Candidate("system", "rustc on PATH", found=False, missing=("rustc",))


def _own_sysroot(kind: ToolchainKind, name: str, rustc: Path, host: Host, facts: FactsCache) -> Candidate:
    """A rustc that must have the target in its own sysroot."""
    if not _runs(rustc):
        return Candidate(kind, name, found=False, missing=("rustc",))
    try:
        known = facts.read(rustc)
    except ToolchainError as exc:
        return Candidate(kind, name, found=True, rustc=rustc, missing=(exc.message,))
    cargo = rustc.with_name("cargo")
    missing = _shortcomings(known, cargo, host)
    if not has_target(Path(known.sysroot)):
        missing.append(f"the target {TARGET}")
    toolchain = None
    if not missing:
        toolchain = Toolchain(
            kind=kind,
            cargo=cargo,
            rustc=rustc,
            version=known.version,
            sysroot=None,
            rustflags=private_sysroot.remapped(known, None),
            description=f"{known.version}, {name}",
        )
    return Candidate(kind, name, True, rustc, known.version, tuple(missing), toolchain, known)


def _shortcomings(known: RustcFacts, cargo: Path, host: Host) -> list[str]:
    missing = []
    if known.number < MINIMUM_RUSTC:
        missing.append(f"a rustc of at least {_MINIMUM} (it is {known.release})")
    if not _runs(cargo):
        missing.append(f"cargo beside rustc ({cargo})")
    linker = Path(known.sysroot, "lib/rustlib", known.host, "bin/rust-lld")
    if not _runs(linker) and not _runs(cargo.with_name("rust-lld")) and host.program("rust-lld") is None:
        missing.append("the linker rust-lld")
    return missing


def has_target(sysroot: Path) -> bool:
    """Whether a sysroot has the whole standard library for wasm32.

    rustup lists a component only after all its files are there, so that an interrupted download does not count.
    """
    rustlib = sysroot / "lib" / "rustlib"
    try:
        names = [entry.name for entry in (rustlib / TARGET / "lib").iterdir()]
    except OSError:
        return False
    whole = all(any(name.startswith(f"lib{crate}-") for name in names) for crate in ("core", "alloc", "std"))
    try:
        components = (rustlib / "components").read_text("utf-8").split()
    except (OSError, ValueError):
        return whole
    return whole and f"rust-std-{TARGET}" in components


def _runs(program: Path) -> bool:
    try:
        return program.is_file() and os.access(program, os.X_OK)
    except PermissionError:  # in a folder of PATH that this user may not look into
        return False


def _is_rustup_proxy(rustc: Path) -> bool:
    """Whether it is a link to, or a copy of, the rustup beside it, which chooses a toolchain by itself."""
    rustup = rustc.with_name("rustup")
    return rustc.resolve().name.startswith("rustup") or (rustup.exists() and rustc.samefile(rustup))
