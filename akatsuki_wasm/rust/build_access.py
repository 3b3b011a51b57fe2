"""The files that a confined build reaches: the toolchain, the sysroot, its own folder, and what the caller adds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from akatsuki_wasm.confinement.ladder import Access

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from akatsuki_wasm.rust.toolchain import Toolchain

_LIBRARIES = ("lib", "lib64", "libexec")
_PROGRAMS = ("rustc", "cargo", "rust-lld", "lld", "wasm-ld")
"""What a compiler needs of its prefix. Not the prefix itself, which may be a home folder, and not all of its ``bin``:
where that is the system's, it has every program there is."""
_LINKER = (Path("/usr"), Path("/bin"))
"""Where the machine's own linker, and what it links with, are."""


def build_access(
    toolchain: Toolchain, work: Path, *, read_only: Sequence[Path] = (), run_built: bool = False
) -> Access:
    """What a build in `work` may read, run and write.

    Args:
        toolchain: From `find_toolchain`.
        work: The private folder.
        read_only: Folders to read besides.
        run_built: Whether it may start what it built, and the machine's linker.
    """
    programs = toolchain.rustc, toolchain.cargo
    prefixes = {each.parent.parent for program in programs for each in (program, program.resolve())}
    parts = (*_LIBRARIES, *(f"bin/{name}" for name in _PROGRAMS))
    run = [*programs, *(prefix / part for prefix in sorted(prefixes) for part in parts)]
    sysroot = [] if toolchain.sysroot is None else [toolchain.sysroot]
    return Access(
        read=tuple(_with_targets((*sysroot, *read_only))),
        run=tuple(_with_targets((*run, *(_LINKER if run_built else ())))),
        write=(work.resolve(),),
        run_written=run_built,
    )


def _with_targets(paths: Iterable[Path]) -> Iterable[Path]:
    """Those that exist, each once; a link and what it leads to."""
    existing = [path for path in paths if path.exists()]
    yield from dict.fromkeys(each for path in existing for each in (path.absolute(), path.resolve()))
