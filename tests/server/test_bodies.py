"""Memory for the bodies of requests: bounded for each user and for all, and given back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from akatsuki_wasm.errors import OverloadedError, QuotaError, RequestError
from akatsuki_wasm.server.bodies import Budget, parse_object

from .server_kit import ADA, BOB, EVE


def test_a_user_has_half_of_the_memory_for_bodies_and_all_have_no_more_than_there_is() -> None:
    budget = Budget(100)
    with ExitStack() as held:
        held.enter_context(budget.holding(BOB, 30))
        held.enter_context(budget.holding(BOB, 20))
        with pytest.raises(QuotaError, match="your requests under way have bodies of 51 bytes: at most 50 are taken"):
            held.enter_context(budget.holding(BOB, 1))
        held.enter_context(budget.holding(EVE, 50))
        with pytest.raises(OverloadedError):
            held.enter_context(budget.holding(ADA, 1))
        assert budget.used == 100
    assert budget.used == 0
    with budget.holding(BOB, 50), pytest.raises(ZeroDivisionError), budget.holding(EVE, 50):
        raise ZeroDivisionError
    assert budget.used == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": {"b": 1, "b": 2}}', "the key 'b' is there twice"),
        (b'{"a": Infinity}', "Infinity is no JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "Exceeds the limit"),
        (b"\xef\xbb\xbf{}", "UTF-8 BOM"),
        (b"{} {}", "extra data at line 1, column 4"),
        (b'{"a": 1', "is not JSON"),
        (b'{"a', "is not JSON: unterminated string starting at line 1, column 2"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
    ],
)
def test_json_is_read_strictly(text: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        parse_object(text)


def test_depth_is_bounded_and_breadth_is_not() -> None:
    assert len(parse_object(b'{"a": [' + b"[]," * 999 + b"[]]}")["a"]) == 1000
    for depth in (250, 5_000, 100_000):
        with pytest.raises(RequestError, match="nested"):
            parse_object(b'{"a": ' + b"[" * depth + b"]" * depth + b"}")
