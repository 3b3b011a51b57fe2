"""Tries the automatic cases of every function: alone, and where there is a batch lane, in a column."""

from __future__ import annotations

from typing import Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.checks.cases import automatic_cases
from akatsuki_wasm.checks.comparing import same
from akatsuki_wasm.checks.failing import failure_of
from akatsuki_wasm.checks.report import CASE_LIMITS, Execute, Findings
from akatsuki_wasm.checks.words import describe_call
from akatsuki_wasm.contracts import BatchCall, Call, Column, Failure, Function, Manifest
from akatsuki_wasm.errors import ExecuteError, ExecutionTimeout, GuestError
from akatsuki_wasm.values.sources import DTYPES

_ANSWER = "an answer, or Err of a Result"
_HANDLE = "Handle this input, or give the parameter a range in its doc comment: * `name`: 1..=100. …"
_PURE = "The function must not depend on anything but its arguments."


def try_cases(manifest: Manifest, execute: Execute, found: Findings) -> int:
    """Tries the cases of all functions; the first one that fails ends those of its function.

    Components and commands, which were not built here, have none: nothing is known of what they take beyond its type.

    Returns:
        How many cases were executed.
    """
    count = 0
    for function in () if manifest.kind in ("component", "command") else manifest.functions:
        cases = list(automatic_cases(function))
        answers: list[Any] = []
        failure = None
        for case in cases:
            answer = _try_case(function, case, execute, found)
            if isinstance(answer, Failure):
                failure = answer
                break
            answers.append(answer)
        found.hold(len(answers))
        count += len(answers)
        if failure is None and function.batch is not None:
            failure = _compare_lanes(function, cases, answers, execute)
        if failure is not None:
            found.fail(failure)
    return count


def _try_case(function: Function, case: tuple[Any, ...], execute: Execute, found: Findings) -> Any:
    """Executes one case; an error of the function's own is an answer too."""
    text = describe_call(function.name, case)
    try:
        value = execute(Call(function.name, case), CASE_LIMITS).value
    except GuestError as exc:
        return exc
    except ExecuteError as exc:
        if isinstance(exc, ExecutionTimeout):
            found.stopped.add(function.name)
        return failure_of(exc, "automatic", text, _ANSWER, advice=_HANDLE)
    return _wrong_image(text, function.result, value) or value


def _wrong_image(text: str, type_: wit.Type | None, value: Any) -> Failure | None:
    """The failure of an image in a result that has not as many pixels as its size says."""
    if type_ is None or value is None:
        return None
    if type_ == wit.IMAGE:
        wanted, got = value.width * value.height * 4, len(value.pixels)
        if got == wanted:
            return None
        return Failure(
            "automatic",
            text,
            f"{wanted} bytes",
            f"{got} bytes",
            f"{text} made an image of {value.width}x{value.height} with {got} bytes of pixels",
            help="Keep pixels.len() at width * height * 4.",
        )
    parts: list[tuple[wit.Type | None, Any]] = []
    match type_:
        case wit.Option(inner) | wit.Result(inner):
            parts = [(inner, value)]
        case wit.List(element) if not type_.is_numeric:
            parts = [(element, item) for item in value]
        case wit.Tuple() | wit.Record():
            parts = list(zip(wit.children(type_), value, strict=True))
    return next(filter(None, (_wrong_image(text, part, item) for part, item in parts)), None)


def _compare_lanes(
    function: Function, cases: list[tuple[Any, ...]], answers: list[Any], execute: Execute
) -> Failure | None:
    """The first case to which the batch lane gives another answer than the function gave alone."""
    columns = tuple(
        case_column(param.type, [case[index] for case in cases]) for index, param in enumerate(function.params)
    )
    try:
        batch = execute(BatchCall(function.name, columns, len(cases)), CASE_LIMITS).value
    except ExecuteError as exc:
        text = f"{function.name} over {len(cases)} rows"
        return failure_of(exc, "automatic", text, "the same answers as one by one")
    failed = {error.row: error.message for error in batch.errors}
    values = batch.tolist()
    for row, (case, alone) in enumerate(zip(cases, answers, strict=True)):
        if isinstance(alone, GuestError):
            good, got = row in failed, failed.get(row, "a value")
        else:
            good, got = row not in failed and same(values[row], alone, 1e-12), failed.get(row, values[row])
        if not good:
            text = describe_call(function.name, case)
            message = f"{text} gives {alone} alone and {got} in a column"
            return Failure("automatic", text, str(alone), str(got), message, help=_PURE)
    return None


def case_column(type_: wit.Type, values: list[Any]) -> Column:
    """A column of contract values for the batch lane; None is a null."""
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    valid = np.array([value is not None for value in values])
    assert isinstance(inner, wit.Primitive)  # noqa: S101 - only such functions have a batch lane
    if inner.name in DTYPES:
        filled: Any = np.array([0 if value is None else value for value in values], DTYPES[inner.name])
    else:
        filled = ["a" if value is None else value for value in values]
    return Column(filled, None if valid.all() else valid)
