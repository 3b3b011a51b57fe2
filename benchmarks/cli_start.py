"""How long ``akatsuki --help`` takes, against Python with click imported: the program may add little of its own.

Prints the medians and their ratio, and fails above the limit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
LIMIT = 3.0
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import click'": ["-c", "import click"],
    "akatsuki --help": ["-m", "akatsuki_wasm.cli", "--help"],
    "akatsuki --version": ["-m", "akatsuki_wasm.cli", "--version"],
    "akatsuki run --help": ["-m", "akatsuki_wasm.cli", "run", "--help"],
}


def milliseconds(arguments: list[str]) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1e3


def measure(runs: int = RUNS) -> dict[str, float]:
    """Median of each command, in turns so that a slow moment of the machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, arguments in COMMANDS.items():
            took = milliseconds(arguments)
            if turn:  # the first turn warms the file cache
                times[name].append(took)
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> int:
    """Prints the figures; 1 above the limit."""
    medians = measure()
    base = medians["python -c 'import click'"]
    for name, median in medians.items():
        print(f"{name:<26} {median:7.1f} ms   {median / base:5.2f} x click")
    ratio = medians["akatsuki --help"] / base
    print(f"\nakatsuki --help takes {ratio:.2f} times as long as Python with click (limit {LIMIT:g})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
