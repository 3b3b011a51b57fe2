"""SIGKILL at random moments of `design` and `deploy` leaves a registry that opens, has only whole modules, works on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import wasmtime

import akatsuki_wasm as ak
from akatsuki_wasm import manifest

KILLS = 25
"""Of each command."""
PROMPT = "a function margin(price, cost) = (price - cost) / price"
ADD = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))'


def run(arguments: list[str], kill_after: float | None) -> int:
    """Runs one command, and kills it alone (not its children) after so many seconds."""
    command = [sys.executable, "-m", "akatsuki_wasm.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _, errors = process.communicate(timeout=kill_after)
        assert process.returncode == 0, errors.decode()
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode


def assert_whole(data: Path) -> int:
    """Opens the registry, reads every module with its source, and counts them."""
    with ak.open(data_dir=data) as workspace:
        for stored in workspace.list_modules():
            module = workspace.load(stored.id)
            assert stored.status == "active"
            assert manifest.for_binary(module.wasm).functions == stored.manifest.functions
            if module.provenance.get("source_digest"):
                assert "pub fn margin" in str(module.source)
        return len(workspace.list_modules())


@pytest.mark.toolchain
@pytest.mark.slow
@pytest.mark.parametrize("name", ["design", "deploy"])
def test_sigkill_leaves_whole_modules(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    data = tmp_path / "data"
    wasm = tmp_path / "add.wasm"
    wasm.write_bytes(wasmtime.wat2wasm(ADD))
    command = {
        "design": ["--data-dir", str(data), "design", "wasm", PROMPT],
        "deploy": ["--data-dir", str(data), "deploy", str(wasm), "--name", "adder"],
    }[name]
    assert run(command, None) == 0  # makes the folder and fills the caches
    started = time.perf_counter()
    assert run(command, None) == 0
    seconds = time.perf_counter() - started
    killed = turns = 0
    while killed < KILLS:
        turns += 1
        assert turns < 10 * KILLS, "most runs end before they are killed"
        # Most files and rows are written in the last third of a run; starting Python is the first.
        killed += run(command, seconds * chance.triangular(0.1, 1.1, 0.8)) == -9
        assert_whole(data)
    before = assert_whole(data)
    assert run(command, None) == 0
    assert assert_whole(data) == before + 1
    with ak.open(data_dir=data) as workspace:
        if name == "design":
            assert workspace.load("margin").margin(20, 15) == 0.25
        else:
            assert workspace.load("adder").add(2, 3) == 5


@pytest.mark.toolchain
def test_a_killed_design_leaves_no_compiler_running(tmp_path: Path) -> None:
    """The compiler dies with the process that started it."""
    environment = {**os.environ, "AKATSUKI_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "akatsuki_wasm.cli", "design", "wasm", PROMPT]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 30
    while not builders_in(tmp_path) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)  # polls another process's state, which sends no signal of its own
    assert builders_in(tmp_path), "the build was never seen"
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while builders_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not builders_in(tmp_path)


def builders_in(folder: Path) -> list[str]:
    """Command lines of running cargo and rustc processes whose working folder or arguments are below `folder`."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        program = line.split(" ")[0].rsplit("/", 1)[-1]
        if program in ("cargo", "rustc", "rust-lld") and (str(folder) in line or place.startswith(str(folder))):
            found.append(line)
    return found
