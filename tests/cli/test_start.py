"""The program starts without the heavy libraries, whatever help is asked for; and its reference is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from akatsuki_wasm.cli.reference import reference

HEAVY = ("numpy", "PIL", "pydantic", "rich", "sqlalchemy", "wasmtime", "pandas", "papermill", "openai", "fastapi")
HEAVY += ("alembic", "tree_sitter", "obstore", "jinja2", "sh", "importlib.metadata", "akatsuki_wasm_plugins")

_PROGRAM = """
import sys
from akatsuki_wasm.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("\\nLOADED", *sys.modules)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["design", "wasm", "--help"],
        ["serve", "--help"],
        ["token", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert sorted(loaded.intersection(HEAVY)) == []


def test_reference_is_in_step() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "run: python -m akatsuki_wasm.cli.reference > docs/reference/cli.md"
    )
