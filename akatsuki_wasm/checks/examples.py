"""Tries examples: the user's, which must hold, and the generator's own, which may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.checks.comparing import same
from akatsuki_wasm.checks.failing import failure_of
from akatsuki_wasm.checks.report import CASE_LIMITS, Execute, Findings, OwnExample
from akatsuki_wasm.checks.words import show
from akatsuki_wasm.contracts import Call, Example, Failure, Function, Manifest
from akatsuki_wasm.errors import ArgumentError, ExecuteError, ExecutionTimeout, FunctionNotFoundError
from akatsuki_wasm.values.bind import did_you_mean
from akatsuki_wasm.values.python import lift, lower_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHANGE = "Change the example if the module is right, or say in the prompt what you mean."


def try_examples(manifest: Manifest, examples: Sequence[Example], execute: Execute, found: Findings) -> None:
    """Tries all of the user's examples, so that all that fail are told at once."""
    for example in examples:
        failure = try_example(manifest, example, execute, found)
        if failure is None:
            found.hold()
        else:
            found.fail(failure, _hint(manifest, example, failure))


def try_own(
    manifest: Manifest, examples: Sequence[Example], execute: Execute, found: Findings
) -> tuple[OwnExample, ...]:
    """Tries the generator's own examples."""
    tried = []
    for example in examples:
        failure = try_example(manifest, example, execute, found)
        got = show(example.expected) if failure is None else failure.got
        tried.append(OwnExample(example.text, failure is None, got))
    return tuple(tried)


def try_example(manifest: Manifest, example: Example, execute: Execute, found: Findings) -> Failure | None:
    """Tries one example and says how it failed, or None where it held."""
    function = manifest.function(example.function)
    expected = show(example.expected)
    if function is None:
        names = ", ".join(each.name for each in manifest.functions)
        message = f"the example {example.text} calls {example.function}, which the module does not have"
        return Failure("example", example.text, expected, f"functions: {names}", message)
    if function.name in found.stopped:
        message = f"the example {example.text} was not tried: {function.name} ran past its time limit before"
        return Failure("example", example.text, expected, "no answer in time", message)
    try:
        contract = lower_arguments(function, example.args, example.kwargs)
        value = lift(function.result, execute(Call(function.name, contract), CASE_LIMITS).value)
    except FunctionNotFoundError:
        raise
    except (ExecuteError, ArgumentError) as exc:
        if isinstance(exc, ExecutionTimeout):
            found.stopped.add(function.name)
        return failure_of(exc, "example", example.text, expected, subject=f"the example {example.text}")
    if same(value, example.expected, example.tolerance or default_tolerance(function)):
        return None
    return Failure("example", example.text, expected, show(value), f"the example {example.text} gave {show(value)}")


def default_tolerance(function: Function) -> float:
    """The relative tolerance of a function's floats where nobody states another."""
    return 1e-5 if "f32" in str(function.result) else 1e-9


def _hint(manifest: Manifest, example: Example, failure: Failure) -> str:
    names = [each.name for each in manifest.functions]
    if manifest.function(example.function) is None:
        return f"It has {', '.join(names)}{did_you_mean(example.function, names)}"
    return "" if " failed: " in failure.message else _CHANGE
