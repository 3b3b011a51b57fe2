"""Compares the functions of a module with their references on random inputs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.checks.answers import Answer, MismatchError, ask, ask_frame, bound_names, insist_on_values
from akatsuki_wasm.checks.automatic import case_column
from akatsuki_wasm.checks.comparing import Difference, Tolerance, difference
from akatsuki_wasm.checks.failing import failure_of
from akatsuki_wasm.checks.inputs import Case, UnfitInputError, cases_for, with_defaults
from akatsuki_wasm.checks.report import CASE_LIMITS, Execute, Findings, OracleResult, Say
from akatsuki_wasm.checks.words import describe_call, show
from akatsuki_wasm.contracts import BatchCall, Call, Failure, Function, Manifest
from akatsuki_wasm.errors import ArgumentError, ExecuteError, ExecutionTimeout, GuestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.checks.oracle import Oracle, Reference

_SHOWN = 3
"""Rows of one function that differ and are told: the shortest ones."""
_SAY_EVERY_S = 1.0
_CHANGE = "Change the test if the module is right, or say in the prompt what you mean."


@dataclass(frozen=True)
class _Row:
    """One input with what both sides say of it."""

    case: Case
    answer: Answer
    got: Any = None


def try_oracle(
    manifest: Manifest, oracle: Oracle, execute: Execute, found: Findings, say: Say
) -> tuple[OracleResult, ...]:
    """Compares every function that has a reference.

    Args:
        manifest: The module's functions.
        oracle: The references.
        execute: Executes one call on the module.
        found: Gets what held and what did not.
        say: Hears how far a slow reference is.

    Raises:
        ArgumentError: A reference or the oracle's inputs failed, or say nothing of the module.
    """
    results = []
    for reference in oracle.references:
        function = _function_for(manifest, oracle, reference)
        if isinstance(function, Failure):
            found.fail(function, _CHANGE)
        elif function is not None and function.name not in found.stopped:
            result = _Comparison(function, reference, oracle, execute, found, say).result()
            if result is not None:
                results.append(result)
    return tuple(results)


def _function_for(manifest: Manifest, oracle: Oracle, reference: Reference) -> Function | Failure | None:
    """The function that a reference is for, None for what need not have one, or the failure that there is none."""
    names = [each.name for each in manifest.functions]
    listed = f"functions: {', '.join(names)}"
    if reference.frame:
        fit = [
            each for each in manifest.functions if each.params and all(_is_cell(param.type) for param in each.params)
        ]
        if len(fit) == 1:
            return fit[0]
        message = "the test's reference(df) is for a module with one function of numbers and texts"
        return Failure("oracle", "reference(df)", "one such function", listed, f"{message}: this one has {len(fit)}")
    function = manifest.function(reference.name)
    if function is not None or not reference.required:
        return function
    if reference.any_name and len(names) == 1 and len(oracle.references) == 1:
        return manifest.functions[0]
    call = f"{reference.name}(…)"
    message = f"the test calls {reference.name}, which the module does not have"
    return Failure("oracle", call, f"a function {reference.name}", listed, message)


def _is_cell(type_: wit.Type) -> bool:
    return isinstance(type_.inner if isinstance(type_, wit.Option) else type_, wit.Primitive)


@dataclass(frozen=True)
class _Comparison:
    """One function against its reference."""

    function: Function
    reference: Reference
    oracle: Oracle
    execute: Execute
    found: Findings
    say: Say

    def result(self) -> OracleResult | None:
        """How they agree, or None where they do not, which the findings then tell."""
        function, reference = self.function, self.reference
        started = time.perf_counter()
        try:
            cases, answers = self._answers()
        except MismatchError as exc:
            self.found.fail(_mismatch(function, reference, exc))
            return None
        except UnfitInputError as exc:
            self.found.fail(_unfit(function, exc))
            return None
        reference_seconds = time.perf_counter() - started
        insist_on_values(function, reference, answers)
        kept = [(case, answer) for case, answer in zip(cases, answers, strict=True) if answer.kind != "unfit"]
        started = time.perf_counter()
        gots = self._gots([case for case, _ in kept])
        module_seconds = time.perf_counter() - started
        rows = [_Row(case, answer, got) for (case, answer), got in zip(kept, gots, strict=False)]
        agreed = self._judge(rows)
        if agreed is None:
            return None
        return OracleResult(
            function.name,
            len(rows),
            sum(row.answer.kind == "error" for row in rows),
            len(cases) - len(kept),
            *agreed,
            tolerance_text(function, self._tolerance),
            round(reference_seconds, 6),
            round(module_seconds, 6),
            self.oracle.seed,
        )

    @property
    def _tolerance(self) -> Tolerance:
        types = [*(param.type for param in self.function.params), self.function.result]
        stated = self.oracle.rtol
        rtol = stated if stated is not None else 1e-5 if _has(wit.F32, *types) else 1e-9
        return Tolerance(rtol, self.oracle.atol, self.oracle.levels)

    def _answers(self) -> tuple[list[Case], list[Answer]]:
        """All inputs, and the reference's answers."""
        function, reference = self.function, self.reference
        if reference.frame:
            cases = cases_for(function, self.oracle)
            return cases, ask_frame(function, reference, cases)
        names = bound_names(function, reference)
        cases = [with_defaults(function, names, case) for case in cases_for(function, self.oracle)]
        answers, told = [], time.monotonic()
        for row, case in enumerate(cases):
            if time.monotonic() - told > _SAY_EVERY_S:
                told = time.monotonic()
                self.say(f"the reference {reference.name} has answered {row} of {len(cases)} rows")
            answers.append(ask(function, reference, names, case))
        return cases, answers

    def _gots(self, cases: list[Case]) -> list[Any]:
        """What the module gives for each case: a value or the error; fewer where one ran past the time limit."""
        function = self.function
        if function.batch is not None and cases:
            try:
                columns = tuple(
                    case_column(param.type, [case[index] for case in cases])
                    for index, param in enumerate(function.params)
                )
                batch = self.execute(BatchCall(function.name, columns, len(cases)), CASE_LIMITS).value
            except (ExecuteError, OverflowError):
                pass  # one by one says which row it was, and has a time limit for each
            else:
                found = list(batch.tolist())
                for error in batch.errors:
                    found[error.row] = GuestError(error.message)
                return found
        gots: list[Any] = []
        for case in cases:
            try:
                gots.append(self.execute(Call(function.name, case), CASE_LIMITS).value)
            except ExecuteError as exc:
                gots.append(exc)
                if isinstance(exc, ExecutionTimeout):
                    self.found.stopped.add(function.name)
                    break
        return gots

    def _judge(self, rows: Sequence[_Row]) -> tuple[float, float] | None:
        """The largest absolute and relative difference, or None where a row is wrong."""
        absolute = relative = 0.0
        failures: list[Failure] = []
        for row in rows:
            verdict = _compare(self.function, row, self._tolerance)
            if isinstance(verdict, Failure):
                failures.append(verdict)
            else:
                absolute, relative = max(absolute, verdict.absolute), max(relative, verdict.relative)
        self.found.hold(len(rows) - len(failures))
        if not failures:
            return absolute, relative
        shown = sorted(failures, key=lambda each: len(each.case))[:_SHOWN]
        total = f" ({len(failures)} of {len(rows)} rows are wrong)"
        for index, failure in enumerate(shown):
            self.found.fail(failure if index else replace(failure, message=failure.message + total), _CHANGE)
        self.found.tried += len(failures) - len(shown)
        return None


