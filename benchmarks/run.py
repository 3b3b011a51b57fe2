"""Runs every benchmark beside this file, or those named as arguments: ``python benchmarks/run.py cli_start``."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Runs the programs in order of their names, each under a heading; 1 when one of them failed."""
    known = {path.stem: path for path in sorted(HERE.glob("[!_]*.py")) if path.name != "run.py"}
    wanted = sys.argv[1:] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"error: no benchmark {', '.join(unknown)}\n  There are: {', '.join(known)}")
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    failed = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, known[name]], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
