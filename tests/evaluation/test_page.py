"""The page on the standard suite says what the suite holds and what the offline generator makes of it now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.toolchain
@pytest.mark.slow
def test_the_page_of_the_standard_suite_has_the_offline_generators_score() -> None:
    command = [sys.executable, "scripts/evaluation_page.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
