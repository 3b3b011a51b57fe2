"""Laws of comparing: what is equal agrees whatever its type, and what was changed anywhere does not."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wit_kit import types

from akatsuki_wasm import wit
from akatsuki_wasm.checks import oracle_from
from akatsuki_wasm.checks.comparing import Tolerance, difference
from akatsuki_wasm.checks.drawing import Drawer
from akatsuki_wasm.contracts import Function, Parameter

from .played import function, guest

EXACT = Tolerance(0.0)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(deadline=None, max_examples=60)
@given(types(), st.integers(0, 1000))
def test_a_function_agrees_with_itself_whatever_it_takes(type_: wit.Type, seed: int) -> None:
    echo = function("echo", type_, batch=False, x=type_)
    (result,) = guest(echo, lambda x: x).check(oracle_from({"echo": lambda x: x}, rows=5, seed=seed)).oracle
    assert (result.rows, result.skipped, result.largest_absolute) == (5, 0, 0.0)


@settings(deadline=None, max_examples=100)
@given(types(), st.integers(0, 1000))
def test_what_is_changed_anywhere_is_another_value(type_: wit.Type, seed: int) -> None:
    drawer = Drawer(Function("f", (Parameter("x", type_),), type_), seed)
    ((value,), changed) = drawer.row(), []

    def change(part: wit.Type, found: Any) -> Any:
        """The value with its first leaf replaced."""
        if changed:
            return found
        match part:
            case _ if part == wit.IMAGE:
                changed.append(True)
                return wit.record_class(part)(found.width, found.height, found.pixels ^ np.uint8(128))
            case wit.Option(inner):
                return found if found is None else change(inner, found)
            case wit.List(element):
                return [change(element, item) for item in found]
            case wit.Tuple(items):
                return tuple(map(change, items, found))
            case wit.Record(_, fields):
                parts = (change(field, item) for (_, field), item in zip(fields, found, strict=True))
                return wit.record_class(part)(*parts)
            case _:
                changed.append(True)
                if isinstance(found, bool | str):
                    return not found if isinstance(found, bool) else f"{found}!"
                return (found.item() if isinstance(found, np.generic) else found) + 1

    other = change(type_, value)
    assert difference(type_, value, value, EXACT).good
    if changed:
        found = difference(type_, value, _lifted(type_, other), EXACT)
        assert not found.good
        assert found.got != found.expected


def _lifted(type_: wit.Type, value: Any) -> Any:
    from akatsuki_wasm.values.python import lift

    return lift(type_, value, arrays=True)


@given(FINITE, FINITE, st.floats(0, 1), st.floats(0, 10))
def test_the_tolerance_is_a_bound(got: float, expected: float, rtol: float, atol: float) -> None:
    found = difference(wit.F64, got, expected, Tolerance(rtol, atol))
    assert found.absolute == abs(got - expected)
    assert found.good == (abs(got - expected) <= atol + rtol * abs(expected))


@pytest.mark.parametrize(
    ("got", "expected", "good"),
    [
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (math.nan, 1.0, False),
        (1.0, math.inf, False),
        (1e300, math.inf, False),
        (-0.0, 0.0, True),
        (2**53 + 1, 2**53, False),
        (3, 3.0, True),
        (10**10, 10.0**10 + 1, False),
        (1.5, Fraction(3, 2), True),
        (1.5, Decimal("1.5"), True),
        (1.5, np.array(1.5), True),
        (math.inf, 10**400, True),
        (1.5, -(10**400), False),
        (3, 3.5, False),
        (True, 1, False),
        (True, np.True_, True),
        ("a", b"a", False),
        (None, 0, False),
    ],
)
def test_numbers_are_the_same_as_people_expect(got: Any, expected: Any, good: bool) -> None:
    assert difference(None, got, expected, Tolerance(1e-9)).good is good


def test_long_texts_are_shown_where_they_part() -> None:
    found = difference(wit.STRING, "a" * 100 + "b", "a" * 100 + "c" * 50, EXACT)
    assert (found.place, found.got, found.expected) == ("character 100", '"aaaaaaaaaab"', f'"aaaaaaaaaa{"c" * 40}"')
    found = difference(wit.STRING, "short", "a" * 100, EXACT)
    assert (found.place, found.got, found.expected) == ("", '"short"', f'"{"a" * 50}"')


def test_a_large_relative_difference_is_measured() -> None:
    found = difference(wit.F64, 1.5, 1.0, Tolerance(1.0))
    assert (found.good, found.absolute, found.relative) == (True, 0.5, 0.5)
    found = difference(wit.List(wit.F64), np.array([1.0, 2.0, 5.0]), [1.0, 2.0, 4.0], EXACT)
    assert (found.place, found.got, found.expected) == ("[2]", "5.0", "4.0")
    found = difference(wit.List(wit.U8), np.array([1, 2], np.uint8), [1, 2, 3], EXACT)
    assert (found.got, found.expected) == ("a list of 2", "a list of 3")
