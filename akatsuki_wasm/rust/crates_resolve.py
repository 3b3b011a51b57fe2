"""Resolves the permitted crates once, into a locked folder of their sources in the user's cache.

cargo does it with the user's own configuration: mirrors, proxies and credentials of ``~/.cargo``. It is the only step
that uses the network. No code of a crate runs in it: cargo reads descriptions and unpacks archives. The folder appears
under its name in one step, so that it is whole or absent, whoever else resolves at the same time or is killed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import BuildError, ConfigError
from akatsuki_wasm.rust.build_folder import private_folder
from akatsuki_wasm.rust.build_process import run
from akatsuki_wasm.rust.crates_errors import resolve_error
from akatsuki_wasm.rust.crates_lock import read_lock
from akatsuki_wasm.rust.crates_manifest import resolving_package
from akatsuki_wasm.rust.crates_vendored import LOCK, MANIFEST, VENDOR, VendoredCrates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.contracts import Crate
    from akatsuki_wasm.rust.toolchain import Toolchain

_RECIPE = 1
"""Raise it when the way of resolving changes: the number is part of the folder's name."""
_TIMEOUT_S = 600.0
_NOT_FOR_CARGO = re.compile(
    r"AKATSUKI_|OPENAI_|RUSTC|RUSTDOC|RUSTFLAGS$|CARGO_(ENCODED_|BUILD_|TARGET_|UNSTABLE_|PROFILE_|RESOLVER_)"
)
"""Variables that are none of its business, or that would change what it resolves to."""


def resolve(
    crates: Sequence[Crate],
    toolchain: Toolchain,
    cache_dir: Path,
    *,
    lock: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> VendoredCrates:
    """The sources of the permitted crates and of all that they need; fetched where they are not here yet.

    Args:
        crates: At least one.
        toolchain: Whose cargo does it; versions are chosen that its rustc can compile.
        cache_dir: The user's cache folder.
        lock: The user's own lock, which decides all versions where the file exists.
        report: Hears that something is fetched.

    Raises:
        ConfigError: A crate, version or feature does not exist, or the lock does not fit the crates.
        BuildError: The registry cannot be reached, or the cache cannot be written.
    """
    pinned = read_pinned(lock, crates)
    folder = _place(crates, toolchain, cache_dir, pinned)
    try:
        if not (folder / MANIFEST).is_file():
            report(f"fetching {', '.join(each.name for each in crates)} from the crate registry")
            _fetch(folder, crates, toolchain, pinned)
        return VendoredCrates.open(folder, crates)
    except OSError as exc:
        raise _storage_error(folder.parent, exc) from exc


def find_resolved(
    crates: Sequence[Crate], toolchain: Toolchain, cache_dir: Path, *, lock: Path | None = None
) -> VendoredCrates | None:
    """What `resolve` would give without the network, or None where it has to be fetched first.

    Args:
        crates: At least one.
        toolchain: As for `resolve`.
        cache_dir: As for `resolve`.
        lock: As for `resolve`.

    Raises:
        ConfigError: The lock does not fit the crates.
    """
    try:
        return VendoredCrates.open(_place(crates, toolchain, cache_dir, read_pinned(lock, crates)), crates)
    except OSError:
        return None


def relock(crates: Sequence[Crate], toolchain: Toolchain, cache_dir: Path, *, lock: Path, update: bool) -> str:
    """The text of a new lock; the sources that it names are kept for the builds to come.

    Args:
        crates: At least one.
        toolchain: Whose cargo does it.
        cache_dir: The user's cache folder.
        lock: The lock of before, whose versions are kept where they still fit; where there is none, those that
            builds on this machine have used.
        update: Take the newest versions instead.

    Raises:
        ConfigError: A crate, version or feature does not exist, or the lock of before is none.
        BuildError: The registry cannot be reached, or the cache cannot be written.
    """
    base = None
    if not update:
        base = _lock_file(lock) or _lock_of(_place(crates, toolchain, cache_dir, None))
    root = cache_dir / "crates"
    try:
        with private_folder(root) as work:
            text = _vendor(work, crates, toolchain, base, locked=False)
            _keep(work, _place(crates, toolchain, cache_dir, text))
            return text
    except OSError as exc:
        raise _storage_error(root, exc) from exc


def write_lock(lock: Path, text: str) -> bool:
    """Writes a lock file whole; gives whether it is another one than before.

    Raises:
        ConfigError: It cannot be written.
    """
    if _lock_of(lock.parent, lock.name) == text:
        return False
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=lock.parent, delete=False) as new:
            new.write(text)
        Path(new.name).chmod(0o644)
        Path(new.name).replace(lock)
    except OSError as exc:
        raise ConfigError(
            f"{lock} cannot be written: {exc.strerror or exc}", hint="Set crates_lock to a file that you can write."
        ) from exc
    return True


