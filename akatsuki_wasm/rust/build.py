"""Builds a rendered guest crate into a wasm module, in a private folder, under limits, reproducibly.

The source is untrusted while it compiles. What holds here: only the given files exist; cargo runs offline and locked
with a clean environment, its own home and no configuration of the user's or of any parent folder; a confinement keeps
it from all files but the toolchain's and its own, and from the network, where the machine can; limits hold for each
process; the wall clock kills the whole group; the folder is removed in every case.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import signal
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from akatsuki_wasm.confinement.launcher import CANNOT_CONFINE
from akatsuki_wasm.confinement.probe import find_confinement
from akatsuki_wasm.contracts import MIB, Diagnostic
from akatsuki_wasm.errors import BuildError, BuildTimeoutError, CompileError
from akatsuki_wasm.rust.build_access import build_access
from akatsuki_wasm.rust.build_folder import private_folder
from akatsuki_wasm.rust.build_process import Finished, run
from akatsuki_wasm.rust.crates_errors import script_error
from akatsuki_wasm.rust.crates_source import damaged_hint, search_path, source_arguments
from akatsuki_wasm.rust.diagnostics import MessageReader
from akatsuki_wasm.rust.host_linker import write_host_linker
from akatsuki_wasm.rust.toolchain import INSTALL_HINT, TARGET, Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.confinement.ladder import Access, Confinement
    from akatsuki_wasm.contracts import Control

log = logging.getLogger(__name__)

GUEST_STACK = 256 * 1024
"""Bytes that a guest keeps for local variables whose address is taken, at the bottom of its memory. The linker's
default is 1 MiB, which is zeroed for each execution and costs more than all the rest of a short one."""
INTERLEAVE = 2
"""SIMD registers for each step of a loop. LLVM's choice for wasm is one, but what a loop costs in itself is dear here:
with its epoch check, wasmtime keeps the constants of a loop on the stack, and a round takes 9 cycles at least."""
RUSTFLAGS = (
    *("-C", "target-feature=+simd128", "-C", f"link-arg=-zstack-size={GUEST_STACK}"),
    *("-C", f"llvm-args=-force-vector-interleave={INTERLEAVE}"),
)
PROFILE = {"opt-level": "3", "lto": "fat", "codegen-units": "1", "panic": "abort", "strip": "symbols"}
FLAGS = (*(f"{name}={value}" for name, value in PROFILE.items()), " ".join(RUSTFLAGS))
"""How modules are built, for the provenance: no path, so that it is the same on all machines."""

_RESERVED = re.compile(r"\.cargo|build\.rs|rust-toolchain(\.toml)?|target")
_OUT_OF_MEMORY = re.compile(
    r"memory allocation of \d+ bytes failed|out of memory|Cannot allocate memory|failed to map segment"
)
_CRASHED = "the compiler unexpectedly panicked"
_SIGNALLED = re.compile(r"\(signal: (\d+)")


class _EnoughErrors(Exception):  # noqa: N818 - it never leaves this module: it ends a build that has failed already
    """As many errors as are kept have come: a flood of them would only cost time."""


@dataclass(frozen=True)
class BuildLimits:
    """Limits of one build.

    Attributes:
        wall_s: Wall clock of the whole build, in seconds.
        cpu_s: CPU time of each process, in seconds.
        memory_bytes: Address space of each process.
        file_bytes: Largest file that it may write.
        open_files: Most open files of each process.
        output_bytes: Most that the compiler may print.
        diagnostics: Most errors, and most warnings, that are kept.
        wasm_bytes: Largest module.
    """

    wall_s: float = 60.0
    cpu_s: int = 30
    memory_bytes: int = 4096 * MIB
    file_bytes: int = 64 * MIB
    open_files: int = 256
    output_bytes: int = 64 * MIB
    diagnostics: int = 50
    wasm_bytes: int = 32 * MIB

    @property
    def rlimits(self) -> dict[str, int]:
        """As the launcher takes them."""
        return {
            "CPU": self.cpu_s,
            "AS": self.memory_bytes,
            "FSIZE": self.file_bytes,
            "NOFILE": self.open_files,
            "CORE": 0,
        }


@dataclass(frozen=True)
class BuildCrates:
    """The crates of others that one build may compile.

    Attributes:
        sources: The folder that they are vendored in, one folder for each; it is only read.
        used: Names of the optional dependencies in ``Cargo.toml`` that are turned on.
        runs_programs: Whether build scripts or procedural macros are among what is compiled: programs that are built
            and then run on this machine.
    """

    sources: Path
    used: tuple[str, ...]
    runs_programs: bool = False


@dataclass(frozen=True)
class BuildOutput:
    """What a build gave.

    Attributes:
        wasm: The module.
        warnings: Of the compiler, those on the author's lines first.
        seconds: Wall clock of cargo.
        flags: How it was built; no path is among them.
        confinement: What held the compiler. The bytes do not depend on it.
    """

    wasm: bytes
    warnings: tuple[Diagnostic, ...]
    seconds: float
    flags: tuple[str, ...]
    confinement: Confinement


def build_crate(
    files: Mapping[str, str],
    *,
    toolchain: Toolchain,
    options: BuildLimits | None = None,
    work_root: Path | None = None,
    crates: BuildCrates | None = None,
    confinement: Confinement | None = None,
    control: Control | None = None,
) -> BuildOutput:
    """Builds a crate of type cdylib. The same files and toolchain give the same bytes, in any folder.

    Args:
        files: Text by path inside the crate; ``Cargo.toml`` is among them, ``Cargo.lock`` may be.
        toolchain: From `find_toolchain`.
        options: Limits; the default ones where None.
        work_root: Where the private folder is made; the system's folder for temporary files where None.
        crates: Crates of others that ``Cargo.toml`` and ``Cargo.lock`` name; none where None.
        confinement: What holds the compiler; the best that works on this machine where None.
        control: Who may cancel it.

    Raises:
        ToolchainError: The crates run programs while they are compiled, which needs the level ``strong``.
        CompileError: rustc refused the source.
        BuildTimeoutError: It took more wall clock or CPU time than it may.
        BuildError: The crate, the disk or a limit stood in the way.
        DesignCancelled: The module is not wanted any more.
    """
    limits = options or BuildLimits()
    held = confinement or find_confinement()
    if crates is not None and crates.runs_programs:
        held.require("strong", what="crates with build scripts or procedural macros need")
    manifest = _checked_manifest(files)
    _refuse_root_configuration()
    try:
        with private_folder(work_root) as work:
            crate = work / "crate"
            _write(crate, {"Cargo.lock": _lock(manifest), **files})
            reader = MessageReader(limits.diagnostics)

            def on_line(line: bytes) -> None:
                reader.feed(line)
                if reader.has_enough:
                    raise _EnoughErrors

            finished = run(
                _command(toolchain, crate, crates),
                environment=_environment(toolchain, work, crates),
                timeout_s=limits.wall_s,
                on_line=on_line,
                output_bytes=limits.output_bytes,
                rlimits=limits.rlimits,
                confinement=held,
                access=_access(toolchain, work, crates),
                cancelled=lambda: control is not None and control.cancelled,
            )
            if finished.code != 0 or finished.timed_out or finished.overflowed:
                raise _failure(finished, reader, limits, toolchain, crates)
            wasm = _artifact(reader, work, limits)
    except _EnoughErrors:
        raise _compile_error(reader, limits) from None
    except OSError as exc:
        raise _storage_error(exc) from exc
    log.debug("built %d bytes in %.2f s with %s, %s", len(wasm), finished.seconds, toolchain.version, held)
    return BuildOutput(wasm, reader.warnings, finished.seconds, FLAGS, held)


def _checked_manifest(files: Mapping[str, str]) -> Mapping[str, object]:
    """Refuses a file that would be outside the crate or that cargo would take orders from."""
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name or _RESERVED.fullmatch(parts[0]):
            raise BuildError(f"a crate may not have the file {name!r}", hint="put Rust files under src/")
    try:
        manifest = tomllib.loads(files["Cargo.toml"])
    except KeyError:
        raise BuildError("the crate has no Cargo.toml", hint="render it with the glue") from None
    except tomllib.TOMLDecodeError as exc:
        raise BuildError(f"the crate's Cargo.toml is not TOML: {exc}") from exc
    if "workspace" not in manifest:
        raise BuildError("the crate's Cargo.toml has no [workspace]: cargo would join one of a parent folder")
    package = manifest.get("package")
    if not isinstance(package, dict) or not {"name", "version"} <= package.keys():
        raise BuildError("the crate's Cargo.toml has no [package] with a name and a version")
    if package.get("build") not in (None, False):
        raise BuildError("the crate's Cargo.toml names a build script, which would run on this machine")
    return package


def _refuse_root_configuration() -> None:
    """Cargo reads configuration from the working folder, which is /, and its parents, of which there is none."""
    for name in ("config.toml", "config"):
        if Path("/.cargo", name).exists():
            raise BuildError(
                f"cargo would read /.cargo/{name}, which may change what it runs", hint=f"move /.cargo/{name} away"
            )


def _lock(package: Mapping[str, object]) -> str:
    """The lock file of a package without dependencies; cargo is not allowed to make one."""
    return f'version = 4\n\n[[package]]\nname = "{package["name"]}"\nversion = "{package["version"]}"\n'


def _write(crate: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = crate / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))


def _command(toolchain: Toolchain, crate: Path, crates: BuildCrates | None) -> list[str | Path]:
    command: list[str | Path] = [
        *(toolchain.cargo, "build", "--release", "--frozen", "--lib", "--target", TARGET),
        *("--message-format=json", "--manifest-path", crate / "Cargo.toml"),
    ]
    if crates is not None:
        command += ["--features", ",".join(crates.used), *source_arguments(crates.sources)]
    return command


def _environment(toolchain: Toolchain, work: Path, crates: BuildCrates | None) -> dict[str, str]:
    """Everything that cargo and rustc see; nothing comes from the user's environment."""
    for name in ("home", "cargo-home", "tmp"):
        (work / name).mkdir()
    flags = [*toolchain.rustflags, *RUSTFLAGS, f"--remap-path-prefix={work.resolve()}=/build"]
    if crates is not None:
        places = dict.fromkeys((crates.sources, crates.sources.resolve()))
        flags += [f"--remap-path-prefix={place}=/crates" for place in places]
    path = search_path(toolchain)
    if crates is not None and crates.runs_programs and (cc := shutil.which("cc", path=path)):
        write_host_linker(work / "bin", cc)
        path = f"{work / 'bin'}{os.pathsep}{path}"
    profile = {f"CARGO_PROFILE_RELEASE_{name.upper().replace('-', '_')}": value for name, value in PROFILE.items()}
    return {
        "PATH": path,
        "HOME": str(work / "home"),
        "TMPDIR": str(work / "tmp"),
        # The compiler's own libraries: without a /proc, the loader does not know where the compiler is.
        "LD_LIBRARY_PATH": str(toolchain.rustc.resolve().parent.parent / "lib"),
        "CARGO_HOME": str(work / "cargo-home"),
        "CARGO_TARGET_DIR": str(work / "target"),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),  # unlike RUSTFLAGS it allows spaces in paths
        "CARGO_INCREMENTAL": "0",
        "CARGO_NET_OFFLINE": "true",
        "CARGO_TERM_COLOR": "never",
        "CARGO_CACHE_AUTO_CLEAN_FREQUENCY": "never",
        "RUSTC": str(toolchain.rustc),
        "RUSTC_WRAPPER": "",
        "RUSTC_WORKSPACE_WRAPPER": "",
        "RUST_BACKTRACE": "0",
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "0",
        **profile,
    }


