"""The load test of benchmarks/ runs for some seconds, so that it does not rot; its figures are the quiet machine's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "load.py"


@pytest.mark.toolchain
@pytest.mark.parametrize("more", [[], ["--kill", "worker", "--processes", "2"]], ids=["good days", "kills"])
def test_nothing_is_wrong_and_nothing_is_lost(more: list[str]) -> None:
    command = [sys.executable, PROGRAM, "--seconds", "6" if more else "4", "--clients", "8", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures = dict(line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| of them"))
    assert [value.strip() for value in figures.values()] == ["0"]
