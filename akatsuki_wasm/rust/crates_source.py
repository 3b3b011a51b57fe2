"""How cargo is made to take every crate from one folder and programs from few, and what to do about a damaged one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.rust.toolchain import Toolchain


def search_path(toolchain: Toolchain) -> str:
    """Where a build finds programs: the toolchain's own, and the system's linker."""
    return os.pathsep.join(dict.fromkeys([str(toolchain.rustc.parent), "/usr/bin", "/bin"]))


def source_arguments(sources: Path) -> list[str]:
    """Arguments that make cargo take every crate from a folder, and from nowhere else."""
    return [
        *("--config", 'source.crates-io.replace-with="vendored"'),
        *("--config", f"source.vendored.directory={json.dumps(str(sources))}"),
    ]


def damaged_hint(folder: Path) -> str:
    """What to do where the vendored sources are not what they were."""
    return f"Remove {folder} and run: akatsuki crates resolve"
