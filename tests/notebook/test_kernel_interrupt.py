"""A kernel's interrupt stops a running module, and the kernel goes on working."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("interrupt_kernel.py")


def test_interrupting_the_kernel(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM, str(tmp_path / "data")], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["a call", "a batch", "a map", "waiting"]
    for name, (seconds, after) in found.items():
        assert seconds is not None, f"{name} was not interrupted"
        assert seconds < 20, f"{name} ran on to its time limit"
        assert after == "ok", name
