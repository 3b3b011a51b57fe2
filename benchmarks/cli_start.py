"""How long ``akatsuki --help`` takes, against Python with click imported: the program may add little of its own."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from _harness import Run, main

BASE, OURS = "python -c 'import click'", "akatsuki --help"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    BASE: ["-c", "import click"],
    OURS: ["-m", "akatsuki_wasm.cli", "--help"],
    "akatsuki --version": ["-m", "akatsuki_wasm.cli", "--version"],
    "akatsuki run --help": ["-m", "akatsuki_wasm.cli", "run", "--help"],
}


def _process(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def measure(run: Run) -> None:
    """Each command is a process of its own; the first of each warms the file cache."""
    race = run.race("one process", {name: partial(_process, arguments) for name, arguments in COMMANDS.items()})
    run.target("start of the command line", race, OURS, BASE, within=3)


if __name__ == "__main__":
    main(measure)
