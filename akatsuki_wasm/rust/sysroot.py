"""The private sysroot: the standard library for wasm32, compiled once for exactly one rustc.

Debian and Ubuntu package the compiler and the source of its standard library, but not the library for wasm32. cargo
compiles it with ``-Zbuild-std`` (an unstable flag, which is why the bootstrap variable is set here and nowhere else).
The finished folder appears under its final name in one step, so that it is whole or absent.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import BuildError, ToolchainError
from akatsuki_wasm.rust.build_process import Finished, run
from akatsuki_wasm.rust.toolchain import TARGET, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.rust.toolchain_facts import RustcFacts

_RECIPE = 1
"""Raise it when the way of compiling changes: the number is part of the folder's name."""
_STAMP = "akatsuki-sysroot.json"
_TIMEOUT_S = 1800.0
_UNITS = 29
"""Crates that cargo compiles for std and panic_abort of rustc 1.96; only the progress bar depends on it."""

_CARGO_TOML = """\
[workspace]
[package]
name = "mkstd"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[profile.release]
opt-level = 3
"""


def location(cache_dir: Path, facts: RustcFacts) -> Path:
    """Where the sysroot for that rustc is, or would be."""
    name = "-".join((facts.release, facts.commit[:12] or "unknown", facts.host, f"r{_RECIPE}"))
    return cache_dir / "sysroot" / re.sub(r"[^\w.+-]", "_", name)


def is_complete(folder: Path, facts: RustcFacts) -> bool:
    """Whether `folder` holds a whole sysroot for that rustc: the stamp fits it and every file has its size."""
    try:
        stamp = json.loads((folder / _STAMP).read_text("utf-8"))
        libraries = _libraries(folder)
        return bool(
            stamp["version"] == facts.version
            and stamp["files"]
            and all((libraries / name).stat().st_size == size for name, size in stamp["files"].items())
            and (folder / "lib" / "rustlib" / facts.host).is_dir()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def std_source(facts: RustcFacts) -> Path | None:
    """The ``library`` folder of the standard library's source with its vendored crates, or None."""
    own = Path(facts.sysroot, "lib/rustlib/src/rust/library")
    return own if (own / "std/src/lib.rs").is_file() and _vendored(own, facts) is not None else None


def remapped(facts: RustcFacts, folder: Path | None) -> tuple[str, ...]:
    """Flags that replace every path of the toolchain by a name that is the same on all machines."""
    virtual = f"/rustc/{facts.commit or facts.release}"
    source = Path(facts.sysroot, "lib/rustlib/src/rust")
    places = {str(source): virtual, str(source.resolve()): virtual}
    if folder is not None:
        places[str(folder)] = "/sysroot"
    return tuple(f"--remap-path-prefix={place}={name}" for place, name in places.items())


def compile_sysroot(
    cache_dir: Path, facts: RustcFacts, *, cargo: Path, rustc: Path, report: Callable[[Progress], None]
) -> Path:
    """Compiles the sysroot for that rustc and puts it in its place. The caller holds the installation's lock.

    Raises:
        ToolchainError: The source is missing, the disk is full, or cargo failed.
    """
    source = std_source(facts)
    vendor = None if source is None else _vendored(source, facts)
    if source is None or vendor is None:
        raise ToolchainError(
            f"the source of the standard library of {facts.version} is not installed",
            hint="install the package rust-web-src (or rust-src) of the same version",
        )
    final = location(cache_dir, facts)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        for stale in final.parent.glob(".build-*"):  # we hold the lock: whoever made it is dead
            shutil.rmtree(stale, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=".build-", dir=final.parent))
    except OSError as exc:
        raise _storage_error(final.parent, exc) from exc
    try:
        _compile(work, facts, vendor, cargo=cargo, rustc=rustc, report=report)
        made = work / "sysroot"
        _assemble(work, made, facts)
        if final.exists():  # a damaged one, else the caller would not ask
            final.rename(work / "damaged")
        made.rename(final)
        _sync(final.parent)
    except OSError as exc:
        raise _storage_error(final.parent, exc) from exc
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return final


