"""The check stage: tries every function of a built module on small inputs, and every example.

The automatic cases come from the types and the documented ranges: images of 7x5, 1x1 and 0x0, empty and short lists and
texts, extreme numbers. A function may answer such a case with an error of its own; it may not trap, run past the time
limit, make an image whose pixels do not fit its size, or give another answer in its batch lane than alone.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import (
    MISSING,
    BatchCall,
    Call,
    Column,
    Example,
    ExecutionResult,
    Function,
    Limits,
    Manifest,
    Parameter,
)
from akatsuki_wasm.errors import (
    ArgumentError,
    CheckError,
    ExecuteError,
    FunctionNotFoundError,
    GuestError,
)
from akatsuki_wasm.values.bind import did_you_mean
from akatsuki_wasm.values.python import lift, lower, lower_arguments
from akatsuki_wasm.values.sources import DTYPES

Execute = Callable[["Call | BatchCall", Limits], ExecutionResult]

CASE_LIMITS = Limits(timeout_ms=2_000)
_TEXTS = ("Hello, World", "", "a", "żółw 日本語 🎉 e\u0301", "word " * 200)
_MAX_CASES = 24


@dataclass(frozen=True)
class CheckReport:
    """What was tried.

    Attributes:
        automatic: Automatic cases that were executed.
        examples: Examples that held, as text.
    """

    automatic: int
    examples: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line for people."""
        held = f", {len(self.examples)} example{'s' * (len(self.examples) != 1)} held" if self.examples else ""
        return f"{self.automatic} cases{held}"


def check_module(manifest: Manifest, examples: Sequence[Example], execute: Execute) -> CheckReport:
    """Runs all automatic cases and all examples.

    Components and commands, which were not built here, have no automatic cases: nothing is known of what they take
    beyond its type.

    Args:
        manifest: The module's functions.
        examples: Calls with expected values.
        execute: Executes one call on the module.

    Raises:
        CheckError: A case failed; it carries the case, what was expected and what came.
    """
    count = 0
    for function in () if manifest.kind in ("component", "command") else manifest.functions:
        cases = list(automatic_cases(function))
        answers = [_try_case(function, case, execute) for case in cases]
        count += len(cases)
        if function.batch is not None:
            _compare_lanes(function, cases, answers, execute)
    for example in examples:
        _try_example(manifest, example, execute)
    return CheckReport(count, tuple(example.text for example in examples))


# ---------------------------------------------------------------- automatic cases


def automatic_cases(function: Function) -> Iterator[tuple[Any, ...]]:
    """Contract values to try: the usual values, then each parameter at its extremes with the others usual."""
    pools = [_values(param) for param in function.params]
    usual = tuple(pool[0] for pool in pools)
    yield usual
    made = 1
    for index, pool in enumerate(pools):
        for value in pool[1:]:
            if made == _MAX_CASES:
                return
            yield (*usual[:index], value, *usual[index + 1 :])
            made += 1


def _values(param: Parameter) -> list[Any]:
    """Values of one parameter, the usual one first."""
    found = _values_of(param.type, param)
    if param.default is not MISSING:
        found.insert(0, lower(param, param.default))
    return found


def _values_of(type_: wit.Type, param: Parameter | None = None) -> list[Any]:
    if type_ == wit.IMAGE:
        return [_image(7, 5), _image(1, 1), _image(0, 0)]
    match type_:
        case wit.Primitive("bool"):
            return [True, False]
        case wit.Primitive("char"):
            return ["a", "日", "\n"]
        case wit.Primitive("string"):
            return list(_TEXTS)
        case wit.Primitive():
            return _numbers(type_, param)
        case wit.Option(inner):
            return [*_values_of(inner, param), None]
        case wit.List(element):
            return _lists(element)
        case wit.Tuple(items):
            return [tuple(_values_of(item)[0] for item in items)]
        case wit.Record(_, fields):
            return [wit.record_class(type_)(*(_values_of(field)[0] for _, field in fields))]
        case _:
            raise AssertionError(f"{type_} is not a parameter type")


def _numbers(type_: wit.Primitive, param: Parameter | None) -> list[Any]:
    low = None if param is None else param.minimum
    high = None if param is None else param.maximum
    if type_.is_integer:
        bottom, top = wit.INTEGER_RANGES[type_.name]
        bottom = bottom if low is None else max(bottom, math.ceil(low))
        top = top if high is None else min(top, math.floor(high))
        found: list[Any] = [min(max(3, bottom), top), bottom, top, min(max(0, bottom), top)]
    else:
        largest = float(np.finfo(DTYPES[type_.name]).max)
        middle = 1.5 if low is None or high is None else (low + high) / 2
        found = [middle, 0.0, -2.5, largest, -largest, math.nan, math.inf, -math.inf]
        if low is not None or high is not None:
            bounds = [float(bound) for bound in (low, high) if bound is not None]
            found = [middle, *bounds, *found[1:3]]
        found = [value for value in found if _within(value, low, high)]
    return list(dict.fromkeys(found)) or [low if low is not None else high]