def read_pinned(lock: Path | None, crates: Sequence[Crate]) -> str | None:
    """The text of the user's own lock, or None where there is none.

    Raises:
        ConfigError: It cannot be read, or does not fit the crates.
    """
    text = None if lock is None else _lock_file(lock)
    if text is not None:
        read_lock(text, crates, where=str(lock))
    return text


def _lock_file(lock: Path) -> str | None:
    try:
        return lock.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{lock} cannot be read: {exc}", hint="Mend or remove it.") from exc


def _place(crates: Sequence[Crate], toolchain: Toolchain, cache_dir: Path, pinned: str | None) -> Path:
    """The folder of these crates; one that was resolved freely serves the lock that says the same."""
    free = cache_dir / "crates" / _key(crates, toolchain, None)
    if pinned is None or _lock_of(free) == pinned:
        return free
    return free.with_name(_key(crates, toolchain, pinned))


def _key(crates: Sequence[Crate], toolchain: Toolchain, pinned: str | None) -> str:
    said = [[each.name, each.version, each.features, each.default_features] for each in crates]
    return hashlib.sha256(json.dumps([_RECIPE, said, toolchain.version, pinned]).encode()).hexdigest()[:32]


def _lock_of(folder: Path, name: str = LOCK) -> str | None:
    try:
        return (folder / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _fetch(folder: Path, crates: Sequence[Crate], toolchain: Toolchain, pinned: str | None) -> None:
    with private_folder(folder.parent) as work:
        _vendor(work, crates, toolchain, pinned, locked=pinned is not None)
        _keep(work, folder)


def _keep(work: Path, folder: Path) -> None:
    """Puts what `_vendor` made in its place, where it is not there already."""
    made = work / "made"
    for path in (made / VENDOR).rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    try:
        made.rename(folder)
    except OSError as exc:
        # Somebody else was faster; theirs is what others may have built with already.
        if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _vendor(work: Path, crates: Sequence[Crate], toolchain: Toolchain, lock: str | None, *, locked: bool) -> str:
    """Makes ``work/made``: the package, its lock and the sources; gives the lock."""
    made = work / "made"
    made.mkdir()
    for name, text in resolving_package(crates).items():
        (made / name).write_text(text, "utf-8")
    if lock is not None:
        (made / LOCK).write_text(lock, "utf-8")
    (made / VENDOR).mkdir()
    # Without --respect-source-config, vendoring would go past the mirrors of the user's configuration.
    options = ["--versioned-dirs", "--respect-source-config", *(["--locked"] if locked else [])]
    finished = run(
        [toolchain.cargo, "vendor", "--manifest-path", made / MANIFEST, *options, made / VENDOR],
        environment=_environment(os.environ, toolchain, work),
        timeout_s=_TIMEOUT_S,
        folder=work,  # cargo reads configuration of the working folder: no stranger's project may be that
    )
    if finished.code != 0 or finished.timed_out:
        raise resolve_error(finished, _TIMEOUT_S)
    text = (made / LOCK).read_text("utf-8")
    read_lock(text, crates, where="the resolved lock")
    return text


def _environment(user: Mapping[str, str], toolchain: Toolchain, work: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in user.items() if not _NOT_FOR_CARGO.match(name)},
        "RUSTC": str(toolchain.rustc),
        "RUSTC_WRAPPER": "",
        "CARGO_TARGET_DIR": str(work / "target"),
        "CARGO_TERM_COLOR": "never",
        "CARGO_TERM_PROGRESS_WHEN": "never",
        "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback",
        "LC_ALL": "C.UTF-8",
    }


def _storage_error(root: Path, exc: OSError) -> BuildError:
    full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "Free some disk space." if full else "Set AKATSUKI_CACHE_DIR to a folder that you can write."
    return BuildError(f"the permitted crates cannot be stored in {root}: {exc.strerror or exc}", hint=hint)
