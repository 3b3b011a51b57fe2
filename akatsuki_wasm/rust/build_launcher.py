"""Starts a build under limits and ends it with its parent; run as a script, with nothing but the standard library.

Usage: ``python -I -S build_launcher.py CONFIG -- PROGRAM ARGUMENTS…`` where CONFIG is a JSON object:

* ``parent``: the process that must outlive this one,
* ``rlimits``: names of `resource` limits without ``RLIMIT_``, with their values.

It stays as the leader of the session, so that the death of the host kills the whole group and not only cargo. Further
confinement of the program (Landlock, seccomp) belongs into `confine`, which runs in the child before the program.
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
CANNOT_START = 127


def main(arguments: list[str]) -> int:
    """Runs the program to its end and gives its exit code, or 128 + signal as a shell does."""
    config: dict[str, Any] = json.loads(arguments[0])
    program = arguments[2:]
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
        os.execve(program[0], program, dict(os.environ))  # noqa: S606 - an absolute path chosen by the host, no shell
    except BaseException as exc:  # noqa: BLE001 - a forked child must end here, whatever happened
        os.write(2, f"{program[0]} could not be started: {exc}\n".encode())
    os._exit(CANNOT_START)


def confine(config: dict[str, Any]) -> None:
    """Gives up what the program does not need; the limits hold for each process of the group."""
    for name, value in config["rlimits"].items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        if name == "AS" and sys.platform == "darwin":  # the kernel there refuses every value
            continue
        # One second between the soft and the hard CPU limit: the soft one's signal tells why the compiler died.
        resource.setrlimit(kind, (limit, limit + 1 if name == "CPU" and hard == resource.RLIM_INFINITY else limit))


def die_with_parent(number: int) -> None:
    """Asks Linux for a signal when the parent dies; elsewhere the host's own clean-up has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _kill_group(number: int, frame: FrameType | None) -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
