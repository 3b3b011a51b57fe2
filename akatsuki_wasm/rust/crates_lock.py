"""The lock of the permitted crates: cargo's own ``Cargo.lock``, read, checked, and told as facts of a build.

The format is that of The Cargo Book, "Cargo.toml vs Cargo.lock", versions 3 and 4.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import ConfigError
from akatsuki_wasm.rust.glue import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from akatsuki_wasm.contracts import Crate

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
"""What a lock calls the public registry, also where a mirror stands in for it."""
RELOCK_HINT = "Run: akatsuki crates lock"

_CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Package:
    """One package of a lock.

    Attributes:
        name: As in its ``Cargo.toml``.
        version: Exact.
        checksum: Hex sha256 of what the registry delivers.
        dependencies: What it may need, each as ``name`` or ``name version``; not all of it is compiled.
    """

    name: str
    version: str
    checksum: str
    dependencies: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def read_lock(text: str, crates: Sequence[Crate], *, where: str) -> tuple[Package, ...]:
    """Reads a lock and checks that it is one of these crates, with nothing in it that no registry has vouched for.

    Args:
        text: The file.
        crates: The permitted crates.
        where: What the file is called in errors.

    Returns:
        All packages but the module's own, by name and version.

    Raises:
        ConfigError: It is no lock, is of other crates or versions, or has a package from elsewhere than the registry.
    """
    try:
        entries: list[dict[str, Any]] = tomllib.loads(text)["package"]
        packages = tuple(_package(each, where) for each in entries if each["name"] != PACKAGE)
        names = {each["name"] for each in entries}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigError(f"{where} is no lock of crates: {exc}", hint=f"{RELOCK_HINT} --update") from exc
    if PACKAGE not in names:
        raise ConfigError(
            f"{where} is the lock of another program: it has no package {PACKAGE}", hint=f"{RELOCK_HINT} --update"
        )
    locked = {(each.name, each.version) for each in packages}
    for crate in crates:
        if (crate.name, crate.version) not in locked:
            raise ConfigError(
                f"{where} does not fit the setting crates: it lacks {crate.name} {crate.version}", hint=RELOCK_HINT
            )
    return packages


def _package(entry: Mapping[str, Any], where: str) -> Package:
    name, version = str(entry["name"]), str(entry["version"])
    source, checksum = entry.get("source"), str(entry.get("checksum", ""))
    if source != CRATES_IO or not _CHECKSUM.fullmatch(checksum):
        got = source or "no source"
        raise ConfigError(
            f"{where} takes {name} {version} from {got}: expected the crate registry, with a checksum",
            hint=RELOCK_HINT,
        )
    return Package(name, version, checksum, tuple(str(each) for each in entry.get("dependencies", ())))


def closure(packages: Iterable[Package], crates: Iterable[Crate]) -> tuple[Package, ...]:
    """The packages that some crates may need, those crates first included; by name and version."""
    by_name: dict[str, list[Package]] = {}
    for each in packages:
        by_name.setdefault(each.name, []).append(each)
    found: set[Package] = set()
    waiting = [f"{each.name} {each.version}" for each in crates]
    while waiting:
        name, _, version = waiting.pop().partition(" ")
        for each in by_name.get(name, ()):
            if each not in found and version.partition(" ")[0] in {"", each.version}:
                found.add(each)
                waiting += each.dependencies
    return tuple(sorted(found, key=lambda each: (each.name, each.version)))


def lock_sha256(packages: Iterable[Package]) -> str:
    """Hex sha256 over the names, versions and checksums of packages: with the source it determines the module."""
    lines = "".join(f"{each.name} {each.version} {each.checksum}\n" for each in packages)
    return hashlib.sha256(lines.encode()).hexdigest()
