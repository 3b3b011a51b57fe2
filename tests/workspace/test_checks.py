"""The check stage: automatic cases, lanes, examples. A Python function plays the guest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from akatsuki_wasm import wit
from akatsuki_wasm.checks import Checks, automatic_cases, check_module, parse_example, same
from akatsuki_wasm.contracts import (
    BatchCall,
    BatchValue,
    Call,
    Example,
    ExecutionResult,
    Function,
    Limits,
    Manifest,
    Parameter,
    RowError,
)
from akatsuki_wasm.errors import ArgumentError, CheckError, ExecutionTimeout, GuestError, GuestTrap

if TYPE_CHECKING:
    from collections.abc import Callable

ADD = Function("add", (Parameter("a", wit.F64), Parameter("b", wit.F64)), wit.F64, batch="akatsuki:batch/add")
FILTER = Function("soften", (Parameter("image", wit.IMAGE), Parameter("amount", wit.F32, "", 0, 1, 0.5)), wit.IMAGE)


def add(a: float, b: float) -> float:
    return float(a) + float(b)


def guest(work: Callable[..., Any], lane: Callable[..., Any] | None = None) -> Callable[..., ExecutionResult]:
    """Executes `work` alone and `lane` (or `work`) row by row in a batch."""

    def execute(call: Call | BatchCall, limits: Limits) -> ExecutionResult:
        assert limits.timeout_ms == 2000
        if isinstance(call, Call):
            return ExecutionResult(work(*call.args), 0.1, 0, True)
        values, errors = [], []
        for row in range(call.rows):
            try:
                values.append((lane or work)(*(float(column.values[row]) for column in call.columns)))
            except GuestError as exc:
                errors.append(RowError(row, str(exc)))
                values.append(0.0)
        valid = np.array([row not in {error.row for error in errors} for row in range(call.rows)])
        return ExecutionResult(BatchValue(np.array(values), valid, tuple(errors)), 0.1, 0, True)

    return execute


def wanted(*examples: str) -> Checks:
    return Checks(tuple(parse_example(text) for text in examples))


def failure(function: Function, work: Callable[..., Any], *examples: str, **others: Any) -> CheckError:
    with pytest.raises(CheckError) as caught:
        check_module(Manifest((function,)), wanted(*examples), guest(work, **others))
    return caught.value


def test_images_are_tried_in_three_sizes_and_ranges_at_their_ends() -> None:
    cases = list(automatic_cases(FILTER))
    sizes = {(image.width, image.height) for image, _ in cases}
    assert sizes == {(7, 5), (1, 1), (0, 0)}
    assert {0.0, 0.5, 1.0} <= {amount for _, amount in cases} <= {0.0, 0.5, 1.0}


def test_numbers_without_a_range_are_tried_at_the_extremes() -> None:
    tried = [args[0] for args in automatic_cases(Function("f", (Parameter("x", wit.F64),), wit.F64))]
    assert {0.0, math.inf, -math.inf, 1.7976931348623157e308} <= set(tried)
    assert any(math.isnan(value) for value in tried)
    whole = [args[0] for args in automatic_cases(Function("f", (Parameter("x", wit.S8),), wit.S8))]
    assert {-128, 127, 0} <= set(whole)
    small = [args[0] for args in automatic_cases(Function("f", (Parameter("x", wit.U8, "", 2, 4),), wit.U8))]
    assert set(small) == {2, 3, 4}


def test_every_parameter_type_has_cases() -> None:
    point = wit.Record("point", (("x", wit.F64), ("tags", wit.List(wit.STRING))))
    types = [wit.BOOL, wit.CHAR, wit.STRING, wit.Option(wit.U8), wit.List(wit.F32), wit.List(wit.STRING)]
    types += [wit.Tuple((wit.U8, wit.CHAR)), point, wit.List(point), wit.Option(wit.IMAGE)]
    for type_ in types:
        assert list(automatic_cases(Function("f", (Parameter("x", type_),), None))), type_


def test_many_parameters_do_not_multiply_cases() -> None:
    params = tuple(Parameter(f"p{index}", wit.F64) for index in range(12))
    assert len(list(automatic_cases(Function("f", params, wit.F64)))) == 24


def test_a_good_function_passes_with_its_examples() -> None:
    report = check_module(Manifest((ADD,)), wanted("add(1, 2) == 3", "add(a=0.1, b=0.2) == 0.3"), guest(add))
    assert report.examples == ("add(1, 2) == 3", "add(a=0.1, b=0.2) == 0.3")
    assert report.summary == f"{report.automatic} cases, 2 examples held"


def test_an_answer_of_the_functions_own_is_no_failure() -> None:
    def refuses(a: float, b: float) -> float:
        if b == 0:
            raise GuestError("division by zero")
        return a * b

    check_module(Manifest((ADD,)), Checks(), guest(refuses))


def test_a_trap_names_the_case() -> None:
    def traps(a: float, b: float) -> float:
        if b == 0:
            raise GuestTrap("add trapped: unreachable", kind="unreachable")
        return a

    error = failure(ADD, traps)
    assert str(error) == "add(1.5, 0.0) failed: add trapped: unreachable"
    assert (error.case, error.got) == ("add(1.5, 0.0)", "add trapped: unreachable")
    assert error.hint.startswith("Handle this input, or give the parameter a range")


def test_a_timeout_names_the_case() -> None:
    def slow(image: Any, amount: float) -> Any:
        raise ExecutionTimeout("soften ran past its limit of 2000 ms")

    assert str(failure(FILTER, slow)) == "soften(image 7x5, 0.5) failed: soften ran past its limit of 2000 ms"


def test_a_wrong_size_is_a_failure() -> None:
    def cuts(image: Any, amount: float) -> Any:
        return image._replace(pixels=image.pixels[:-4])

    error = failure(FILTER, cuts)
    assert str(error) == "soften(image 7x5, 0.5) made an image of 7x5 with 136 bytes of pixels"
    assert (error.expected, error.got) == ("140 bytes", "136 bytes")


def test_a_batch_lane_that_differs_is_a_failure() -> None:
    error = failure(ADD, add, lane=lambda a, b: a + b + (1e-6 if a == 0 else 0))
    assert str(error) == "add(0.0, 1.5) gives 1.5 alone and 1.500001 in a column"


def test_a_wrong_example_shows_what_came() -> None:
    error = failure(ADD, add, "add(2, 2) == 5")
    assert str(error) == "the example add(2, 2) == 5 gave 4.0"
    assert (error.expected, error.got) == ("5", "4.0")


def test_an_example_of_a_function_that_is_not_there() -> None:
    error = failure(ADD, add, "ad(2, 2) == 4")
    assert str(error) == "the example ad(2, 2) == 4 calls ad, which the module does not have"
    assert error.hint == "It has add; did you mean 'add'?"


def test_an_example_with_wrong_arguments() -> None:
    assert str(failure(ADD, add, "add(2) == 4")) == "the example add(2) == 4 failed: add needs 'b' (a number, f64)"


@pytest.mark.parametrize(
    ("text", "args", "kwargs", "expected"),
    [
        ("f(2, 3) == 5", (2, 3), {}, 5),
        ("f(-2.5, x=true) == none", (-2.5,), {"x": True}, None),
        ('slug("A b") == "a-b"', ("A b",), {}, "a-b"),
        ("f([1, -2], (3, 4)) == {'a': [1]}", ([1, -2], (3, 4)), {}, {"a": [1]}),
        ("f() == inf", (), {}, math.inf),
    ],
)
def test_examples_are_read(text: str, args: tuple[Any, ...], kwargs: dict[str, Any], expected: Any) -> None:
    function = text.split("(", maxsplit=1)[0]
    assert parse_example(text) == Example(text, function, args, kwargs, expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f(2) = 3", "it cannot be read"),
        ("", "it cannot be read"),
        ("f(2)", "it is not a comparison with =="),
        ("f(2) == 3 == 4", "it is not a comparison with =="),
        ("2 == 2", "its left side is not a call such as f(2, 3)"),
        ("f(g(1)) == 2", "g(1) is not a literal"),
        ("f(x) == 2", "x is not a literal"),
        ("f(__import__('os')) == 2", "__import__('os') is not a literal"),
        ("f(-'a') == 2", "'a' is not a number"),
    ],
)
def test_other_examples_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_example(text)
    assert str(caught.value) == f"the example {text!r} is not of the form f(2, 3) == 5: {reason}"


def test_equality_is_as_people_expect() -> None:
    assert same(0.1 + 0.2, 0.3, 1e-9)
    assert not same(0.31, 0.3, 1e-9)
    assert same(math.nan, math.nan, 1e-9)
    assert same(np.array([1.0, 2.0]), [1, 2], 1e-9)
    assert not same([1], [1, 2], 1e-9)
    assert not same(1, True, 1e-9)
    assert not same(2**53 + 1, 2**53, 1e-9)
    assert same("a", "a", 0)
    assert not same(None, 0, 1e-9)
