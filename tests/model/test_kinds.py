"""What kind of module a request is about."""

from __future__ import annotations

import pytest

from akatsuki_wasm.contracts import BaseSource, GenerationRequest
from akatsuki_wasm.examples import parse_example
from akatsuki_wasm.model.kinds import kind_of

from .sources import GOOD, Good


@pytest.mark.parametrize("good", GOOD, ids=lambda each: each.name)
def test_the_source_it_starts_from_tells_in_any_language(good: Good) -> None:
    asked = kind_of(GenerationRequest("wärmer, bitte", base=BaseSource(good.rust, good.name)))
    # A function of whole numbers may be meant for columns or not.
    assert asked == good.kind or {asked, good.kind} == {"column", "general"}


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("create a vintage filter", "image"),
        ("Blur the photo, then sharpen its edges", "image"),
        ("古い写真のようなレトロなフィルタを作って", "image"),
        ("画像をモノクロにする", "image"),
        ("monthly payment of a mortgage with interest rate", "column"),
        ("convert Fahrenheit to Celsius", "column"),
        ("住宅ローンの毎月の返済額を計算する", "column"),
        ("摂氏を華氏に換算", "column"),
        ("split a full name into given name and family name", "text"),
        ("is this sentence a palindrome?", "text"),
        ("文字列が回文かどうか", "text"),
        ("ひらがなをローマ字にする", "text"),
        ("prime factors", "general"),
        ("sort a list of intervals", "general"),
        ("素数を数えるリスト", "general"),
        ("最大公約数", "general"),
        ("something else entirely", "general"),
        ("", "general"),
        ("photo words", "general"),
    ],
)
def test_words_tell(prompt: str, kind: str) -> None:
    assert kind_of(GenerationRequest(prompt)) == kind


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        ("f('a', 'b') == 3", "text"),
        ("f(1.5, 2.5) == 3", "column"),
        ("f(rate=0.5) == 3", "column"),
        ("f([1, 2]) == 3", "general"),
        ("f() == 3", "general"),
    ],
)
def test_the_types_of_an_examples_arguments_tell(example: str, kind: str) -> None:
    assert kind_of(GenerationRequest("do it", examples=(parse_example(example),))) == kind
