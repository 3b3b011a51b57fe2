"""WIT types: text round trips, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wit_kit import RECORDS, types

from akatsuki_wasm import wit


@given(types())
def test_text_is_read_back(type_: wit.Type) -> None:
    assert wit.parse(str(type_), RECORDS) == type_
    assert wit.parse(str(wit.Result(type_)), RECORDS) == wit.Result(type_)


SHAPE = wit.Variant("a_shape", (("empty", None), ("at", wit.Tuple((wit.F64, wit.F64)))))
NAMED: dict[str, wit.Type] = {
    "a_shape": SHAPE,
    "color": wit.Enum("color", ("red", "dark_green")),
    "perms": wit.Flags("perms", ("read",)),
    "bytes": wit.BYTES,
}


@pytest.mark.parametrize(
    "text",
    [
        *("result", "result<u8>", "result<_, u8>", "result<u8, color>", "result<_, string>", "bytes"),
        *("list<result<a-shape, perms>>", "option<option<color>>", "result<result<u8>, result>"),
    ],
)
def test_types_of_components_are_read_back(text: str) -> None:
    assert str(wit.parse(text, NAMED)) == text


def test_named_types_come_after_those_that_they_are_made_of() -> None:
    inner = wit.Record("inner", (("x", wit.U8),))
    outer = wit.Variant("outer", (("none", None), ("one", wit.List(inner)), ("bad", wit.Result(inner, SHAPE))))
    assert list(wit.named(wit.Option(outer), None)) == ["inner", "a_shape", "outer"]
    assert list(wit.records(outer)) == ["inner"]
    assert wit.children(wit.Result(wit.U8, SHAPE)) == (wit.U8, SHAPE)


@pytest.mark.parametrize(
    ("name", "kebab"),
    [
        ("black_scholes", "black-scholes"),
        ("Point2D", "point2-d"),
        ("HTMLPage", "html-page"),
        ("rotate_90", "rotate90"),
        ("a__b_", "a-b"),
        ("x", "x"),
    ],
)
def test_kebab_case(name: str, kebab: str) -> None:
    assert wit.kebab(name) == kebab


@given(st.from_regex(r"[a-z][a-zA-Z0-9_]{0,20}", fullmatch=True))
def test_every_word_of_a_kebab_name_begins_with_a_letter(name: str) -> None:
    assert all(word[0].isalpha() and word.isalnum() for word in wit.kebab(name).split("-"))
    assert wit.kebab(wit.kebab(name)) == wit.kebab(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "list",
        "list<",
        "list<u8",
        "u8>",
        "option<>",
        "what",
        "tuple<u8,>",
        "list<u8,u8>",
        "u8 u8",
        "!",
        "list<" * 40,
        "result<>",
        "result<_>",
        "result<u8,>",
        "result<u8, u8, u8>",
        "bytes",
    ],
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(ValueError, match="is not a type"):
        wit.parse(text)


def test_a_record_has_one_class_however_many_others_were_seen() -> None:
    image = wit.record_class(wit.IMAGE)
    for number in range(600):
        wit.record_class(wit.Record(f"r{number}", (("x", wit.U8),)))
    assert wit.record_class(wit.IMAGE) is image
