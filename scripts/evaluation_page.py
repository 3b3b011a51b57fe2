"""Makes ``docs/reference/evaluation.md``: the standard suite and the offline generator's score on it.

The score is that of a run of ``akatsuki eval`` in a data folder of its own. ``--check`` writes nothing and fails where
the page differs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from akatsuki_wasm.checks.oracle import DEFAULT_ROWS, IMAGE_ROWS
from akatsuki_wasm.evaluation.results import FAILURES, CaseResult, Turn
from akatsuki_wasm.evaluation.suite import Case, load_suite
from akatsuki_wasm.evaluation.table import CASE_FIELDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "evaluation.md"

HEAD = """# Evaluation

`akatsuki eval` runs a suite of prompts and counts what passes ([how to use it](../how-to/evaluate-a-model.md)). This
page says what the standard suite holds, what the offline generator makes of it, and what is stored.
`python scripts/evaluation_page.py` makes it.

## What passes

A case passes when a module was generated, built, and agrees with the case's references in Python: on every example of
the prompt, and on all rows of random inputs, which are the same for every run. A reference that raises `ValueError`
wants an error there. `first` is a pass of the first answer; `repaired` one of a later answer, after the generator was
told what was wrong. Language models are shown the prompt and its examples, never the references.

A case that does not pass has the failure of its best attempt:

| failure | what it is |
| --- | --- |
"""

OFFLINE = """
## The offline generator's score

**{passed} of {selected}.** {words}

| kind | level | cases | first | repaired | failed |
| --- | --- | --- | --- | --- | --- |
"""

SUITE = """
## The standard suite

Forty prompts over four kinds. Their files are in `akatsuki_wasm/evaluation/suites/standard`. Each is solved by a module
in `tests/evaluation/solutions`, and none is met by a module that gives nothing, a constant, one of its arguments or an
error: tests see to both. Numbers with fractions may differ by 1e-9 of their value where the table says nothing else;
whole numbers and texts not at all.

| case | level | functions | rows | may differ by | examples |
| --- | --- | --- | --- | --- | --- |
"""

STORED = """
## What is stored

One JSON file for each run, in `evaluations` of the [data folder](settings.md), written after every case. `--json`
prints the same with `passed`, `share`, `summary` and `failures` besides.

| key | what it is |
| --- | --- |
| `format` | 1 |
| `id` | time, generator and model; the file's name |
| `suite`, `generator`, `model` | what was run, and who answered, as the server calls it |
| `started`, `version` | UTC, and of akatsuki_wasm |
| `max_repairs` | times the generator was asked again for a case at most |
| `selected` | cases that were to be run |
| `ended` | why it ended before all were run, or empty |
| `results` | of each case: {results} |
| `turns` | of each attempt: {turns} |

An `outcome` is `first`, `repaired` or `failed`; `replayed` is whether an answer came from memory. `--out FILE.csv`
writes a line for each case, with {csv}.
"""


def evaluate() -> dict[str, Any]:
    """The offline generator's run of the standard suite."""
    command = [sys.executable, "-m", "akatsuki_wasm.cli", "eval", "--generator", "offline", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AKATSUKI_TOKEN")}
        environment = {**kept, "AKATSUKI_DATA_DIR": folder}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def words(found: dict[str, Any]) -> str:
    """What became of the cases, in a few sentences."""
    failures = found["failures"]
    declined = failures.get("no-match", 0) + failures.get("generate", 0)
    unnamed = sum("which the module does not have" in each["message"] for each in found["results"])
    built = sum(any(turn["rust"] for turn in each["turns"]) for each in found["results"])
    return (
        "The catalogue composes operations that it knows, and formulas; these prompts ask for programs.\n"
        f"It declined {declined} of them. Of the {built} modules that it built, {unnamed} lack the function that the "
        "prompt names:\nit picks operations by the words that it knows, and gives them names of its own. "
        "What it is good at is on\n[another page](prompts.md)."
    )


def row(case: Case) -> str:
    """One line of the table of cases."""
    functions = re.findall(r"`([a-z_0-9]+\([^`]*\))`", case.prompt)
    oracle = case.oracle
    rows = oracle.rows or (IMAGE_ROWS if case.kind == "image" else DEFAULT_ROWS)
    if case.kind == "image":
        apart = f"{oracle.levels} level{'s' * (oracle.levels != 1)}"
    else:
        relative = [f"{oracle.rtol:g} of it"] if oracle.rtol else []
        apart = " and ".join(relative + ([f"{oracle.atol:g}"] if oracle.atol else []))
    named = ", ".join(f"`{each}`" for each in functions)
    return f"| `{case.name}` | {case.level} | {named} | {rows} | {apart} | {len(oracle.examples)} |\n"


def names(of: type | tuple[str, ...]) -> str:
    """The fields of a dataclass, or names, as a list in words."""
    listed = of if isinstance(of, tuple) else tuple(field.name for field in fields(of))
    return ", ".join(f"`{each}`" for each in listed)


def page() -> str:
    """The whole page."""
    found = evaluate()
    counts = ("kind", "level", "cases", "first", "repaired", "failed")
    scores = "".join(f"| {' | '.join(str(each[name]) for name in counts)} |\n" for each in found["summary"])
    failed = "\nIts failures: " + ", ".join(f"{count} `{kind}`" for kind, count in found["failures"].items()) + ".\n"
    return (
        HEAD
        + "".join(f"| `{kind}` | {meaning} |\n" for kind, meaning in FAILURES.items())
        + OFFLINE.format(words=words(found), **found)
        + scores
        + failed
        + SUITE
        + "".join(map(row, load_suite().cases))
        + STORED.format(results=names(CaseResult), turns=names(Turn), csv=names(CASE_FIELDS))
    )


def main() -> None:
    """Writes the page, or compares it."""
    made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return
    if not PAGE.exists() or PAGE.read_text("utf-8") != made:
        sys.exit(f"{PAGE} is not what this program makes; run it without --check")


if __name__ == "__main__":
    main()
