"""The filter for system calls: what it says for each call on both kinds of machine, and what the kernel then does."""

from __future__ import annotations

import errno
import json
import platform
import struct
import subprocess
import sys

import pytest

from akatsuki_wasm.confinement import seccomp

ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = FAIL | errno.EPERM, FAIL | errno.ENOSYS
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
NUMBERS = {
    "x86_64": {"clone": 56, "clone3": 435, "ioctl": 16, "prlimit64": 302, "utimensat": 280, "socketpair": 53},
    "aarch64": {"clone": 220, "clone3": 435, "ioctl": 29, "prlimit64": 261, "utimensat": 88, "socketpair": 199},
}  # fmt: skip
machines = pytest.mark.parametrize("machine", ARCHITECTURES)


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None, **options: bool) -> int:
    """What the filter returns for one call: the kernel's classic BPF in a few lines."""
    data = struct.pack("=IIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    program = [struct.unpack("=HBBI", line) for line in seccomp.program(machine, **options)]
    value = at = 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, k)
        elif code == 0x54:
            value &= k
        elif code == 0x06:
            return k
        else:
            holds = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
            at += if_true if holds else if_false


@machines
def test_each_call_of_the_list_fails_and_no_other(machine: str) -> None:
    refused = set(seccomp.refused(machine).values())
    assert len(refused) == len(seccomp.refused(machine)) > 70
    special = {NUMBERS[machine]["clone3"], NUMBERS[machine]["utimensat"], NUMBERS[machine]["socketpair"]}
    for number in range(600):
        if number not in special:
            assert verdict(machine, number) == (EPERM if number in refused else ALLOW), number


@machines
def test_another_architectures_calls_kill(machine: str) -> None:
    assert verdict(machine, 0, architecture=I386) == KILL
    (other,) = {*ARCHITECTURES.values()} - {ARCHITECTURES[machine]}
    assert verdict(machine, 0, architecture=other) == KILL


def test_the_calls_of_x32_kill() -> None:
    assert verdict("x86_64", 0x40000000) == KILL
    assert verdict("x86_64", 0x40000000 | 41) == KILL
    assert verdict("x86_64", -1 & 0xFFFFFFFF) == KILL


@machines
def test_calls_that_depend_on_their_arguments(machine: str) -> None:
    number = NUMBERS[machine]
    thread, fork = 0x003D0F00, 17
    assert verdict(machine, number["clone3"]) == ENOSYS
    assert [verdict(machine, number["clone"], flags) for flags in (thread, fork)] == [ALLOW, ALLOW]
    for bit in (17, 25, 26, 27, 28, 29, 30):  # CLONE_NEWNS … CLONE_NEWNET
        assert verdict(machine, number["clone"], fork | 1 << bit) == EPERM
    assert verdict(machine, number["ioctl"], 0, 0x5401) == ALLOW
    assert [verdict(machine, number["ioctl"], 0, request) for request in (0x5412, 0x541C)] == [EPERM, EPERM]
    assert [verdict(machine, number["prlimit64"], process) for process in (0, 1)] == [ALLOW, EPERM]
    assert verdict(machine, number["utimensat"], 3, 0) == ALLOW
    for path in (1, 0x7FFC_0000_0000, 0x1_0000_0000):
        assert verdict(machine, number["utimensat"], 3, path) == EPERM
    close_on_exec = 0o2000000
    assert [verdict(machine, number["socketpair"], 1, kind | close_on_exec) for kind in (1, 5)] == [ALLOW, ALLOW]
    assert [verdict(machine, number["socketpair"], 1, kind | close_on_exec) for kind in (2, 3)] == [EPERM, EPERM]


@machines
def test_modes_may_change_only_where_programs_are_linked(machine: str) -> None:
    modes = {*seccomp.refused(machine).items()} - {*seccomp.refused(machine, change_modes=True).items()}
    assert {name for name, _ in modes} <= {"chmod", "fchmodat", "fchmodat2"}
    assert modes
    for _, number in modes:
        assert verdict(machine, number, change_modes=True) == ALLOW
        assert verdict(machine, number) == EPERM


def confined(script: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code under the filter alone."""
    start = "import ctypes, json, os, errno\nfrom akatsuki_wasm.confinement import seccomp\nseccomp.restrict()\n"
    return subprocess.run([sys.executable, "-c", start + script], capture_output=True, text=True)


here = pytest.mark.skipif(not seccomp.is_supported(), reason=f"there is no filter for {platform.machine()}")


@here
def test_the_kernel_refuses_each_of_them() -> None:
    refused = seccomp.refused(platform.machine())
    done = confined(
        "libc = ctypes.CDLL(None, use_errno=True)\nfound = {}\n"
        f"for name, number in {refused!r}.items():\n"
        "    ctypes.set_errno(0)\n"
        "    result = libc.syscall(number, *[ctypes.c_long(-1)] * 6)\n"  # no such call does anything with these
        "    found[name] = [result, ctypes.get_errno()]\n"
        "print(json.dumps(found))"
    )
    assert json.loads(done.stdout) == {name: [-1, errno.EPERM] for name in refused}, done.stderr


@here
def test_threads_and_programs_still_start() -> None:
    done = confined(
        "import threading, subprocess, socket\n"
        "worker = threading.Thread(target=print, args=('thread',)); worker.start(); worker.join()\n"
        "print(subprocess.run(['/bin/sh', '-c', 'echo program'], capture_output=True, text=True).stdout, end='')\n"
        "try:\n    socket.socket()\nexcept PermissionError:\n    print('no socket')\n"
    )
    assert done.stdout == "thread\nprogram\nno socket\n", done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is an interface of x86-64")
def test_the_kernel_kills_a_call_of_x32() -> None:
    assert confined("ctypes.CDLL(None).syscall(0x40000000 | 39)").returncode == -31  # SIGSYS
