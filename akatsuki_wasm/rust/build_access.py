"""The files that a confined build reaches: the toolchain, the sysroot, its own folder, and what the caller adds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from akatsuki_wasm.confinement.ladder import Access

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from akatsuki_wasm.rust.toolchain import Toolchain

_PARTS = ("bin", "lib", "lib64", "libexec")
"""What a compiler reads of its prefix. Not the prefix itself: it may be a home folder, or all of /usr."""
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
    prefixes = {
        program.parent.parent for each in (toolchain.rustc, toolchain.cargo) for program in (each, each.resolve())
    }
    run = [prefix / part for prefix in sorted(prefixes) for part in _PARTS]
    sysroot = [] if toolchain.sysroot is None else [toolchain.sysroot]
    return Access(
        read=tuple(_with_targets((*sysroot, *read_only))),
        run=tuple(_with_targets((*run, *(_LINKER if run_built else ())))),
        write=(work.resolve(),),
        run_written=run_built,
    )


def _with_targets(paths: Iterable[Path]) -> Iterable[Path]:
    """Those that exist; a link and what it leads to."""
    for path in paths:
        if path.exists():
            yield path.absolute()
            if path.resolve() != path.absolute():
                yield path.resolve()
