"""Ctrl-C in a real process: the guest stops, the program says so, and the execution is in the history."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import wasmtime

import akatsuki_wasm as ak

if TYPE_CHECKING:
    from pathlib import Path

SPIN = '(module (func (export "spin") (param i32) (result i32) (loop $on (br $on)) (i32.const 1)))'


def test_ctrl_c_stops_a_running_module(tmp_path: Path) -> None:
    environment = {**os.environ, "AKATSUKI_DATA_DIR": str(tmp_path / "data")}
    with ak.open(data_dir=tmp_path / "data") as workspace:
        workspace.deploy(bytes(wasmtime.wat2wasm(SPIN)), name="spinner")
    command = [sys.executable, "-m", "akatsuki_wasm.cli", "run", "spinner", "spin", "1", "--timeout-ms", "30000"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_until_busy(process)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - started
    assert (process.returncode, out, err) == (130, "", "\ninterrupted\n")
    assert took < 20, "it ran on to its time limit"
    history = subprocess.run(
        [sys.executable, "-m", "akatsuki_wasm.cli", "history", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (row,) = json.loads(history.stdout)
    assert (row["function"], row["status"]) == ("spin", "error")
    assert row["error"] == "interrupted"


def wait_until_busy(process: subprocess.Popen[str]) -> None:
    """Until the guest runs: the process's main thread has spent more processor time than starting takes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with open(f"/proc/{process.pid}/stat") as file:  # noqa: PTH123 - a file of the kernel
            fields = file.read().rpartition(")")[2].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if seconds > 2.5:
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the process does not get to its guest: {process.communicate()}")
