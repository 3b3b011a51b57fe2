"""Runs every benchmark beside this file, or those named as arguments: ``python benchmarks/run.py cli_start``.

``--quick`` takes few and short turns, to see that everything runs. ``--write`` puts the figures of all programs into
docs/benchmarks.md, between its markers, with the machine and the versions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _harness import QUICK, RECORD, duration, table
from _machine import facts

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
NOT_RUN = {"run.py", "load.py"}
"""This program, and the load test of the service, which takes ten minutes for each of its ways."""
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> int:
    """Runs the programs in order of their names, each under a heading; 1 when one of them failed."""
    known = {path.stem: path for path in sorted(HERE.glob("[!_]*.py")) if path.name not in NOT_RUN}
    wanted = _arguments(known)
    machine = facts()
    for name, value in machine.items():
        print(f"{name}: {value}")
    failed, records = [], []
    with tempfile.TemporaryDirectory(prefix="akatsuki-bench-") as folder:
        for name in wanted.programs or known:
            print(f"\n== {name}", flush=True)
            record = Path(folder) / f"{name}.json"
            environment = os.environ | {RECORD: str(record)} | ({QUICK: "1"} if wanted.quick else {})
            if subprocess.run([sys.executable, known[name]], env=environment, check=False).returncode:
                failed.append(name)
            if record.exists():
                records.append(json.loads(record.read_text(encoding="utf-8")))
    print("\n== all targets\n")
    print("\n".join(_targets(records)))
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
        return 1
    if wanted.write:
        _write(machine, records)
        print(f"\nWritten to {PAGE.relative_to(HERE.parent)}")
    return 0


def _arguments(known: dict[str, Path]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the benchmarks.")
    parser.add_argument(
        "programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(known)}; all where none is named"
    )
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--write", action="store_true", help="put the figures of all programs into docs/benchmarks.md")
    found = parser.parse_args()
    if unknown := [name for name in found.programs if name not in known]:
        sys.exit(f"error: no benchmark {', '.join(unknown)}\n  There are: {', '.join(known)}")
    if found.write and (found.programs or found.quick):
        sys.exit("error: --write is for a whole run\n  Leave out --quick and the names of programs.")
    return found


def _targets(records: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            each["what"],
            each["ours"],
            each["peer"],
            each["ratio"],
            each["limit"],
            "pass" if each["passed"] else "**short**",
        )
        for record in records
        for each in record["targets"]
    ]
    return table(("what", "ours", "peer", "ratio", "limit", "verdict"), rows)


def _write(machine: dict[str, str], records: list[dict[str, Any]]) -> None:
    """Replaces what is between the markers of the page; the words around them stay."""
    lines = [*(f"* {name}: {value}" for name, value in machine.items()), "", *_targets(records)]
    reasons = [f"* {each['what']}: {each['why']}" for record in records for each in record["targets"] if each["why"]]
    if reasons:
        lines += ["", "Why some are short:", "", *reasons]
    for record in records:
        if record["races"] or record["notes"]:
            lines += ["", f"### `{record['name']}`"]
        for race in record["races"]:
            lines += ["", race["title"] + ":", "", *_race(race)]
        if record["notes"]:
            lines += ["", *(f"* {note}" for note in record["notes"])]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        sys.exit(f"error: {PAGE.name} has no markers\n  It needs the lines {BEGIN} and {END}.")
    PAGE.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]), encoding="utf-8")


def _race(race: dict[str, Any]) -> list[str]:
    rows = [
        (name, duration(median), f"{duration(race['spread'][name][0])} to {duration(race['spread'][name][1])}")
        for name, median in race["seconds"].items()
    ]
    rows += [(name, reason, "") for name, reason in race["absent"].items()]
    return table(("contestant", "median", "fastest to slowest turn"), rows)


if __name__ == "__main__":
    sys.exit(main())
