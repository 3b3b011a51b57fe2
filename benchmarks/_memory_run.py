"""A new process for `memory.py`: applies a function to one long column and prints the memory that it took, in bytes.

usage: _memory_run.py WASM FUNCTION ROWS THREADS; its registry is made beside WASM
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from akatsuki_wasm.opening import open as open_workspace


def resident(name: str) -> int:
    """``VmRSS`` (now) or ``VmHWM`` (the most there was) of this process, in bytes.

    Linux hands ``ru_maxrss`` down from the parent to a new program, so it is asked only where there is nothing else.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> None:
    """A short run first, so that what is loaded and compiled once is not counted; then the long one."""
    path, function, rows, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with open_workspace(data_dir=path.parent / "data") as made_here:
        module = made_here.deploy(path, name=f"threads-{threads}")
        module.batch(function, np.ones(1000), threads=threads)
        before = resident("VmRSS")
        values = np.arange(rows, dtype=np.float64)
        made = module.batch(function, values, threads=threads, timeout_ms=30_000)
        after = resident("VmHWM")
        if not (len(made) == rows and made[3] == 3.0 and made[-1] == rows - 1.0):
            sys.exit("the answer is wrong")
    print(json.dumps({"all": after - before}))


if __name__ == "__main__":
    main()
