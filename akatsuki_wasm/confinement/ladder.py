"""The levels of confinement, and the command line that starts a program at one of them.

* ``full``: bubblewrap, and inside it Landlock and seccomp, and limits;
* ``strong``: Landlock, seccomp and limits;
* ``basic``: limits, a clean environment, and the end of the whole process group.

Landlock goes inside bubblewrap, not around it: a process under Landlock may not mount. So the interpreter that gives
up the rights is inside as well; what Landlock then leaves of it to the program is nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm.confinement import bubblewrap
from akatsuki_wasm.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Level = Literal["basic", "strong", "full"]
LEVELS: tuple[Level, ...] = ("basic", "strong", "full")
"""From the weakest to the strongest."""

LAUNCHER = Path(__file__).with_name("launcher.py")
SYSTEM_LIBRARIES = tuple(
    map(Path, ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/gnu/store"))
)
"""What programs load when they start; the loader is itself a program. The stores are those of Nix and Guix."""
_LOADER_FILES = (Path("/etc/ld.so.cache"), Path("/etc/alternatives"))
_NULL = Path("/dev/null")
_IN_SHORT = {"bubblewrap": "bubblewrap", "landlock": "Landlock (ABI {})", "seccomp": "seccomp", "limits": "limits"}


@dataclass(frozen=True)
class Access:
    """The files that a confined program reaches, all of them by absolute paths.

    The system's libraries and ``/dev/null`` are there besides. A path that does not exist is left out, except among
    `write`.

    Attributes:
        read: Files and folders that it may read.
        run: The same, and it may start the programs in them.
        write: Folders that it may write.
        run_written: Whether it may start programs that it wrote, and change the mode of files for that.
        folder: Where it starts.
    """

    read: tuple[Path, ...] = ()
    run: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    run_written: bool = False
    folder: Path = Path("/")

    def as_landlock(self) -> dict[str, Any]:
        """As the launcher takes it."""
        return {
            "read": [str(path) for path in (*self.read, *_LOADER_FILES)],
            "run": [str(path) for path in (*self.run, *SYSTEM_LIBRARIES)],
            "write": [str(path) for path in (*self.write, _NULL)],
            "run_written": self.run_written,
        }


@dataclass(frozen=True)
class Confinement:
    """What holds a compiler on this machine.

    Attributes:
        level: Of the ladder.
        landlock_abi: Version of the kernel's interface, or 0 where Landlock is not used.
        bubblewrap: The bwrap that is used, or None.
        lacking: Why it is not a higher level: one line for each of those, by level.
        hints: What would give each of them.
    """

    level: Level = "basic"
    landlock_abi: int = 0
    bubblewrap: Path | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        active = ", ".join(
            text.format(self.landlock_abi) for name, text in _IN_SHORT.items() if self.as_json().get(name)
        )
        return f"{self.level}: {active}"

    def as_json(self) -> dict[str, Any]:
        """For the provenance of what was built: the level, and what is active in it. No path is in it."""
        strong = self.at_least("strong")
        return {
            "level": self.level,
            "bubblewrap": self.bubblewrap is not None,
            "landlock": self.landlock_abi,
            "seccomp": strong,
            "limits": True,
        }

    def at_least(self, level: Level) -> bool:
        """Whether this level is that one or a stronger one."""
        return LEVELS.index(self.level) >= LEVELS.index(level)

    def require(self, level: Level, *, what: str = "the setting require_sandbox asks for") -> None:
        """Checks the level.

        Args:
            level: The least that will do.
            what: Who asks, for the message.

        Raises:
            ToolchainError: It is a weaker one.
        """
        if self.at_least(level):
            return
        lacking = self.lacking.get(level) or "it was not tried"
        hint = self.hints.get(level) or f"set require_sandbox to {self.level}, where that will do"
        raise ToolchainError(
            f"the build sandbox is {self.level} on this machine, but {what} {level}: {lacking}", hint=hint
        )

    def lowered(self, level: Level) -> Confinement:
        """The same machine's confinement at a level that is no higher than this one."""
        self.require(level, what="there was asked for")
        return Confinement(
            level=level,
            landlock_abi=self.landlock_abi if level != "basic" else 0,
            bubblewrap=self.bubblewrap if level == "full" else None,
        )

    def command(
        self,
        program: Sequence[str],
        *,
        access: Access,
        environment: Mapping[str, str],
        rlimits: Mapping[str, int] | None = None,
    ) -> list[str]:
        """The command line that starts a program under this confinement; it ends with this process.

        Args:
            program: Its absolute path and its arguments.
            access: The files that it reaches, at strong and above.
            environment: All of the program's; the caller starts the line with the same one.
            rlimits: Names of `resource` limits without ``RLIMIT_``, with their values; for each of its processes.
        """
        inner = self.own_config(access, rlimits)
        if self.bubblewrap is None:
            return self._launched(inner | {"parent": os.getpid()}, program)
        wrapped = [*self.wrapping(access, environment), *self._launched(inner, program)]
        return self._launched({"parent": os.getpid()}, wrapped)

    def own_config(self, access: Access, rlimits: Mapping[str, int] | None = None) -> dict[str, Any]:
        """What a program gives to `launcher.confine` to put on all of this but bubblewrap by itself."""
        config: dict[str, Any] = {"rlimits": dict(rlimits or {})}
        if self.at_least("strong"):
            config |= {"landlock": access.as_landlock(), "seccomp": {"change_modes": access.run_written}}
        return config

    def wrapping(self, access: Access, environment: Mapping[str, str]) -> list[str]:
        """The part of bubblewrap in the line, with this interpreter inside, or nothing below full."""
        if self.bubblewrap is None:
            return []
        return bubblewrap.arguments(
            self.bubblewrap,
            read=(*access.read, *access.run, *SYSTEM_LIBRARIES, *_LOADER_FILES, *interpreter_files()),
            write=access.write,
            environment=environment,
            folder=access.folder,
        )

    def _launched(self, config: Mapping[str, Any], program: Sequence[str]) -> list[str]:
        return [str(interpreter()), "-I", "-S", "-B", str(LAUNCHER), json.dumps(config), "--", *program]


BASIC = Confinement()
"""Limits alone, which every machine has."""
NOTHING = Access()
"""No files but the system's libraries."""


def interpreter() -> Path:
    """This Python's own file, not a virtual environment's link to it."""
    return Path(sys.executable or shutil.which("python3") or "/usr/bin/python3").resolve()


def interpreter_files() -> tuple[Path, ...]:
    """What this Python reads to run `LAUNCHER`: itself, its standard library, its shared library, that folder."""
    paths = sysconfig.get_paths()
    library = sysconfig.get_config_var("LIBDIR")
    shared = sysconfig.get_config_var("LDLIBRARY") if sysconfig.get_config_var("Py_ENABLE_SHARED") else None
    found = [interpreter(), Path(paths["stdlib"]), Path(paths["platstdlib"]), LAUNCHER.parent]
    if library and shared:
        found += sorted(Path(library).glob(f"{shared.partition('.so')[0]}.so*"))
    return tuple(dict.fromkeys(found))
