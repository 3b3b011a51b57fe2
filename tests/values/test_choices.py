"""Variants, enums, flags, results and streams of bytes: Python values in and out, JSON and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.module_functions import describe_parameter
from akatsuki_wasm.values.bind import describe_type
from akatsuki_wasm.values.json import to_json
from akatsuki_wasm.values.python import lift, lower
from akatsuki_wasm.values.text import parse, plain, show

if TYPE_CHECKING:
    from pathlib import Path

Case = wit.Case
COLOR = wit.Enum("color", ("red", "dark_green"))
PERMS = wit.Flags("perms", ("read", "write"))
POINT = wit.Record("point", (("x", wit.F64), ("hue", COLOR)))
SHAPE = wit.Variant("shape", (("empty", None), ("circle", wit.F64), ("at", POINT), ("maybe", wit.Option(wit.U8))))
RESULT = wit.Result(wit.U32, wit.STRING)
BARE = wit.Result(None, None)
DOUBLED = wit.Option(wit.Option(wit.U32))
Point = wit.record_class(POINT)


def lowered(type_: wit.Type, value: Any) -> Any:
    return lower(Parameter("x", type_), value)


@pytest.mark.parametrize(
    ("type_", "given", "contract"),
    [
        (COLOR, "red", "red"),
        (COLOR, "dark-green", "dark_green"),
        (PERMS, {"read"}, frozenset({"read"})),
        (PERMS, [], frozenset()),
        (PERMS, ("read", "read", "write"), frozenset({"read", "write"})),
        (SHAPE, "empty", Case("empty")),
        (SHAPE, Case("empty"), Case("empty")),
        (SHAPE, {"empty": None}, Case("empty")),
        (SHAPE, {"circle": 2.5}, Case("circle", 2.5)),
        (SHAPE, Case("circle", np.float64(2)), Case("circle", 2.0)),
        (SHAPE, {"at": {"x": 1.0, "hue": "dark-green"}}, Case("at", Point(1.0, "dark_green"))),
        (SHAPE, {"maybe": None}, Case("maybe", None)),
        (SHAPE, "maybe", Case("maybe", None)),
        (RESULT, {"ok": 3}, Case("ok", 3)),
        (RESULT, Case("err", "no"), Case("err", "no")),
        (BARE, "ok", Case("ok")),
        (wit.List(RESULT), [{"ok": 1}, {"err": "x"}], [Case("ok", 1), Case("err", "x")]),
        (DOUBLED, None, None),
        (DOUBLED, {"some": None}, Case("some", None)),
        (DOUBLED, {"some": 3}, Case("some", 3)),
        (wit.Option(COLOR), None, None),
        (wit.Option(SHAPE), "empty", Case("empty")),
        (wit.BYTES, b"ab", b"ab"),
        (wit.BYTES, bytearray(b"ab"), b"ab"),
        (wit.BYTES, memoryview(b"ab"), b"ab"),
        (wit.BYTES, np.array([97, 98], dtype=np.uint8), b"ab"),
        (wit.BYTES, "é", "é".encode()),
    ],
)
def test_python_values_become_contract_values(type_: wit.Type, given: Any, contract: Any) -> None:
    assert lowered(type_, given) == contract
    assert type(lowered(type_, given)) is type(contract)


@pytest.mark.parametrize(
    ("type_", "given", "message"),
    [
        (COLOR, "blue", "x is 'blue': expected one of red, dark_green (color)"),
        (COLOR, 1, "x is 1: expected one of red, dark_green (color)"),
        (PERMS, "read", "x is 'read': expected a set of read, write (perms)"),
        (PERMS, ["run"], "x is 'run': expected one of read, write (perms)"),
        (PERMS, 3, "x is 3: expected a set of read, write (perms)"),
        (SHAPE, "round", "x is 'round': expected one of empty, circle, at, maybe (shape)"),
        (SHAPE, "circle", "x is 'circle': expected circle with a value, f64 (shape)"),
        (SHAPE, {"empty": 1}, "x is {'empty': 1}: expected empty without a value (shape)"),
        (SHAPE, {"circle": "a"}, "x.circle is 'a': expected a number, f64"),
        (SHAPE, {"circle": 1.0, "at": 1}, "x is {'circle': 1.0, 'at': 1}: expected one of"),
        (SHAPE, {1: 2}, "x is {1: 2}: expected one of"),
        (RESULT, 3, "x is 3: expected one of ok, err (result<u32, string>)"),
        (DOUBLED, 3, "x is 3: expected one of some (option<option<u32>>)"),
        (wit.BYTES, 3, "x is 3: expected bytes, or text"),
        (wit.BYTES, pd.Series([7]), "x is 0 7 dtype: int64: expected bytes, or text"),
        (wit.BYTES, "\ud800", "x is '\\ud800': expected bytes, or text that UTF-8 can hold"),
    ],
)
def test_what_is_no_value_of_the_type(type_: wit.Type, given: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        lowered(type_, given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("type_", "contract", "json"),
    [
        (COLOR, "dark_green", "dark_green"),
        (PERMS, frozenset({"write", "read"}), ["read", "write"]),
        (SHAPE, Case("empty"), "empty"),
        (SHAPE, Case("circle", float("inf")), {"circle": "Infinity"}),
        (SHAPE, Case("at", Point(1.0, "red")), {"at": {"x": 1.0, "hue": "red"}}),
        (SHAPE, Case("maybe", None), {"maybe": None}),
        (wit.List(RESULT), [Case("ok", 1), Case("err", "x")], [{"ok": 1}, {"err": "x"}]),
        (wit.Tuple((BARE,)), (Case("err"),), ["err"]),
        (wit.Tuple((DOUBLED, DOUBLED)), (None, Case("some", None)), [None, {"some": None}]),
        (wit.Result(SHAPE, COLOR), Case("circle", 1.5), {"circle": 1.5}),  # unwrapped: a function's own result
        (wit.Result(RESULT, None), Case("ok", 1), {"ok": 1}),
        (wit.Result(wit.BYTES), b"text", "text"),
        (wit.Result(wit.BYTES), b"\xff", {"base64": "/w=="}),
    ],
)
def test_contract_values_become_json_and_python_keeps_them(type_: wit.Type, contract: Any, json: Any) -> None:
    assert to_json(type_, contract) == json
    assert plain(type_, contract, str) == json
    assert lift(type_, contract) == contract


def test_an_image_inside_a_case_is_a_picture() -> None:
    picture = wit.record_class(wit.IMAGE)(1, 1, np.zeros(4, np.uint8))
    type_ = wit.Variant("drawn", (("nothing", None), ("picture", wit.IMAGE)))
    assert lift(type_, Case("picture", picture)).value.size == (1, 1)
    assert plain(type_, Case("picture", picture), lambda image: "saved.png") == {"picture": "saved.png"}
    assert plain(type_, Case("nothing"), lambda image: "saved.png") == "nothing"


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (COLOR, " red ", "red"),
        (PERMS, "read, write", ["read", "write"]),
        (PERMS, "", []),
        (PERMS, '["read"]', ["read"]),
        (SHAPE, "empty", "empty"),
        (SHAPE, '"empty"', "empty"),
        (SHAPE, '{"circle": 2}', {"circle": 2}),
        (SHAPE, '{"circle": "NaN"}', {"circle": "nan"}),
        (RESULT, '{"ok": "7"}', {"ok": 7}),
        (wit.Option(COLOR), "none", None),
        (wit.BYTES, "a b", b"a b"),
        (wit.BYTES, "@data.bin", b"\xff\0"),
    ],
)
def test_command_line_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_: wit.Type, text: str, value: Any
) -> None:
    (tmp_path / "data.bin").write_bytes(b"\xff\0")
    monkeypatch.chdir(tmp_path)
    found = parse(Parameter("x", type_), text)
    if value == {"circle": "nan"}:
        assert np.isnan(found["circle"])
    else:
        assert found == value
        lowered(type_, found)


def test_words_for_people() -> None:
    assert describe_type(COLOR) == "one of red, dark_green"
    assert describe_type(PERMS) == "any of read, write"
    assert describe_type(SHAPE) == "one of empty, circle(f64), at(point), maybe(option<u8>)"
    assert describe_type(wit.BYTES) == "bytes"
    assert describe_parameter(Parameter("x", PERMS, "Rights.")) == "Rights. (any of read, write)"
    assert show(to_json(PERMS, frozenset({"read"}))) == '["read"]'
