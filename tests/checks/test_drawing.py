"""Random arguments: of the right types, in their ranges, with edges, the same for the same seed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from akatsuki_wasm import wit
from akatsuki_wasm.checks.drawing import Drawer
from akatsuki_wasm.contracts import Function, Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.python import lower

POINT = wit.Record("point", (("x", wit.F64), ("tags", wit.List(wit.STRING))))


def drawn(*params: Parameter, rows: int = 300, seed: int = 0) -> list[tuple[Any, ...]]:
    drawer = Drawer(Function("f", params, None), seed)
    return [drawer.row() for _ in range(rows)]


def values(type_: wit.Type, low: float | None = None, high: float | None = None, **others: Any) -> list[Any]:
    return [row[0] for row in drawn(Parameter("x", type_, "", low, high, **others))]


@pytest.mark.parametrize("name", ["f32", "f64"])
def test_floats_are_finite_of_both_signs_and_many_sizes(name: str) -> None:
    found = values(wit.Primitive(name))
    assert all(math.isfinite(each) for each in found)
    assert {0.0, 1.0, -1.0, 0.5} <= set(found)
    assert min(found) < -1 < 1 < max(found)
    assert any(0 < abs(each) < 0.1 for each in found)
    assert max(map(abs, found)) <= 1e6
    if name == "f32":
        assert all(float(np.float32(each)) == each for each in found)


@pytest.mark.parametrize("type_", [wit.F32, wit.F64])
@pytest.mark.parametrize(("low", "high"), [(0.1, 0.3), (0.1, None), (None, -5.5), (2, 2)])
def test_floats_stay_in_their_range_and_meet_its_ends(type_: wit.Type, low: float | None, high: float | None) -> None:
    found = values(type_, low, high)
    assert all((low is None or each >= low) and (high is None or each <= high) for each in found)
    for end in (low, high):
        if end is not None and type_ == wit.F64:
            assert end in found


@pytest.mark.parametrize("name", wit.INTEGER_RANGES)
def test_whole_numbers_meet_the_ends_of_their_type(name: str) -> None:
    found = values(wit.Primitive(name))
    low, high = wit.INTEGER_RANGES[name]
    assert {low, high, 0, 1} <= set(found)
    assert all(type(each) is int and low <= each <= high for each in found)
    assert sum(abs(each) <= 120 for each in found) > 100


def test_whole_numbers_stay_in_a_documented_range() -> None:
    assert set(values(wit.U8, 2, 5)) == {2, 3, 4, 5}
    assert set(values(wit.S32, 7, 7)) == {7}
    assert max(values(wit.U64, None, 2**63)) == 2**63


def test_texts_are_empty_short_long_and_not_only_ascii() -> None:
    found = values(wit.STRING)
    assert "" in found
    assert any(len(each) > 500 for each in found)
    assert any(not each.isascii() for each in found)
    assert any(each.isascii() and " " in each for each in found)
    assert {len(each) for each in values(wit.CHAR)} == {1}


def test_lists_are_empty_single_and_long_and_mostly_of_one_length_in_a_row() -> None:
    rows = drawn(Parameter("a", wit.List(wit.F32)), Parameter("b", wit.List(wit.F32)))
    lengths = {len(a) for a, _ in rows}
    assert {0, 1, 250} <= lengths
    assert all(a.dtype == np.float32 for a, _ in rows)
    alike = sum(len(a) == len(b) for a, b in rows)
    assert 200 < alike < 300


def test_images_have_odd_sizes_gradients_noise_and_transparency() -> None:
    rows = drawn(Parameter("a", wit.IMAGE), Parameter("b", wit.IMAGE))
    sizes = {(a.width, a.height) for a, _ in rows}
    assert {(1, 1), (1, 9), (8, 1), (7, 5), (33, 17)} <= sizes
    assert all(len(a.pixels) == a.width * a.height * 4 for a, _ in rows)
    assert 200 < sum((a.width, a.height) == (b.width, b.height) for a, b in rows) < 300
    assert any((a.pixels.reshape(-1, 4)[:, 3] == 0).any() for a, _ in rows)
    assert sum((a.pixels.reshape(-1, 4)[:, 3] == 255).all() for a, _ in rows) > 150


def test_options_defaults_and_equal_arguments_occur() -> None:
    found = values(wit.Option(wit.U8), 1, 3)
    assert set(found) == {None, 1, 2, 3}
    assert values(wit.F64, default=12.5).count(12.5) > 20
    rows = drawn(Parameter("a", wit.F64), Parameter("b", wit.F64))
    assert any(a == b and abs(a) not in (0, 1, 0.5) for a, b in rows)


def test_every_parameter_type_can_be_drawn_and_is_a_value_of_it() -> None:
    types = [wit.BOOL, wit.CHAR, wit.List(wit.STRING), wit.List(wit.List(wit.U8)), wit.Tuple((wit.U8, wit.CHAR)), POINT]
    types += [wit.List(POINT), wit.Option(wit.IMAGE), wit.Enum("e", ("a", "b")), wit.Flags("f", ("a", "b"))]
    types += [wit.Variant("v", (("a", wit.U8), ("b", None)))]
    for type_ in types:
        param = Parameter("x", type_)
        for (value,) in drawn(param, rows=40):
            lower(param, value)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ArgumentError, match=r"^no bytes can be drawn at random for f$"):
        drawn(Parameter("x", wit.BYTES))


def test_the_seed_decides() -> None:
    param = Parameter("x", POINT)
    assert drawn(param, seed=3) == drawn(param, seed=3)
    assert drawn(param, seed=3) != drawn(param, seed=4)
