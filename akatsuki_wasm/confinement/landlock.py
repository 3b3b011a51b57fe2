"""Landlock: a process gives up all of the file system but some folders; Linux 5.13 and later, without privileges.

https://docs.kernel.org/userspace-api/landlock.html. Each version of the kernel's interface (its ABI) governs more:
truncation since 3, TCP since 4, device control since 5, signals and abstract unix sockets since 6. What the kernel has
is used, all of it.

What it does not govern, with any kernel: whether a file exists, and its mode, owner and times. `seccomp` does that.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System call numbers, the same on every architecture."""
_ASK_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, MAKE_SYM, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 12, 1 << 13, 1 << 14
_GOVERNED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files that an ABI knows. No folder gets those to make devices, sockets and pipes with a name."""
_READ = READ_FILE | READ_DIR
_WRITE = _READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
_TCP_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


def abi() -> int:
    """The version of the kernel's interface; 0 where there is no Landlock, or it is switched off."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    except OSError:
        return 0


def restrict(
    read: Iterable[str] = (), run: Iterable[str] = (), write: Iterable[str] = (), *, run_written: bool = False
) -> int:
    """Gives up all other files, for this thread and all that it starts; there is no way back.

    Where the kernel can, TCP, signals to other processes and abstract unix sockets go too.

    Args:
        read: Files and folders that stay readable; one that does not exist is left out.
        run: The same, and the programs in them may be started.
        write: Folders and files that stay writable.
        run_written: Whether programs in `write` may be started.

    Returns:
        The ABI that was used.

    Raises:
        OSError: There is no Landlock here, or a path of `write` cannot be opened.
    """
    version = abi()
    if version == 0:
        raise OSError("this kernel has no Landlock")
    files = _GOVERNED[min(version, max(_GOVERNED))]
    words = [files]
    if version >= 4:
        words.append(_TCP_BIND_AND_CONNECT)
    if version >= 6:
        words.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"={len(words)}Q", *words)
    rules = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for paths, rights, needed in (
            (read, _READ, False),
            (run, _READ | EXECUTE, False),
            (write, _WRITE | (EXECUTE if run_written else 0), True),
        ):
            for path in paths:
                _allow(rules, path, rights & files, needed=needed)
        no_new_privileges()
        _call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)
    return version


def _allow(rules: int, path: str, rights: int, *, needed: bool) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        if needed:
            raise
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES  # the kernel refuses rights on folders for what is none
        rule = struct.pack("=Qi", rights, place)
        _call(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(place)


def no_new_privileges() -> None:
    """No program that is started from here on gains rights by its set-user-id bit; Landlock and seccomp ask for it.

    Raises:
        OSError: The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))):
        raise OSError(ctypes.get_errno(), "no_new_privs")


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result: int = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
