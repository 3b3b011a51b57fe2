"""Limits of a build: time, memory, files, output; and that nothing is left behind, whatever ended it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.contracts import MIB
from akatsuki_wasm.errors import BuildError, BuildTimeoutError, CompileError
from akatsuki_wasm.rust.build import BuildLimits, build_crate
from akatsuki_wasm.rust.build_folder import private_folder

if TYPE_CHECKING:
    from akatsuki_wasm.rust.toolchain import Toolchain

pytestmark = pytest.mark.toolchain

Crate = Callable[..., dict[str, str]]

ENDLESS = """\
const fn endless() -> i32 { let mut n = 0u64; while n < u64::MAX { n += 1; } 1 }
const ONE: i32 = endless();
pub fn add(a: i32, b: i32) -> i32 { a + b + ONE }
"""
LIB = """\
#![allow(long_running_const_eval)]
mod author;
#[no_mangle]
pub extern "C" fn add(a: i32, b: i32) -> i32 {
    author::add(a, b)
}
"""


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that work in `folder`, after a moment for them to end."""
    deadline = time.monotonic() + 5
    while True:
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if str(folder) in command and int(entry.parent.name) != os.getpid():
                found.append(command)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def fails(crate: dict[str, str], toolchain: Toolchain, folder: Path, limits: BuildLimits) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build_crate(crate, toolchain=toolchain, options=limits, work_root=folder)
    assert list(folder.iterdir()) == []
    assert left_running(folder) == []
    return caught.value


def test_the_wall_clock_ends_the_whole_group(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    started = time.monotonic()
    error = fails(guest_crate(ENDLESS, lib=LIB), toolchain, tmp_path, BuildLimits(wall_s=1.5))
    assert time.monotonic() - started < 5
    assert isinstance(error, BuildTimeoutError)
    assert str(error) == "the build took longer than its limit of 1.5 s"
    assert error.hint == "look for constants that take long to evaluate, or raise the limit"


def test_cpu_time_ends_a_compiler(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    error = fails(guest_crate(ENDLESS, lib=LIB), toolchain, tmp_path, BuildLimits(cpu_s=1))
    assert isinstance(error, BuildTimeoutError)
    assert str(error) == "the compiler used more than its limit of 1 s of CPU time"


def test_memory_is_bounded(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    # Five tables that differ: equal ones become one, and fewer large ones are refused as constants that are too large.
    tables = "".join(f"static T{n}: [u8; 40 << 20] = [{n}; 40 << 20];\n" for n in range(1, 6))
    used = " ^ ".join(f"T{n}[{'ab'[n % 2]} as usize]" for n in range(1, 6))
    source = f"{tables}pub fn add(a: i32, b: i32) -> i32 {{ i32::from({used}) }}\n"
    error = fails(guest_crate(source), toolchain, tmp_path, BuildLimits(memory_bytes=800 * MIB))
    assert str(error) == "the compiler needed more than its limit of 800 MiB of memory"


def test_a_constant_that_is_too_large_is_the_authors_error(toolchain: Toolchain, guest_crate: Crate) -> None:
    source = "pub static BIG: [u8; 1 << 30] = [1; 1 << 30];\npub fn add(a: i32, b: i32) -> i32 { a + b }\n"
    with pytest.raises(CompileError) as caught:
        build_crate(guest_crate(source), toolchain=toolchain, options=BuildLimits(memory_bytes=800 * MIB))
    assert str(caught.value) == (
        "line 1: tried to allocate more memory than available to compiler: "
        "evaluation of `author::BIG` failed here [E0080]"
    )


def test_a_compiler_that_cannot_even_start_in_its_memory(
    toolchain: Toolchain, guest_crate: Crate, tmp_path: Path
) -> None:
    error = fails(guest_crate(), toolchain, tmp_path, BuildLimits(memory_bytes=100 * MIB))
    assert str(error) == "the compiler needed more than its limit of 100 MiB of memory"


def test_800_mib_are_enough_for_a_small_crate(toolchain: Toolchain, guest_crate: Crate) -> None:
    assert build_crate(guest_crate(), toolchain=toolchain, options=BuildLimits(memory_bytes=800 * MIB)).wasm


def test_written_files_are_bounded(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    source = (
        "static BIG: [u8; 8 << 20] = [1; 8 << 20];\n"
        "pub fn add(a: i32, b: i32) -> i32 { a + i32::from(BIG[b as usize]) }\n"
    )
    error = fails(guest_crate(source), toolchain, tmp_path, BuildLimits(file_bytes=2 * MIB))
    assert str(error) == "the compiler wrote a file larger than its limit of 2 MiB"


def test_the_module_is_bounded(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    error = fails(guest_crate(), toolchain, tmp_path, BuildLimits(wasm_bytes=1000))
    assert str(error).endswith("bytes: at most 1000 are allowed")


def test_printed_messages_are_bounded(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    lines = "\n".join(f"    let v{number} = {number};" for number in range(2000))
    crate = guest_crate(f"pub fn add(a: i32, b: i32) -> i32 {{\n{lines}\n    a + b\n}}\n")
    error = fails(crate, toolchain, tmp_path, BuildLimits(output_bytes=100_000))
    assert str(error) == "the compiler printed more than its limit of 100000 bytes"


def test_the_folder_is_private_and_goes_away(tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_host_takes_its_compiler_along_and_the_next_build_sweeps(
    toolchain: Toolchain, guest_crate: Crate, tmp_path: Path, toolchain_cache: Path
) -> None:
    work = tmp_path / "work"
    script = f"""
from pathlib import Path
from akatsuki_wasm.rust.build import build_crate
from akatsuki_wasm.rust.toolchain import find_toolchain
toolchain = find_toolchain(Path({str(toolchain_cache)!r}))
print("start", flush=True)
build_crate({guest_crate(ENDLESS, lib=LIB)!r}, toolchain=toolchain, work_root=Path({str(work)!r}))
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"start\n"
        deadline = time.monotonic() + 20
        while not list(work.glob("*/target")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)  # rustc is busy with the endless constant
        host.send_signal(signal.SIGKILL)
    assert left_running(work) == []
    assert len(list(work.iterdir())) == 1
    build_crate(guest_crate(), toolchain=toolchain, work_root=work)
    assert list(work.iterdir()) == []


def test_a_build_under_way_is_not_swept(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        build_crate(guest_crate(), toolchain=toolchain, work_root=tmp_path)
        assert folder.is_dir()


def test_builds_in_several_threads_do_not_disturb_each_other(
    toolchain: Toolchain, guest_crate: Crate, tmp_path: Path
) -> None:
    def build(number: int) -> bytes:
        source = f"pub fn add(a: i32, b: i32) -> i32 {{ a + b + {number % 2} }}\n"
        return build_crate(guest_crate(source), toolchain=toolchain, work_root=tmp_path).wasm

    with ThreadPoolExecutor(2) as pool:
        wasm = list(pool.map(build, range(4)))
    assert wasm[0] == wasm[2]
    assert wasm[1] == wasm[3]
    assert wasm[0] != wasm[1]
    assert list(tmp_path.iterdir()) == []
