"""Starts a program that can do little and ends with its parent; run as a script, with nothing but the standard library.

Usage: ``python -I -S launcher.py CONFIG -- PROGRAM ARGUMENTS…`` where CONFIG is a JSON object:

* ``parent``: the process that must outlive this one; without it this process becomes the program at once,
* ``rlimits``: names of `resource` limits without ``RLIMIT_``, with their values,
* ``landlock``: paths to ``read``, ``run`` and ``write``, and ``run_written``, as `landlock.restrict` takes them,
* ``seccomp``: ``change_modes``, as `seccomp.restrict` takes it.

With a parent it stays as the leader of the session, so that the death of the host kills the whole group and not only
the program.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

_PR_SET_PDEATHSIG = 1
CANNOT_CONFINE, CANNOT_START = 125, 127
"""Exit codes, with the reason on standard error."""


def main(arguments: list[str]) -> int:
    """Runs the program to its end and gives its exit code, or 128 + signal as a shell does."""
    config: dict[str, Any] = json.loads(arguments[0])
    program = arguments[2:]
    if "parent" not in config:
        _become(program, config)
    signal.signal(signal.SIGTERM, _kill_group)
    die_with_parent(signal.SIGTERM)
    if os.getppid() != config["parent"]:  # it died before the line above
        return CANNOT_START
    child = os.fork()
    if child == 0:
        _become(program, config)
    _, status = os.waitpid(child, 0)
    # A compiler that outlived cargo must not go on writing into a folder that is about to be removed.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _become(program: list[str], config: dict[str, Any]) -> None:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        confine(config)
    except BaseException as exc:  # noqa: BLE001 - a forked child must end here, whatever happened
        _end(CANNOT_CONFINE, f"{program[0]} could not be confined: {exc}")
    try:
        os.execve(program[0], program, dict(os.environ))  # noqa: S606 - an absolute path chosen by the host, no shell
    except BaseException as exc:  # noqa: BLE001 - as above
        _end(CANNOT_START, f"{program[0]} could not be started: {exc}")


def _end(code: int, said: str) -> None:
    os.write(2, f"{said}\n".encode())
    os._exit(code)


def confine(config: dict[str, Any]) -> None:
    """Gives up what the program does not need, for this process and all that it starts.

    Raises:
        OSError: The kernel has no such thing.
        ValueError: It refuses a limit.
    """
    # As a script, this file knows its own package only once `_become_a_package` has run.
    from akatsuki_wasm.confinement import landlock, seccomp

    if config.get("landlock") is not None:
        landlock.restrict(**config["landlock"])
    for name, value in config.get("rlimits", {}).items():
        _limit(name, value)
    if config.get("seccomp") is not None:
        seccomp.restrict(**config["seccomp"])


def _limit(name: str, value: int) -> None:
    kind = getattr(resource, f"RLIMIT_{name}")
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    if name == "AS" and sys.platform == "darwin":  # the kernel there refuses every value
        return
    # One second between the soft and the hard CPU limit: the soft one's signal tells why the compiler died.
    resource.setrlimit(kind, (limit, limit + 1 if name == "CPU" and hard == resource.RLIM_INFINITY else limit))


def die_with_parent(number: int) -> None:
    """Asks Linux for a signal when the parent dies; elsewhere the host's own clean-up has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _kill_group(number: int, frame: FrameType | None) -> None:
    os.killpg(0, signal.SIGKILL)


def _become_a_package() -> None:
    """Makes the modules beside this file importable by their names, without running the package's own ``__init__``."""
    here = os.path.dirname(__file__)  # noqa: PTH120 - pathlib would double the time of this script
    for name, folder in (("akatsuki_wasm", f"{here}/.."), ("akatsuki_wasm.confinement", here)):
        package = type(sys)(name)
        package.__path__ = [folder]
        sys.modules[name] = package


if __name__ == "__main__":
    _become_a_package()
    sys.exit(main(sys.argv[1:]))