def _within(value: float, low: float | None, high: float | None) -> bool:
    if math.isnan(value):
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)


def _lists(element: wit.Type) -> list[Any]:
    items = _values_of(element)
    if isinstance(element, wit.Primitive) and element.is_number:
        dtype = DTYPES[element.name]
        usual = np.array([1, 2, 3, 4, 5, 6, 7, 2, 3], dtype)
        return [usual, np.array([], dtype), np.array([items[0]], dtype), np.full(33, 7, dtype)]
    return [items[:3], [], items[:1]]


def _image(width: int, height: int) -> Any:
    """A picture with every kind of pixel that goes wrong: dark, bright, coloured, transparent."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[..., 0] = (columns * 41) % 256
    pixels[..., 1] = (rows * 63) % 256
    pixels[..., 2] = ((columns + rows) * 23) % 256
    pixels[..., 3] = np.where((columns + rows) % 4 == 3, 128, 255)
    return wit.record_class(wit.IMAGE)(width, height, pixels.reshape(-1))


def _try_case(function: Function, case: tuple[Any, ...], execute: Execute) -> Any:
    """Executes one automatic case; an error of the function's own is an answer too."""
    try:
        value = execute(Call(function.name, case), CASE_LIMITS).value
    except GuestError as exc:
        return exc
    except ExecuteError as exc:
        text = describe_call(function.name, case)
        raise CheckError(
            f"{text} failed: {exc}",
            case=text,
            expected="an answer, or Err of a Result",
            got=str(exc),
            hint="Handle this input, or give the parameter a range in its doc comment: * `name`: 1..=100. …",
        ) from exc
    _check_images(function, case, function.result, value)
    return value


def _check_images(function: Function, case: tuple[Any, ...], type_: wit.Type | None, value: Any) -> None:
    """Checks that every image in a result has as many pixels as its size says."""
    if type_ is None or value is None:
        return
    if type_ == wit.IMAGE:
        wanted = value.width * value.height * 4
        if len(value.pixels) != wanted:
            text = describe_call(function.name, case)
            raise CheckError(
                f"{text} made an image of {value.width}x{value.height} with {len(value.pixels)} bytes of pixels",
                case=text,
                expected=f"{wanted} bytes",
                got=f"{len(value.pixels)} bytes",
                hint="Keep pixels.len() at width * height * 4.",
            )
        return
    match type_:
        case wit.Option(inner) | wit.Result(inner):
            _check_images(function, case, inner, value)
        case wit.List(element) if not type_.is_numeric:
            for item in value:
                _check_images(function, case, element, item)
        case wit.Tuple() | wit.Record():
            for item_type, item in zip(wit.children(type_), value, strict=True):
                _check_images(function, case, item_type, item)
        case _:
            return


def _compare_lanes(function: Function, cases: list[tuple[Any, ...]], answers: list[Any], execute: Execute) -> None:
    """Checks that the batch lane gives every case the answer that the function gave alone."""
    columns = tuple(
        _case_column(param.type, [case[index] for case in cases]) for index, param in enumerate(function.params)
    )
    text = f"{function.name} over {len(cases)} rows"
    try:
        batch = execute(BatchCall(function.name, columns, len(cases)), CASE_LIMITS).value
    except ExecuteError as exc:
        raise CheckError(
            f"{text} failed: {exc}", case=text, expected="the same answers as one by one", got=str(exc)
        ) from exc
    failed = {error.row: error.message for error in batch.errors}
    values = batch.tolist()
    for row, (case, alone) in enumerate(zip(cases, answers, strict=True)):
        if isinstance(alone, GuestError):
            good, got = row in failed, failed.get(row, "a value")
        else:
            good, got = row not in failed and same(values[row], alone, 1e-12), failed.get(row, values[row])
        if not good:
            text = describe_call(function.name, case)
            raise CheckError(
                f"{text} gives {alone} alone and {got} in a column",
                case=text,
                expected=str(alone),
                got=str(got),
                hint="The function must not depend on anything but its arguments.",
            )


