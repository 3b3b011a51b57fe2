"""Command-line text to Python values: every type, and the whole text of each refusal."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.python import lower
from akatsuki_wasm.values.text import contains_image, parse, plain, printable, show

if TYPE_CHECKING:
    from pathlib import Path

POINT = wit.Record("point", (("x", wit.F64), ("y", wit.F64)))


def param(type_: wit.Type, **facts: Any) -> Parameter:
    return Parameter("value", type_, **facts)


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (wit.BOOL, "true", True),
        (wit.BOOL, "No", False),
        (wit.U8, "200", 200),
        (wit.S32, "-7", -7),
        (wit.S64, "9223372036854775807", 9223372036854775807),
        (wit.U32, "1e6", 1_000_000),
        (wit.F64, "0.5", 0.5),
        (wit.F32, "-inf", float("-inf")),
        (wit.CHAR, "日", "日"),
        (wit.STRING, "@not a file", "@not a file"),
        (wit.STRING, "", ""),
        (wit.Option(wit.F64), "none", None),
        (wit.Option(wit.F64), "2", 2.0),
        (wit.Option(wit.STRING), "None", None),
        (wit.Option(wit.STRING), '"none"', "none"),
        (wit.Option(wit.STRING), '"other"', '"other"'),
        (wit.List(wit.F64), "1, 2.5,-3", [1.0, 2.5, -3.0]),
        (wit.List(wit.F64), "", []),
        (wit.List(wit.U8), "[1, 2]", [1, 2]),
        (wit.List(wit.U64), '["18446744073709551615"]', [18446744073709551615]),
        (wit.List(wit.STRING), '["a", "b,c"]', ["a", "b,c"]),
        (wit.Tuple((wit.F64, wit.STRING)), '[1, "a"]', (1, "a")),
        (POINT, '{"x": 1, "y": 2}', {"x": 1, "y": 2}),
        (wit.List(POINT), '[{"x": "NaN", "y": 2}]', None),
    ],
)
def test_values(type_: wit.Type, text: str, value: Any) -> None:
    found = parse(param(type_), text)
    if value is None and text.startswith("["):
        assert np.isnan(found[0]["x"])
        return
    assert found == value
    assert type(found) is type(value)
    lower(param(type_), found)


def test_json_file(tmp_path: Path) -> None:
    (tmp_path / "numbers.json").write_text("[1, 2, 3]")
    assert parse(param(wit.List(wit.F64)), f"@{tmp_path}/numbers.json") == [1, 2, 3]


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        (wit.BOOL, "maybe", "value is 'maybe': expected true or false"),
        (wit.U8, "1.5", "value is '1.5': expected a whole number, u8"),
        (wit.U8, "nan", "value is 'nan': expected a whole number, u8"),
        (wit.U8, "1_0", "value is '1_0': expected a whole number, u8"),
        (wit.F64, "1_0.5", "value is '1_0.5': expected a number, f64"),
        (wit.U8, "١", "value is '١': expected a whole number, u8"),
        (wit.U8, "inf", "value is 'inf': expected a whole number, u8"),
        (wit.F64, "much", "value is 'much': expected a number, f64"),
        (wit.F64, "x" * 99, f"value is '{'x' * 60}…': expected a number, f64"),
        (wit.CHAR, "ab", "value is 'ab': expected one character"),
        (wit.CHAR, "", "value is '': expected one character"),
        (wit.List(wit.F64), "1,two", "value is 'two': expected a list of f64"),
        (wit.List(wit.F64), "[1,", "value is '[1,', which is not JSON: Expecting value at line 1, column 4"),
        (wit.List(wit.STRING), "a,b", "value is 'a,b': expected a list of string as JSON"),
        (
            wit.List(wit.F64),
            "@/nowhere.json",
            "value is @/nowhere.json, which cannot be read: no such file or directory",
        ),
        (POINT, "1", None),
        (POINT, '{"x": 1}', "value lacks the field 'y': expected point with x, y"),
        (POINT, '{"x": 1, "y": 2, "z": 3}', "value has no field 'z': expected point"),
        (wit.Tuple((wit.F64, wit.F64)), "[1]", "value is [1]: expected a tuple of 2 values (tuple<f64, f64>)"),
    ],
)
def test_refusals(type_: wit.Type, text: str, message: str | None) -> None:
    with pytest.raises(ArgumentError) as caught:
        lower(param(type_), parse(param(type_), text))
    if message is not None:
        assert str(caught.value) == message


def test_range_is_part_of_the_expectation() -> None:
    with pytest.raises(ArgumentError) as caught:
        parse(param(wit.F64, minimum=0.0, maximum=1.0), "strong")
    assert str(caught.value) == "value is 'strong': expected a number, f64, 0 to 1"


def test_hints_have_a_sample() -> None:
    with pytest.raises(ArgumentError) as caught:
        parse(param(wit.List(POINT)), "oops")
    assert caught.value.hint == (
        """Write it as JSON, such as '[{"x": 0.5, "y": 0.5}, {"x": 0.5, "y": 0.5}]', or as @file.json."""
    )


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_one_error(text: str) -> None:
    for type_ in (wit.BOOL, wit.U8, wit.F64, wit.CHAR, wit.List(wit.F64), POINT, wit.Option(wit.List(wit.STRING))):
        with suppress(ArgumentError):
            parse(param(type_), text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_round_trip(value: int) -> None:
    assert parse(param(wit.S64), str(value)) == value


@given(st.floats(allow_nan=False))
def test_floats_round_trip(value: float) -> None:
    assert parse(param(wit.F64), repr(value)) == value


def test_deep_json_is_one_error() -> None:
    with pytest.raises(ArgumentError, match="which is not JSON"):
        parse(param(wit.List(wit.F64)), "[" * 100_000)


def test_plain_replaces_images_and_nothing_else() -> None:
    both = wit.Tuple((wit.IMAGE, wit.List(wit.IMAGE), wit.Option(wit.IMAGE), wit.F64))
    saved: list[Any] = []

    def save(image: Any) -> str:
        saved.append(image)
        return f"{len(saved)}.png"

    picture = Image.new("RGB", (2, 2))
    assert plain(both, (picture, [picture, picture], None, 0.5), save) == ["1.png", ["2.png", "3.png"], None, 0.5]
    assert contains_image(both)
    assert not contains_image(wit.List(POINT))


def test_shown_results() -> None:
    assert show("日本語\n") == "日本語\n"
    assert show(None) == "none"
    assert show(True) == "true"
    assert show(0.1) == "0.1"
    assert json.loads(show([1, {"a": "é"}])) == [1, {"a": "é"}]
    assert printable("a\x1b[2Jb\tc\nd") == "a\\x1b[2Jb\tc\nd"
