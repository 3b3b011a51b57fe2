"""What a module's build takes of the permitted crates, and what they may not bring with them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import binary
from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.errors import SourceRejectedError, ToolchainError
from akatsuki_wasm.rust.build import BuildCrates
from akatsuki_wasm.rust.crates_manifest import dependencies
from akatsuki_wasm.rust.crates_source import search_path
from akatsuki_wasm.rust.glue import EXPORT_PREFIX
from akatsuki_wasm.rust.toolchain_facts import FactsCache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from akatsuki_wasm.confinement.ladder import Confinement
    from akatsuki_wasm.contracts import Crate
    from akatsuki_wasm.rust.crates_vendored import ReachedPackage, VendoredCrates
    from akatsuki_wasm.rust.interface import GuestInterface
    from akatsuki_wasm.rust.toolchain import Toolchain

_OWN_EXPORTS = frozenset(
    ("memory", "AKATSUKI_PANIC", "cabi_realloc", "__data_end", "__heap_base", "__indirect_function_table")
)
"""What every module exports beside the functions of its interface."""


@dataclass(frozen=True)
class ModuleCrates:
    """The crates of one module.

    Attributes:
        used: Those that its source names.
        build: What `build_crate` is told.
        packages: All that are compiled.
        facts: What determines the module, for its manifest: no path, no clock.
    """

    used: tuple[Crate, ...]
    build: BuildCrates
    packages: tuple[ReachedPackage, ...]
    facts: Mapping[str, Any]


def module_crates(
    vendored: VendoredCrates,
    used: Sequence[Crate],
    toolchain: Toolchain,
    *,
    confinement: Confinement,
    cache_dir: Path,
) -> ModuleCrates:
    """Gathers what a build with crates needs.

    Args:
        vendored: From `crates_resolve.resolve`.
        used: At least one of its crates.
        toolchain: That builds.
        confinement: That will hold the compiler.
        cache_dir: The user's cache folder.

    Raises:
        ToolchainError: Programs of the crates would have to run, and the sandbox is too weak for that, or this machine
            cannot build them.
        BuildError: The vendored sources are damaged.
    """
    packages = vendored.reached(used, toolchain)
    programs = [each for each in packages if each.runs]
    if programs:
        _require_sandbox(used, programs, confinement)
        _require_host_tools(programs[0], toolchain, cache_dir)
    build = BuildCrates(vendored.sources, tuple(each.name for each in used), runs_programs=bool(programs))
    return ModuleCrates(tuple(used), build, packages, vendored.facts(used))


def with_crates(files: Mapping[str, str], vendored: VendoredCrates) -> dict[str, str]:
    """The files of a rendered crate, with the permitted crates in its manifest and their lock."""
    return {**files, "Cargo.toml": files["Cargo.toml"] + dependencies(vendored.crates), "Cargo.lock": vendored.lock}


def refuse_additions(wasm: bytes, interface: GuestInterface, used: Sequence[Crate]) -> None:
    """Refuses a linked module to which a crate added imports or exports.

    Args:
        wasm: As the linker left it.
        interface: What the author's file offers.
        used: The crates that its source names.

    Raises:
        SourceRejectedError: Names them.
    """
    outline = binary.read(wasm)
    if outline.imports:
        raise _rejected(
            f"{_names(used)} {_makes(used)} the module import what no sandbox gives: {_shown(outline.imports)}",
            "Use a crate, or features of it, without a clock, randomness, files and JavaScript.",
        )
    own = {name for each in interface.functions for name in (each.batch, EXPORT_PREFIX + each.export)}
    own |= {f"cabi_post_{each.export}" for each in interface.functions}
    foreign = [each.name for each in outline.exports if each.name not in own | _OWN_EXPORTS]
    if foreign:
        raise _rejected(
            f"{_names(used)} {_makes(used)} the module export what its source does not: {_shown(foreign)}",
            "Use a crate, or features of it, that exports nothing.",
        )


def _rejected(message: str, hint: str) -> SourceRejectedError:
    return SourceRejectedError(message, problems=[Diagnostic("error", message, code="crate", help=hint)], hint=hint)


def _require_sandbox(used: Sequence[Crate], programs: Sequence[ReachedPackage], confinement: Confinement) -> None:
    if confinement.at_least("strong"):
        return
    raise ToolchainError(
        f"{_names(used)} would run programs on this machine while the module is built ({what_runs(programs)}): that "
        f"needs the build sandbox strong, and this machine has {confinement.level}",
        hint=confinement.hints.get("strong") or "See: akatsuki doctor",
    )


def what_runs(packages: Sequence[ReachedPackage]) -> str:
    """Which packages run programs while they are compiled, and of what kind, for people."""
    scripts = ", ".join(str(each) for each in packages if each.build_script)
    macros = ", ".join(str(each) for each in packages if each.proc_macro)
    parts = [f"build scripts of {scripts}"] * bool(scripts) + [f"procedural macros of {macros}"] * bool(macros)
    return "; ".join(parts)


def _require_host_tools(package: ReachedPackage, toolchain: Toolchain, cache_dir: Path) -> None:
    kind = "a procedural macro" if package.proc_macro else "a build script"
    if shutil.which("cc", path=search_path(toolchain)) is None:
        raise ToolchainError(
            f"{package} has {kind}, which needs a linker for this machine, and there is no cc",
            hint="Install one, such as with: apt-get install gcc libc6-dev",
        )
    facts = FactsCache(cache_dir).read(toolchain.rustc)
    libraries = Path(facts.sysroot, "lib", "rustlib", facts.host, "lib")
    if not any(libraries.glob("libstd-*.rlib")):
        raise ToolchainError(
            f"{package} has {kind}, which needs the standard library for {facts.host}, and {facts.version} has none",
            hint="Install it, such as with rustup, or the package libstd-rust-dev of the same version.",
        )


def _names(used: Sequence[Crate]) -> str:
    return f"the crate{'s' * (len(used) > 1)} {', '.join(each.name for each in used)}"


def _makes(used: Sequence[Crate]) -> str:
    return "make" if len(used) > 1 else "makes"


def _shown(things: Sequence[Any]) -> str:
    return ", ".join(map(str, things[:3])) + (", …" if len(things) > 3 else "")
