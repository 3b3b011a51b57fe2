"""Evaluation: how well a generator turns a suite of prompts into modules that agree with their references.

`suite` reads a suite, `running` designs each of its prompts, `results` keeps and finds what came of it, `table` and
`plot` show it.
"""

from __future__ import annotations

from akatsuki_wasm.evaluation.results import CaseResult, Evaluation, Turn
from akatsuki_wasm.evaluation.running import run_suite
from akatsuki_wasm.evaluation.suite import Case, Suite, load_suite

__all__ = ["Case", "CaseResult", "Evaluation", "Suite", "Turn", "load_suite", "run_suite"]
