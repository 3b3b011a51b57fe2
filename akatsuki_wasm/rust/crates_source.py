"""How cargo is made to take every crate from one folder, and what to do where that folder is damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def source_arguments(sources: Path) -> list[str]:
    """Arguments that make cargo take every crate from a folder, and from nowhere else."""
    return [
        *("--config", 'source.crates-io.replace-with="vendored"'),
        *("--config", f"source.vendored.directory={json.dumps(str(sources))}"),
    ]


def damaged_hint(folder: Path) -> str:
    """What to do where the vendored sources are not what they were."""
    return f"Remove {folder} and run: akatsuki crates resolve"
