"""The linker for programs of this machine that a build runs: build scripts and procedural macros.

rustc starts its own lld through a wrapper that finds itself by ``/proc``, which the strongest sandbox has not. So rustc
finds a ``cc`` of ours first, which passes on all but the wish for that lld: the system's linker serves as well.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """\
#!/bin/sh
left=$#
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    [ "$argument" = -fuse-ld=lld ] || set -- "$@" "$argument"
done
exec {cc} "$@"
"""


def write_host_linker(folder: Path, cc: str) -> None:
    """Writes the program ``cc`` into a folder that is to be first on PATH.

    Args:
        folder: An empty one that does not exist yet.
        cc: The absolute path of the system's own.
    """
    folder.mkdir()
    program = folder / "cc"
    program.write_text(_SCRIPT.format(cc=shlex.quote(cc)), "utf-8")
    program.chmod(0o700)