def _compile(
    work: Path, facts: RustcFacts, vendor: Path, *, cargo: Path, rustc: Path, report: Callable[[Progress], None]
) -> None:
    crate = work / "crate"
    for name in ("crate", "cargo-home", "tmp"):
        (work / name).mkdir()
    (crate / "Cargo.toml").write_text(_CARGO_TOML, "utf-8")
    (crate / "lib.rs").write_text("#![no_std]\n", "utf-8")
    flags = ["-Cembed-bitcode=yes", f"--remap-path-prefix={work}=/build", *remapped(facts, None)]
    environment = {
        "PATH": os.pathsep.join(dict.fromkeys([str(rustc.parent), "/usr/bin", "/bin"])),
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
        "CARGO_HOME": str(work / "cargo-home"),
        "CARGO_TERM_COLOR": "never",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),  # unlike RUSTFLAGS it allows spaces in paths
        "RUSTC": str(rustc),
        "RUSTC_WRAPPER": "",
        "RUSTC_BOOTSTRAP": "1",
        "LC_ALL": "C.UTF-8",
    }
    command: list[str | Path] = [
        *(cargo, "build", "--release", "--offline", "--target", TARGET, "--message-format=json"),
        *("--manifest-path", crate / "Cargo.toml", "-Zbuild-std=std,panic_abort"),
        *("--config", 'source.crates-io.replace-with="vendored"'),
        *("--config", f"source.vendored.directory={json.dumps(str(vendor))}"),
    ]
    done = 0
    report(Progress("sysroot", f"compiling the standard library for {TARGET}, once for {facts.version}", 0.0))

    def on_line(line: bytes) -> None:
        nonlocal done
        try:
            message = json.loads(line)
        except ValueError:
            return
        if isinstance(message, dict) and message.get("reason") == "compiler-artifact":
            done += 1
            name = message.get("target", {}).get("name", "?")
            report(Progress("sysroot", f"compiled {name}", min(done / _UNITS, 0.99)))

    # The working folder is / because cargo takes configuration from every parent of it.
    try:
        finished = run(command, environment=environment, timeout_s=_TIMEOUT_S, on_line=on_line)
    except BuildError as exc:
        raise ToolchainError(f"the standard library could not be compiled: {exc.message}") from exc
    if finished.code != 0:
        raise _cargo_error(finished, work)


def _assemble(work: Path, made: Path, facts: RustcFacts) -> None:
    """Copies the compiled libraries into the shape of a sysroot and writes them through to the disk."""
    libraries = _libraries(made)
    libraries.mkdir(parents=True)
    sizes = {}
    for library in sorted((work / "crate" / "target" / TARGET / "release" / "deps").glob("*.rlib")):
        if library.name.startswith("libmkstd-"):
            continue
        copy = libraries / library.name
        shutil.copyfile(library, copy)
        copy.chmod(0o444)
        _sync(copy)
        sizes[library.name] = copy.stat().st_size
    if not any(name.startswith("libstd-") for name in sizes):
        raise ToolchainError(
            f"cargo compiled no standard library for {TARGET}: got {', '.join(sizes) or 'nothing'}",
            hint="install the packages again: apt-get install --reinstall rustc-web cargo-web rust-web-src",
        )
    # rustc looks for its host's libraries and tools in the sysroot that it is given.
    (made / "lib" / "rustlib" / facts.host).symlink_to(Path(facts.sysroot, "lib/rustlib", facts.host))
    stamp = made / _STAMP
    stamp.write_text(json.dumps({"version": facts.version, "recipe": _RECIPE, "files": sizes}, indent=1), "utf-8")
    for path in (stamp, libraries, made):
        _sync(path)


def _libraries(folder: Path) -> Path:
    return folder / "lib" / "rustlib" / TARGET / "lib"


def _vendored(source: Path, facts: RustcFacts) -> Path | None:
    places = (source / "vendor", Path(f"/usr/src/rustc-{facts.release}/library/vendor"))
    return next((place for place in places if place.is_dir()), None)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(PermissionError):  # some network file systems refuse it for folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _storage_error(folder: Path, exc: OSError) -> ToolchainError:
    full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some disk space (300 MB)" if full else "set AKATSUKI_CACHE_DIR to a folder you can write"
    return ToolchainError(f"the sysroot cannot be stored in {folder}: {exc.strerror or exc}", hint=hint)


def _cargo_error(finished: Finished, work: Path) -> ToolchainError:
    if finished.timed_out:
        return ToolchainError(
            f"compiling the standard library took longer than {_TIMEOUT_S:.0f} s",
            hint="on a less busy machine, run: akatsuki toolchain install",
        )
    if any("No space left on device" in line for line in finished.tail):
        return ToolchainError(
            f"the disk of {work.parent} is full: compiling the standard library needs 300 MB",
            hint="free some disk space, then run: akatsuki toolchain install",
        )
    errors = [line for line in finished.tail if line.startswith("error")] or list(finished.tail[-1:]) or ["no message"]
    return ToolchainError(
        f"compiling the standard library failed (exit code {finished.code}): {errors[0][:300]}",
        hint="install the packages again: apt-get install --reinstall rustc-web cargo-web rust-web-src rust-web-llvm",
    )