def _case_column(type_: wit.Type, values: list[Any]) -> Column:
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    valid = np.array([value is not None for value in values])
    assert isinstance(inner, wit.Primitive)  # noqa: S101 - only such functions have a batch lane
    if inner.name in DTYPES:
        filled: Any = np.array([0 if value is None else value for value in values], DTYPES[inner.name])
    else:
        filled = ["a" if value is None else value for value in values]
    return Column(filled, None if valid.all() else valid)


# ---------------------------------------------------------------- examples


def parse_example(text: str) -> Example:
    """Reads ``f(2, 3) == 5``: a call with literals, and the expected literal.

    Python's literals are understood, and ``true``, ``false`` and ``none`` as well.

    Raises:
        ArgumentError: The text is not of that form.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or not isinstance(tree.ops[0], ast.Eq):
            raise ValueError("it is not a comparison with ==")
        call, expected = tree.left, tree.comparators[0]
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("its left side is not a call such as f(2, 3)")
        kwargs = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
        args = tuple(_literal(arg) for arg in call.args)
        return Example(text.strip(), call.func.id, args, kwargs, _literal(expected))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        reason = "it cannot be read" if isinstance(exc, SyntaxError) else str(exc)
        raise ArgumentError(
            f"the example {text!r} is not of the form f(2, 3) == 5: {reason}",
            hint='Write literals only, such as: --example \'slug("Hello World") == "hello-world"\'',
        ) from exc


_WORDS = {"true": True, "false": False, "none": None, "nan": math.nan, "inf": math.inf}


def _literal(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(word) if word in _WORDS:
            return _WORDS[word]
        case ast.UnaryOp(ast.USub(), operand):
            return -_number(operand)
        case ast.UnaryOp(ast.UAdd(), operand):
            return _number(operand)
        case ast.List(items):
            return [_literal(item) for item in items]
        case ast.Tuple(items):
            return tuple(_literal(item) for item in items)
        case ast.Dict(keys, values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {_literal(key): _literal(value) for key, value in pairs if key is not None}
        case _:
            raise ValueError(f"{ast.unparse(node)[:40]} is not a literal")


def _number(node: ast.AST) -> Any:
    value = _literal(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return value


def _try_example(manifest: Manifest, example: Example, execute: Execute) -> None:
    function = manifest.function(example.function)
    names = [each.name for each in manifest.functions]
    expected = _show(example.expected)
    if function is None:
        raise CheckError(
            f"the example {example.text} calls {example.function}, which the module does not have",
            case=example.text,
            expected=expected,
            got=f"functions: {', '.join(names)}",
            hint=f"It has {', '.join(names)}{did_you_mean(example.function, names)}",
        )
    tolerance = example.tolerance or (1e-5 if "f32" in str(function.result) else 1e-9)
    try:
        contract = lower_arguments(function, example.args, example.kwargs)
        value = lift(function.result, execute(Call(function.name, contract), CASE_LIMITS).value)
    except FunctionNotFoundError:
        raise
    except (ExecuteError, ArgumentError) as exc:
        raise CheckError(
            f"the example {example.text} failed: {exc}", case=example.text, expected=expected, got=str(exc)
        ) from exc
    if not same(value, example.expected, tolerance):
        raise CheckError(
            f"the example {example.text} gave {_show(value)}",
            case=example.text,
            expected=expected,
            got=_show(value),
            hint="Change the example if the module is right, or say in the prompt what you mean.",
        )


def same(got: Any, expected: Any, tolerance: float) -> bool:
    """Whether two values are equal; floats within a relative tolerance, NaN equal to NaN, lists item by item."""
    if hasattr(got, "_asdict") and isinstance(expected, dict):
        got = got._asdict()
    if isinstance(got, np.generic | np.ndarray):
        got = got.tolist()
    if isinstance(expected, np.generic | np.ndarray):
        expected = expected.tolist()
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[key], expected[key], tolerance) for key in got)
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same, got, expected, [tolerance] * len(got)))
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, int | float) and isinstance(expected, int | float):
        if isinstance(got, int) and isinstance(expected, int):
            return got == expected
        if math.isnan(got) or math.isnan(expected):
            return math.isnan(got) and math.isnan(expected)
        return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    return bool(got == expected)


# ---------------------------------------------------------------- words


def describe_call(name: str, case: Sequence[Any]) -> str:
    """A call as text, with images and long values shortened, such as ``vintage(image 7x5, 0.7)``."""
    return f"{name}({', '.join(map(_show, case))})"


def _show(value: Any) -> str:
    if type(value) is wit.record_class(wit.IMAGE):
        return f"image {value.width}x{value.height}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
