"""Functions against their references: what agrees, what does not, and whose fault an exception is."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from akatsuki_wasm import wit
from akatsuki_wasm.checks import oracle_from, parse_example
from akatsuki_wasm.contracts import Function, Manifest, Parameter
from akatsuki_wasm.errors import ArgumentError, ExecutionTimeout, GuestError, GuestTrap

from .played import Guest, failure, function, guest

HYPOT = function("hypot", wit.F64, a=wit.F64, b=wit.F64)
ROOT = function("root", wit.F64, x=wit.F64)
SHOUT = function("shout", wit.STRING, text=wit.STRING)
MEAN = function("mean", wit.Result(wit.F64), batch=False, xs=wit.List(wit.F64))
IMAGE = function("invert", wit.IMAGE, batch=False, image=wit.IMAGE)


def hypot(a: float, b: float) -> float:
    return float(np.hypot(a, b))


def root(x: float) -> float:
    return math.nan if x < 0 or math.isnan(x) else math.sqrt(x)


def mean(xs: Any) -> float:
    if not len(xs):
        raise GuestError("no values")
    return float(np.mean(xs))


def reference_mean(xs: Any) -> float:
    if not len(xs):
        raise ValueError("nothing to average")
    return math.fsum(xs) / len(xs)


def invert(image: Any) -> Any:
    pixels = image.pixels.reshape(-1, 4).copy()
    pixels[:, :3] = 255 - pixels[:, :3]
    return image._replace(pixels=pixels.reshape(-1))


def test_a_function_that_agrees_is_compared_in_one_batch() -> None:
    played = guest(HYPOT, hypot)
    report = played.check(oracle_from(lambda a, b: (a * a + b * b) ** 0.5))
    (result,) = report.oracle
    assert (result.function, result.rows, result.errors, result.skipped) == ("hypot", 200, 0, 0)
    assert result.tolerance == "rtol 1e-09"
    assert 0 < result.largest_relative < 1e-14
    assert result.reference_seconds > 0
    assert played.batches[-1] == 200
    assert report.summary.endswith("hypot agrees with its reference on 200 rows")
    assert report.facts()["oracle"][0]["largest_relative"] == result.largest_relative


def test_the_same_seed_gives_the_same_inputs_whatever_functions_there_are() -> None:
    seen: dict[str, list[Any]] = {}

    def inputs_of(key: str, seed: int, *others: Function) -> list[Any]:
        asked: list[Any] = []

        def reference(a: float, b: float) -> float:
            asked.append((a, b))
            return hypot(a, b)

        played = Guest(Manifest((*others, HYPOT)), hypot=hypot, root=root)
        played.check(oracle_from({"hypot": reference}, seed=seed))
        return seen.setdefault(key, asked)

    assert inputs_of("one", 7) == inputs_of("again", 7) == inputs_of("with another function", 7, ROOT)
    assert inputs_of("another seed", 8) != seen["one"]


def test_wrong_rows_are_told_with_the_shortest_inputs_first() -> None:
    error = failure(guest(HYPOT, lambda a, b: hypot(a, b) if a != 1 else 0.0), oracle_from({"hypot": hypot}))
    assert error.kind == "oracle"
    assert 1 <= len(error.failures) <= 3
    assert error.failures[0].case.startswith("hypot(1.0, ")
    assert " gave 0.0, its reference gives " in str(error)
    assert str(error).endswith("of 200 rows are wrong)")
    assert [len(each.case) for each in error.failures] == sorted(len(each.case) for each in error.failures)
    wrong = int(str(error).rsplit("(", 1)[1].split()[0])
    cases = 15
    assert (error.passed, error.tried) == (cases + 200 - wrong, cases + 200)
    assert error.diagnostics[0].message == f"{error}; expected {error.expected}, got 0.0"
    assert error.hint == "Change the test if the module is right, or say in the prompt what you mean."


def test_automatic_failures_examples_and_rows_are_told_together() -> None:
    def trapping(a: float, b: float) -> float:
        if math.isnan(a):
            raise GuestTrap("hypot panicked: not a number, line 4", kind="unreachable")
        return a + b

    examples = (
        parse_example("hypot(3, 4) == 5"),
        parse_example("hypot(0, 1) == 1"),
        parse_example("hypot(6, 8) == 10"),
    )
    error = failure(guest(HYPOT, trapping), oracle_from({"hypot": hypot}), examples=examples)
    assert [each.kind for each in error.failures][:3] == ["automatic", "example", "example"]
    assert {each.kind for each in error.failures[3:]} == {"oracle"}
    assert str(error) == "hypot(NaN, 1.5) failed: hypot panicked: not a number, line 4"
    assert error.diagnostics[0].line == 4
    assert [each.case for each in error.failures[1:3]] == ["hypot(3, 4) == 5", "hypot(6, 8) == 10"]


def test_an_error_of_the_reference_wants_an_error_of_the_module() -> None:
    report = guest(MEAN, mean).check(oracle_from({"mean": reference_mean}))
    (result,) = report.oracle
    assert 0 < result.errors < 100
    error = failure(
        guest(MEAN, lambda xs: float(np.mean(xs)) if len(xs) else 0.0), oracle_from({"mean": reference_mean})
    )
    assert error.failures[0].message.startswith("mean([]) gave 0.0, its reference refuses that: nothing to average")
    assert (error.expected, error.got) == ("an error", "0.0")


def test_an_error_where_the_reference_has_a_value_is_a_failure() -> None:
    error = failure(guest(MEAN, mean), oracle_from({"mean": lambda xs: math.fsum(xs) / max(len(xs), 1)}))
    assert error.failures[0].message.startswith("mean([]) is an error (no values), its reference gives 0.0")


def test_where_pythons_arithmetic_has_no_answer_nan_infinity_and_errors_are_right() -> None:
    ratio = function("ratio", wit.F64, a=wit.F64, b=wit.F64)
    with np.errstate(all="ignore"):
        guest(ratio, lambda a, b: float(np.float64(a) / np.float64(b))).check(
            oracle_from({"ratio": lambda a, b: a / b})
        )
    guest(ROOT, root).check(oracle_from({"root": math.sqrt}))  # math domain error
    guest(ROOT, root).check(oracle_from({"root": lambda x: x**0.5}))  # a complex number
    error = failure(guest(ROOT, lambda x: 0.0 if x < 0 else root(x)), oracle_from({"root": math.sqrt}))
    assert error.expected == "NaN, an infinity or an error"
    assert "its reference has no answer: math domain error" in str(error)


def test_answers_outside_the_results_type_are_left_out() -> None:
    add = function("add", wit.U8, a=wit.U8, b=wit.U8)
    (result,) = guest(add, lambda a, b: (a + b) % 256).check(oracle_from(lambda a, b: a + b)).oracle
    assert result.skipped > 0
    assert result.rows + result.skipped == 200
    assert result.tolerance == "exact"


def test_another_exception_of_the_reference_is_the_users() -> None:
    def broken(a: float, b: float) -> float:
        return {1.0: 2.0}[a + 1e9]

    with pytest.raises(ArgumentError) as caught:
        guest(HYPOT, hypot).check(oracle_from({"hypot": broken}))
    line = broken.__code__.co_firstlineno + 1
    assert str(caught.value).startswith("the reference hypot raised KeyError: ")
    assert " for hypot(" in str(caught.value)
    assert str(caught.value).endswith(f"({__file__}, line {line})")
    assert caught.value.hint.startswith("Raise ValueError where the module must answer with an error")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (lambda a, b: None, "returns nothing"),
        (lambda a, b: int("x"), "has no answer for any of 200 inputs: invalid literal"),
    ],
)
def test_a_reference_without_answers_is_the_users_fault(reference: Any, reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        guest(HYPOT, hypot).check(oracle_from({"hypot": reference}))


def test_a_reference_of_a_function_that_is_not_there() -> None:
    error = failure(guest(HYPOT, hypot), oracle_from({"hypotenuse": hypot, "hypot": hypot}))
    assert str(error) == "the test calls hypotenuse, which the module does not have"
    assert error.got == "functions: hypot"


def test_one_reference_alone_fits_an_only_function_of_any_name() -> None:
    def slow_hypot(a: float, b: float) -> float:
        return hypot(a, b)

    assert guest(HYPOT, hypot).check(oracle_from(slow_hypot)).oracle[0].function == "hypot"


def test_the_references_parameters_are_the_functions() -> None:
    error = failure(guest(HYPOT, hypot), oracle_from({"hypot": lambda x, y: x + y}))
    assert str(error) == "the reference hypot takes (x, y), the module's hypot has (a, b)"
    assert error.diagnostics[0].help == "Name the parameters as the reference does."
    error = failure(guest(HYPOT, hypot), oracle_from({"hypot": lambda a: a}))
    assert str(error) == "the reference hypot takes (a), the module's hypot has (a, b)"


def test_parameters_are_given_by_name_and_positional_ones_in_order() -> None:
    power = function("power", wit.F64, base=wit.F64, times=wit.U8)
    work = lambda base, times: base + times  # noqa: E731
    guest(power, work).check(oracle_from({"power": lambda times, base: base + times}))
    guest(power, work).check(oracle_from({"power": lambda x, n, /: x + n}))
    guest(power, work).check(oracle_from({"power": lambda *args: sum(args)}))
    guest(power, work).check(oracle_from({"power": lambda **named: named["base"] + named["times"]}))


def test_parameters_that_the_reference_does_not_know_stay_at_their_default() -> None:
    params = (
        Parameter("x", wit.F64),
        Parameter("scale", wit.F64, default=2.0),
        Parameter("extra", wit.Option(wit.F64)),
    )
    scaled = Function("scaled", params, wit.F64, batch="akatsuki:batch/scaled")
    work = lambda x, scale, extra: x * scale + (extra or 0.0)  # noqa: E731
    (result,) = guest(scaled, work).check(oracle_from({"scaled": lambda x: x * 2})).oracle
    assert result.rows == 200


def test_a_trap_in_the_batch_is_found_row_by_row() -> None:
    def trapping(text: str) -> str:
        if text == "racecar":
            raise GuestTrap("shout panicked: no racing, line 12", kind="unreachable")
        return text.upper()

    error = failure(guest(SHOUT, trapping), oracle_from({"shout": str.upper}))
    assert error.failures[0].message.startswith('shout("racecar") failed: shout panicked: no racing, line 12 (')
    assert (error.failures[0].line, error.expected) == (12, '"RACECAR"')


def test_a_function_that_hangs_is_not_asked_on() -> None:
    def hangs(a: float, b: float) -> float:
        raise ExecutionTimeout("hypot ran past its limit of 2000 ms")

    played = guest(HYPOT, hangs)
    error = failure(played, oracle_from({"hypot": hypot}), examples=(parse_example("hypot(3, 4) == 5"),))
    assert len(played.calls) == 1
    assert [each.kind for each in error.failures] == ["automatic", "example"]
    assert error.failures[1].message.endswith("was not tried: hypot ran past its time limit before")


def test_images_are_compared_in_levels() -> None:
    def reference(image: Any) -> Any:
        assert image.dtype == np.uint8
        assert image.shape[2] == 4
        out = image.astype(float)
        out[..., :3] = 255 - out[..., :3] + 1.6  # two levels off where it is not clipped
        return out

    (result,) = guest(IMAGE, invert).check(oracle_from({"invert": reference})).oracle
    assert (result.rows, result.tolerance, result.largest_absolute) == (40, "2 levels", 2.0)
    error = failure(guest(IMAGE, invert), oracle_from({"invert": reference}, levels=1))
    assert re.search(r" gave (\d+) at row \d+, column \d+, (red|green|blue), its reference gives \d+ ", str(error))
    assert abs(int(error.got) - int(error.expected)) == 2


def test_an_image_of_another_size_and_no_image_at_all_are_failures() -> None:
    error = failure(guest(IMAGE, invert), oracle_from({"invert": lambda image: 255 - image[:, :1]}))
    assert str(error.failures[-1].message) == (
        "invert(image 2x3) gave an image of 2x3, its reference gives an image of 1x3"
    )
    error = failure(guest(IMAGE, invert), oracle_from({"invert": lambda image: 3}))
    assert (error.got, error.expected) == ("an image", "no image, but 3")


def test_colours_of_wholly_transparent_pixels_do_not_matter() -> None:
    def reference(image: Any) -> Any:
        out = np.concatenate([255 - image[..., :3], image[..., 3:]], axis=2)
        out[out[..., 3] == 0] = 0
        return out

    assert guest(IMAGE, invert).check(oracle_from({"invert": reference})).oracle[0].largest_absolute == 0


def test_the_reference_may_change_its_arguments() -> None:
    def reference(image: Any) -> Any:
        image[..., :3] = 255 - image[..., :3]
        return image

    guest(IMAGE, invert).check(oracle_from({"invert": reference}))


def test_records_tuples_and_lists_are_compared_part_by_part() -> None:
    point = wit.Record("point", (("x", wit.F64), ("name", wit.STRING)))
    made = wit.record_class(point)
    result = wit.Tuple((wit.List(point), wit.U32))
    moved = function("moved", result, batch=False, point=point, by=wit.F64)
    work = lambda point, by: ([made(point.x + by, point.name)], 1)  # noqa: E731
    guest(moved, work).check(
        oracle_from({"moved": lambda point, by: ([{"x": point.x + by, "name": point.name}], np.uint32(1))})
    )
    error = failure(
        guest(moved, work), oracle_from({"moved": lambda point, by: ([(point.x + by, point.name + "!")], 1)})
    )
    assert " at [0][0].name, its reference gives " in str(error)


def test_what_a_reference_computes_with_does_not_matter() -> None:
    third = function("third", wit.F64, x=wit.F64)
    work = lambda x: x / 3  # noqa: E731
    for reference in (
        np.vectorize(work),
        lambda x: Fraction(x) / 3,
        lambda x: np.float64(x) / 3,
        lambda x: complex(x / 3),
    ):
        assert guest(third, work).check(oracle_from({"third": reference})).oracle[0].rows == 200
    evens = function("evens", wit.List(wit.U32), batch=False, n=wit.U8)
    for listed in (range, lambda n: (each for each in range(n)), np.arange, lambda n: pd.Series(range(n))):
        oracle = oracle_from({"evens": lambda n, listed=listed: listed(n)})
        assert guest(evens, lambda n: np.arange(n, dtype=np.uint32)).check(oracle).oracle[0].rows == 200


def test_a_function_without_parameters_is_compared_once() -> None:
    (result,) = (
        guest(function("answer", wit.U8, batch=False), lambda: 42).check(oracle_from({"answer": lambda: 42})).oracle
    )
    assert result.rows == 1


def test_single_precision_is_compared_as_such() -> None:
    third = function("third", wit.F32, x=wit.F32)
    work = lambda x: float(np.float32(x) / np.float32(3))  # noqa: E731
    (result,) = guest(third, work).check(oracle_from({"third": lambda x: x / 3})).oracle
    assert result.tolerance == "rtol 1e-05"
    assert "gave" in str(failure(guest(third, work), oracle_from({"third": lambda x: x / 3}, rtol=1e-12)))


def test_a_dataframe_holds_all_rows() -> None:
    seen = []

    def reference(df: Any) -> Any:
        seen.append(df)
        return (df["a"] ** 2 + df["b"] ** 2) ** 0.5

    oracle = frame_oracle(reference)
    (result,) = guest(HYPOT, hypot).check(oracle).oracle
    assert (result.rows, list(seen[0].columns)) == (200, ["a", "b"])
    assert len(seen) == 1
    error = failure(guest(HYPOT, hypot), frame_oracle(lambda df: df["price"] * 2))
    assert str(error) == "the reference reference reads the column 'price', the module's hypot has (a, b)"
    with pytest.raises(ArgumentError, match=r"gave float64: expected a Series of 200 rows$"):
        guest(HYPOT, hypot).check(frame_oracle(lambda df: df["a"].sum()))
    with pytest.raises(ArgumentError, match=r"raised ZeroDivisionError: .* for a DataFrame of 200 rows"):
        guest(HYPOT, hypot).check(frame_oracle(lambda df: df["a"] / (1 // 0)))


def test_nulls_of_a_dataframe_are_none_and_nan() -> None:
    kept = function(
        "kept", wit.Option(wit.U8), n=wit.Option(wit.U8), x=wit.Option(wit.F64), text=wit.Option(wit.STRING)
    )

    def reference(df: Any) -> Any:
        assert str(df["n"].dtype) == "UInt8"
        assert df["x"].isna().any()
        assert df["text"].isna().any()
        return df["n"]

    (result,) = guest(kept, lambda n, x, text: n).check(frame_oracle(reference)).oracle
    assert result.rows == 200


def test_a_dataframe_is_for_a_module_with_one_such_function() -> None:
    played = Guest(Manifest((HYPOT, ROOT)), hypot=hypot, root=root)
    error = failure(played, frame_oracle(lambda df: df["a"]))
    assert str(error) == (
        "the test's reference(df) is for a module with one function of numbers and texts: this one has 2"
    )


def frame_oracle(reference: Any) -> Any:
    from akatsuki_wasm.checks import Oracle, Reference

    return Oracle((Reference("reference", reference, frame=True),))


def test_own_inputs_take_the_place_of_random_ones() -> None:
    asked = []

    def reference(a: float, b: float) -> float:
        asked.append((a, b))
        return hypot(a, b)

    guest(HYPOT, hypot).check(oracle_from({"hypot": reference}, inputs=lambda rng, rows: {"a": np.arange(3.0)}))
    assert [a for a, _ in asked] == [0, 1, 2]
    assert len({b for _, b in asked}) > 1
    asked.clear()
    both = {"hypot": {"a": [3.0], "b": [4.0]}, "other": {"x": [1]}}
    guest(HYPOT, hypot).check(oracle_from({"hypot": reference}, inputs=lambda rng, rows: both))
    assert asked == [(3.0, 4.0)]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (lambda rng, rows: 3, "gave int: expected columns by parameter name"),
        (lambda rng, rows: {"a": [1.0], "b": [1.0, 2.0]}, "the oracle's inputs for hypot have 1 and 2 rows"),
        (lambda rng, rows: {"a": []}, "the oracle's inputs for hypot have 0 rows"),
        (lambda rng: {}, r"the oracle's inputs\(rng, 200\) raised TypeError: "),
    ],
)
def test_wrong_inputs_are_refused(inputs: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        guest(HYPOT, hypot).check(oracle_from({"hypot": hypot}, inputs=inputs))


def test_inputs_that_the_parameters_types_do_not_take_are_failures_of_the_module() -> None:
    """Whoever wrote the module chose the types: with others it would take them."""
    error = failure(guest(HYPOT, hypot), oracle_from({"hypot": hypot}, inputs=lambda rng, rows: {"a": ["x"]}))
    assert str(error) == "hypot does not take what the test gives it: a is 'x': expected a number, f64"
    assert (error.kind, error.expected) == ("oracle", "parameters that take the inputs of the test")
    assert error.got == "(a: f64, b: f64)"


def test_whole_numbers_outside_a_parameters_type_are_errors_row_by_row() -> None:
    halve = function("halve", wit.F64, n=wit.U32)

    def half(n: int) -> float:
        if n < 0:
            raise ArgumentError(f"n is {n}: expected 0 to 4294967295, u32")
        return n / 2

    numbers = {"n": [4, -1]}
    error = failure(guest(halve, half), oracle_from({"halve": lambda n: n / 2}, inputs=lambda rng, rows: numbers))
    assert str(error).startswith("halve(-1) failed: n is -1: expected 0 to 4294967295, u32 (1 of 2 rows are wrong)")

    def reference(n: int) -> float:
        if n < 0:
            raise ValueError("only 0 and more")
        return n / 2

    # What the type keeps out, the function need not refuse again.
    report = guest(halve, half).check(oracle_from({"halve": reference}, inputs=lambda rng, rows: numbers))
    assert (report.oracle[0].rows, report.oracle[0].errors) == (2, 1)


def test_the_oracles_examples_must_hold_too() -> None:
    error = failure(guest(HYPOT, hypot), oracle_from({"hypot": hypot}, examples=["hypot(3, 4) == 6"]))
    assert (error.kind, error.case) == ("example", "hypot(3, 4) == 6")


def test_the_generators_own_examples_are_doubts_and_no_failures() -> None:
    own = (parse_example("hypot(3, 4) == 5"), parse_example("hypot(1, 1) == 1.5"), parse_example("gone(1) == 1"))
    report = guest(HYPOT, hypot).check(oracle_from({"hypot": hypot}), own=own)
    assert [each.held for each in report.own] == [True, False, False]
    assert report.doubts[0].got == "1.4142135623730951"
    assert "1 of 3 examples of the generator's own held" in report.summary
    assert report.summary.endswith("in doubt: hypot(1, 1) == 1.5 gave 1.4142135623730951")


def test_a_slow_reference_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("akatsuki_wasm.checks.against._SAY_EVERY_S", -1.0)
    played = guest(HYPOT, hypot)
    played.check(oracle_from({"hypot": hypot}, rows=3))
    assert played.said == [f"the reference hypot has answered {row} of 3 rows" for row in range(3)]
