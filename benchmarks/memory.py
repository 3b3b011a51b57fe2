"""The peak memory of a run over a column of 50 million float64 rows in a new process: input, output, little more.

The most resident memory that the process had by the end of the run, less what it had before the column was made.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from _guests import design, workspace
from _harness import Run, main, new_process

ROWS, QUICK_ROWS = 50_000_000, 5_000_000
MORE = 200_000_000
"""Bytes that may be needed besides input and output."""
PROMPT = "f(x) = sqrt(x^2)"


def megabytes(size: float) -> str:
    """For the table."""
    return f"{size / 1e6:,.0f} MB"


def measure(run: Run) -> None:
    """On one thread, and on two, which have a guest each."""
    rows = QUICK_ROWS if run.quick else ROWS
    both = 2 * rows * 8
    with workspace() as made, tempfile.TemporaryDirectory(prefix="akatsuki-bench-") as folder:
        module = design(made, PROMPT)
        wasm = Path(folder) / "guest.wasm"
        wasm.write_bytes(module.wasm)
        for threads in (1, 2):
            name = module.manifest.functions[0].name
            taken = new_process("_memory_run.py", str(wasm), name, str(rows), str(threads))["all"]
            run.judge(
                f"peak memory, {rows:,} rows of float64, {'one thread' if threads == 1 else 'two threads'}",
                megabytes(taken),
                f"input and output {megabytes(both)}",
                f"{taken / both:.2f}",
                f"at most {megabytes(both + MORE)}",
                passed=taken <= both + MORE,
            )


if __name__ == "__main__":
    main(measure)
