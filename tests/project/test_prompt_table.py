"""The table of ten prompts says what the prompts give now, and each result agrees with its reference."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import ROOT


@pytest.mark.toolchain
@pytest.mark.slow
def test_ten_prompts_give_what_the_page_says() -> None:
    command = [sys.executable, "scripts/prompt_table.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