def _mismatch(function: Function, reference: Reference, error: MismatchError) -> Failure:
    params = f"({', '.join(param.name for param in function.params)})"
    return Failure(
        "oracle",
        f"{function.name}{params}",
        f"the parameters that the reference {error}",
        params,
        f"the reference {reference.name} {error}, the module's {function.name} has {params}",
        help="Name the parameters as the reference does.",
    )


def _unfit(function: Function, error: UnfitInputError) -> Failure:
    params = f"({', '.join(f'{param.name}: {param.type}' for param in function.params)})"
    return Failure(
        "oracle",
        f"{function.name}{params}",
        "parameters that take the inputs of the test",
        params,
        f"{function.name} does not take what the test gives it: {error}",
        help="Give the parameter a type that takes it, such as f64 for fractions and i64 for negative whole numbers.",
    )


def _compare(function: Function, row: _Row, tolerance: Tolerance) -> Failure | Difference:
    """The failure of one row, or how far its right answer is from the reference's."""
    case, got, answer = describe_call(function.name, row.case), row.got, row.answer

    def failure(expected: str, came: str, message: str) -> Failure:
        return Failure("oracle", case, expected, came, f"{case} {message}")

    if isinstance(got, GuestError):
        if answer.kind != "value":
            return Difference(True)
        return failure(show(answer.value), str(got), f"is an error ({got}), its reference gives {show(answer.value)}")
    if isinstance(got, ArgumentError) and answer.kind == "error":
        return Difference(True)  # what a parameter's type or range keeps out, the function need not refuse again
    if isinstance(got, ExecuteError):
        return failure_of(got, "oracle", case, show(answer.value) if answer.kind == "value" else "an error")
    if answer.kind == "error":
        return failure("an error", show(got), f"gave {show(got)}, its reference refuses that: {answer.value}")
    if answer.kind == "undefined":
        if isinstance(got, float) and not np.isfinite(got):
            return Difference(True)
        message = f"gave {show(got)}, its reference has no answer: {answer.value}"
        return failure("NaN, an infinity or an error", show(got), message)
    apart = difference(function.result, got, answer.value, tolerance)
    if apart.good:
        return apart
    where = f" at {apart.place}" if apart.place else ""
    message = f"gave {apart.got}{where}, its reference gives {apart.expected}"
    return failure(apart.expected, apart.got, message)


def tolerance_text(function: Function, tolerance: Tolerance) -> str:
    """What may differ in a function's results, in words."""
    parts = []
    if _has(wit.F64, function.result) or _has(wit.F32, function.result):
        parts.append(f"rtol {tolerance.rtol:g}")
        parts += [f"atol {tolerance.atol:g}"] if tolerance.atol else []
    if _has(wit.IMAGE, function.result):
        parts.append(f"{tolerance.levels} level{'s' * (tolerance.levels != 1)}")
    return ", ".join(parts) or "exact"


def _has(wanted: wit.Type, *types: wit.Type | None) -> bool:
    return any(type_ is not None and (type_ == wanted or _has(wanted, *wit.children(type_))) for type_ in types)
