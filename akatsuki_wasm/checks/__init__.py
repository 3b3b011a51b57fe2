"""The check stage: tries a built module on automatic cases, on examples, and against references in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.checks.against import try_oracle
from akatsuki_wasm.checks.automatic import try_cases
from akatsuki_wasm.checks.cases import automatic_cases
from akatsuki_wasm.checks.comparing import same
from akatsuki_wasm.checks.examples import try_examples, try_own
from akatsuki_wasm.checks.oracle import Oracle, OracleLike, Reference, load_oracle, oracle_from, oracle_of, to_oracle
from akatsuki_wasm.checks.report import CheckReport, Checks, Execute, Findings, OracleResult, OwnExample, Say
from akatsuki_wasm.checks.specification import specification_text
from akatsuki_wasm.checks.words import describe_call
from akatsuki_wasm.errors import CheckError
from akatsuki_wasm.examples import parse_example

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Manifest

__all__ = [
    "CheckReport",
    "Checks",
    "Oracle",
    "OracleLike",
    "OracleResult",
    "OwnExample",
    "Reference",
    "automatic_cases",
    "check_module",
    "describe_call",
    "load_oracle",
    "oracle_from",
    "oracle_of",
    "parse_example",
    "same",
    "specification_text",
    "to_oracle",
]


def _nobody_listens(line: str) -> None:
    """Nobody wants to know how far it is."""


def check_module(manifest: Manifest, checks: Checks, execute: Execute, say: Say = _nobody_listens) -> CheckReport:
    """Runs all automatic cases, all examples and the references.

    A failure does not end it: what else fails is told in the same error, as whoever repairs the module needs all of it.

    Args:
        manifest: The module's functions.
        checks: What the module must do beside passing the automatic cases.
        execute: Executes one call on the module.
        say: Hears one line a second while a slow reference works.

    Raises:
        CheckError: Something did not hold. It carries the first failure's case, what was expected and what came, and
            all failures.
        ArgumentError: A reference itself failed, or has no answers.
    """
    found = Findings()
    oracle = checks.oracle
    automatic = try_cases(manifest, execute, found)
    examples = tuple({each.text: each for each in (*checks.examples, *(oracle.examples if oracle else ()))}.values())
    try_examples(manifest, examples, execute, found)
    compared = () if oracle is None else try_oracle(manifest, oracle, execute, found, say)
    if found.failures:
        raise _error(found)
    own = try_own(manifest, checks.own, execute, found)
    return CheckReport(automatic, tuple(each.text for each in examples), own, compared)


def _error(found: Findings) -> CheckError:
    first = found.failures[0]
    return CheckError(
        first.message,
        case=first.case,
        expected=first.expected,
        got=first.got,
        hint=found.hints[0],
        kind=first.kind,
        failures=found.failures,
        passed=found.passed,
        tried=found.tried,
    )
