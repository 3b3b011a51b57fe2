"""seccomp: system calls that no compiler needs fail, by a filter that the kernel runs; x86-64 and 64-bit ARM.

https://docs.kernel.org/userspace-api/seccomp_filter.html. The filter is a list of what is refused, not of what is
allowed: rustc, LLVM and linkers change their calls with each release, and files are Landlock's business. It takes away
what Landlock does not govern: sockets of every kind, other processes and the memory that they share, mounts and
namespaces, the kernel's own doors, programs without a file, and the modes, owners and times of files.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_X86_64, _AARCH64 = "x86_64", "aarch64"
_ARCHITECTURES = {_X86_64: 0xC000003E, _AARCH64: 0xC00000B7}
_X32 = 0x40000000
"""Calls of the x32 interface have this bit; they are the same calls by other numbers."""

_NEW_NAMESPACES = 0x7E020000
_INJECT_INPUT, _PASTE = 0x5412, 0x541C
"""Terminal controls that type for the user: TIOCSTI and TIOCLINUX."""

_REFUSED: dict[str, dict[str, tuple[int | None, int | None]]] = {
    "the network and every other socket": {
        "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
        "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
        "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    },
    "other processes": {
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
        "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
        "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
        "sched_setattr": (314, 274), "sched_setaffinity": (203, 122), "ioprio_set": (251, 30),
        "migrate_pages": (256, 238), "move_pages": (279, 239),
    },
    "memory and messages that processes share": {
        "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189),
        "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191),
        "semtimedop": (220, 192), "mq_open": (240, 180), "mq_unlink": (241, 181),
    },
    "the way out of the group that is killed at the end": {"setsid": (112, 157), "setpgid": (109, 154)},
    "mounts and namespaces": {
        "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
        "move_mount": (429, 429), "open_tree": (428, 428), "open_tree_attr": (467, 467), "fsopen": (430, 430),
        "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
        "unshare": (272, 97), "setns": (308, 268),
    },
    "the kernel": {
        "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
        "userfaultfd": (323, 282), "perf_event_open": (298, 241), "kexec_load": (246, 104),
        "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
        "delete_module": (176, 106), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
        "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225),
        "reboot": (169, 142), "acct": (163, 89), "syslog": (103, 116), "personality": (135, 92), "iopl": (172, None),
        "ioperm": (173, None), "modify_ldt": (154, None), "vhangup": (153, 58), "fanotify_init": (300, 262),
        "fanotify_mark": (301, 263), "inotify_add_watch": (254, 27),
        "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
        "sethostname": (170, 161), "setdomainname": (171, 162), "mknod": (133, None), "mknodat": (259, 33),
    },
    "programs without a file": {"memfd_create": (319, 279), "memfd_secret": (447, 447)},
    "owners, attributes and lengths of files by path": {
        "chown": (92, None), "lchown": (94, None), "fchownat": (260, 54), "fchown": (93, 55), "setxattr": (188, 5),
        "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14),
        "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466), "truncate": (76, 45),
        "file_setattr": (469, 469), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
    },
}  # fmt: skip
"""Names with their numbers on x86-64 and on 64-bit ARM, from unistd.h; None where there is no such call."""
_MODES: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None), "fchmodat": (268, 53), "fchmodat2": (452, 452),
}  # fmt: skip
"""Linkers for programs of this machine make their output executable by these."""
_CLONE, _CLONE3, _IOCTL, _PRLIMIT64, _UTIMENSAT = (56, 220), (435, 435), (16, 29), (302, 261), (280, 88)
_SOCKETPAIR = (53, 199)
_STREAM, _SEQUENCED, _TYPE = 1, 5, 0xF

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_KILL, _ALLOW, _FAIL = 0x80000000, 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_SET_SECCOMP, _FILTER = 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def is_supported() -> bool:
    """Whether there is a filter for this machine's architecture."""
    return platform.machine() in _ARCHITECTURES


def refused(machine: str, *, change_modes: bool = False) -> dict[str, int]:
    """The calls that always fail, by name, with their numbers on that machine."""
    which = list(_ARCHITECTURES).index(machine)
    groups = [*_REFUSED.values(), *([] if change_modes else [_MODES])]
    numbers = {name: pair[which] for group in groups for name, pair in group.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def restrict(*, change_modes: bool = False) -> None:
    """Installs the filter for this thread and all that it starts. There is no way back.

    Args:
        change_modes: Whether the mode of files may be changed: where programs are linked that are then started.

    Raises:
        OSError: The kernel has no seccomp filters, or the architecture is another.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(f"there is no seccomp filter for {machine}")
    raw = b"".join(program(machine, change_modes=change_modes))
    buffer = ctypes.create_string_buffer(raw, len(raw))
    handed = _Program(len(raw) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    # no_new_privs, which an unprivileged process needs, is set by Landlock; once more does no harm.
    if libc.prctl(38, *map(ctypes.c_ulong, (1, 0, 0, 0))) or libc.prctl(
        _SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(handed), ctypes.c_ulong(0), ctypes.c_ulong(0)
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


def program(machine: str, *, change_modes: bool = False) -> list[bytes]:
    """The filter's instructions, in classic BPF; a jump counts the instructions that it leaves out.

    Args:
        machine: As `platform.machine` names it, ``x86_64`` or ``aarch64``.
        change_modes: As of `restrict`.
    """
    which = list(_ARCHITECTURES).index(machine)
    fails = _FAIL | errno.EPERM
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
    ]
    if machine == _X86_64:
        lines += [_line(_AT_LEAST, _X32, 0, 1), _line(_RETURN, _KILL)]
    # The flags of clone3 are behind a pointer, which a filter cannot follow. The C library then takes clone.
    lines += [_line(_EQUAL, _CLONE3[which], 0, 1), _line(_RETURN, _FAIL | errno.ENOSYS)]
    lines += _if_argument(_CLONE[which], 0, [_line(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _line(_RETURN, fails)])
    lines += _if_argument(
        _IOCTL[which],
        1,
        [_line(_EQUAL, _INJECT_INPUT, 1, 0), _line(_EQUAL, _PASTE, 0, 1), _line(_RETURN, fails)],
    )
    # Rust's library takes a pair to start programs. One for datagrams could send to any address.
    lines += _if_argument(
        _SOCKETPAIR[which],
        1,
        [_line(_AND, _TYPE), _line(_EQUAL, _STREAM, 2, 0), _line(_EQUAL, _SEQUENCED, 1, 0), _line(_RETURN, fails)],
    )
    # Limits of another process; a process's own are asked for by 0.
    lines += _if_argument(_PRLIMIT64[which], 0, [_line(_EQUAL, 0, 1, 0), _line(_RETURN, fails)])
    # Times by path: where there is one, the address is not 0, of which a filter compares one half after the other.
    other_half = _line(_LOAD, _ARGUMENTS + 8 + 4)
    lines += _if_argument(
        _UTIMENSAT[which], 1, [_line(_EQUAL, 0, 0, 2), other_half, _line(_EQUAL, 0, 1, 0), _line(_RETURN, fails)]
    )
    for number in refused(machine, change_modes=change_modes).values():
        lines += [_line(_EQUAL, number, 0, 1), _line(_RETURN, fails)]
    return [*lines, _line(_RETURN, _ALLOW)]


def _if_argument(number: int, argument: int, then: list[bytes]) -> list[bytes]:
    """For one call: `then` with the low half of an argument loaded; what falls through is allowed."""
    inside = [_line(_LOAD, _ARGUMENTS + 8 * argument), *then, _line(_RETURN, _ALLOW)]
    return [_line(_EQUAL, number, 0, len(inside)), *inside]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