def _access(toolchain: Toolchain, work: Path, crates: BuildCrates | None) -> Access:
    """The files that cargo, and what it starts, may reach."""
    if crates is None:
        return build_access(toolchain, work)
    return build_access(toolchain, work, read_only=(crates.sources,), run_built=crates.runs_programs)


def _artifact(reader: MessageReader, work: Path, limits: BuildLimits) -> bytes:
    if reader.artifact is None:
        raise BuildError("cargo built no module: expected a [lib] with crate-type cdylib in Cargo.toml")
    path = Path(reader.artifact)
    if not path.resolve().is_relative_to(work.resolve()):
        raise BuildError(f"cargo put the module outside its folder: {path}")
    size = path.stat().st_size
    if size > limits.wasm_bytes:
        raise BuildError(f"the module has {size} bytes: at most {limits.wasm_bytes} are allowed")
    return path.read_bytes()


def _failure(
    finished: Finished, reader: MessageReader, limits: BuildLimits, toolchain: Toolchain, crates: BuildCrates | None
) -> BuildError:
    """The error of a build that ended without a module."""
    if finished.timed_out:
        return BuildTimeoutError(
            f"the build took longer than its limit of {limits.wall_s:g} s",
            hint="look for constants that take long to evaluate, or raise the limit"
            if crates is None
            else f"the crates {', '.join(crates.used)} may take that long: raise build_timeout_s",
        )
    if finished.overflowed:
        return BuildError(
            f"the compiler printed more than its limit of {limits.output_bytes} bytes",
            hint=f"correct the warnings, of which the first is: {next(iter(reader.warnings), 'none')}",
        )
    tail = "\n".join(finished.tail)
    last = finished.tail[-1] if finished.tail else "no message"
    if finished.code == CANNOT_CONFINE or last.startswith("bwrap: "):
        return BuildError(
            f"the build sandbox, which once worked here, could not be set up: {last}",
            hint="run: akatsuki doctor, which looks again for what works",
        )
    signalled = _SIGNALLED.search(tail)
    if signalled and int(signalled[1]) == signal.SIGXCPU:
        return BuildTimeoutError(
            f"the compiler used more than its limit of {limits.cpu_s} s of CPU time",
            hint="look for constants that take long to evaluate, or raise the limit",
        )
    if _OUT_OF_MEMORY.search(tail):
        return BuildError(
            f"the compiler needed more than its limit of {limits.memory_bytes // MIB} MiB of memory",
            hint="look for deeply nested types and very large constants",
        )
    if (signalled and int(signalled[1]) == signal.SIGXFSZ) or "File too large" in tail:
        return BuildError(
            f"the compiler wrote a file larger than its limit of {limits.file_bytes // MIB} MiB",
            hint="look for very large statics and constants",
        )
    if "No space left on device" in tail:
        return _storage_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    if reader.errors:
        return _compile_error(reader, limits)
    if _CRASHED in tail:
        return BuildError(
            f"the compiler crashed on this source ({toolchain.version})",
            hint="write the source in a simpler way, or raise the memory limit",
        )
    if crates is not None and (failed := script_error(finished.tail)):
        return failed
    lines = [line for line in finished.tail if line.startswith("error")] or list(finished.tail[-1:]) or ["no message"]
    if crates is not None and "checksum" in lines[0]:
        return BuildError(
            f"a vendored crate is not what it was: {lines[0][:300]}", hint=damaged_hint(crates.sources.parent)
        )
    return BuildError(
        f"cargo failed with exit code {finished.code} ({toolchain.version}): {lines[0][:300]}", hint=INSTALL_HINT
    )


def _compile_error(reader: MessageReader, limits: BuildLimits) -> CompileError:
    diagnostics = (*reader.errors, *reader.warnings)[: limits.diagnostics]
    first = diagnostics[0]
    code = f" [{first.code}]" if first.code else ""
    hint = first.help or ("correct that line" if first.line is not None else "correct the source")
    return CompileError(f"{first}{code}", diagnostics=diagnostics, hint=hint)


def _storage_error(exc: OSError) -> BuildError:
    full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some disk space" if full else "set TMPDIR to a folder that you can write"
    return BuildError(f"the build's folder cannot be written: {exc.strerror or exc}", hint=hint)
