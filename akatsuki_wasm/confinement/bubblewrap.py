"""bubblewrap: a root folder, process table and network of the program's own; where user namespaces are allowed.

https://github.com/containers/bubblewrap. The new root is an empty file system in memory that is read-only when
all is in place: what is not named here does not exist inside. There is no /proc, which rustc and cargo do without
where LD_LIBRARY_PATH says what the loader would learn there. In most containers it could not be mounted anyway.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROGRAM = "bwrap"


def find() -> Path | None:
    """The bwrap of this machine, or None."""
    found = shutil.which(PROGRAM)
    return None if found is None else Path(found).absolute()


def arguments(
    bwrap: Path,
    *,
    read: Iterable[Path],
    write: Iterable[Path],
    environment: Mapping[str, str],
    folder: Path = Path("/"),
) -> list[str]:
    """The command line up to the program that is run inside.

    Args:
        bwrap: From `find`.
        read: Files and folders that are there, read-only; one that does not exist is left out.
        write: Folders that can be written.
        environment: All of the program's.
        folder: Its working folder.
    """
    line = [
        *(str(bwrap), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--hostname", "build", "--dev", "/dev"),
    ]
    for name, value in environment.items():
        line += ["--setenv", name, value]
    options = dict.fromkeys(read, "--ro-bind-try") | dict.fromkeys(write, "--bind")
    for path, option in sorted(options.items()):  # a folder comes before what lies in it, or it would cover it
        line += [option, str(path), str(path)]
    return [*line, "--remount-ro", "/", "--chdir", str(folder), "--"]
