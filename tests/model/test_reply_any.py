"""No text at all makes the reading of an answer crash, or takes it more than a moment."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akatsuki_wasm.contracts import MODULE_NAME
from akatsuki_wasm.errors import UnusableReplyError
from akatsuki_wasm.model.reply import read_reply

from .sources import BROKEN, GOOD, VINTAGE

PIECES = st.sampled_from(
    [
        "```", "```rust\n", "~~~", "\n", "pub fn f() {}", "fn g(", "{", "}", '"rust":', "name:", "///", "//!",
        "<think>", "</think>\n", '{"rust": "', "\\ud800", "\ud800", "\r", "\x00", "`", "*", " ", "あ",
        "<<<<<<< SEARCH\n", "\n=======\n", "\n>>>>>>> REPLACE\n",
        '"edits": [', '{"search": "', '", "replace": "', '"}', "]",
        ",", "example: f() == 3\n", "\\",
    ]
)  # fmt: skip


def read_anything(text: str, last_source: str | None = None) -> None:
    """An answer is a usable one, or it is an `UnusableReplyError`."""
    try:
        reply = read_reply(text, last_source)
    except UnusableReplyError:
        return
    assert MODULE_NAME.fullmatch(reply.name)
    assert "fn " in reply.rust.replace("\t", " ")
    assert reply.rust.endswith("\n")
    assert "\n" not in reply.description
    assert not [each for each in reply.notes if "\n" in each]
    reply.rust.encode()


LAST = st.sampled_from([None, "pub fn f() {}\n", VINTAGE.rust])


@settings(deadline=None)
@given(st.one_of(st.text(st.characters()), st.lists(PIECES, max_size=30).map("".join)), LAST)
def test_any_text_is_a_reply_or_an_unusable_one(text: str, last_source: str | None) -> None:
    read_anything(text, last_source)


KEYS = st.sampled_from(["name", "description", "rust", "code", "edits", "search", "replace", "examples", "notes"])


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.just(VINTAGE.rust)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(), inner, max_size=6),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON), LAST)
def test_any_json_is_a_reply_or_an_unusable_one(value: dict[str, object], last_source: str | None) -> None:
    read_anything(json.dumps(value), last_source)


ANSWERS = [text for each in (*GOOD[:3], *BROKEN[:3]) for text in (each.reply, each.reply.replace("\n", "\r\n"))]
ANSWERS += [each.structured for each in GOOD[:3]] + [each.mend for each in BROKEN] + [BROKEN[0].structured_mend]


@settings(deadline=None)
@given(
    st.sampled_from(ANSWERS),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 40), st.text(max_size=3) | PIECES), max_size=6),
    LAST,
)
def test_any_mangled_answer_is_a_reply_or_an_unusable_one(
    text: str, cuts: list[tuple[int, int, str]], last_source: str | None
) -> None:
    for at, length, instead in cuts:
        text = text[:at] + instead + text[at + length :]
    read_anything(text, last_source)


LONG = [
    "`", "```\n", "{", "}", '{"', '{"rust":', '{"rust": "', '{"edits": [', "[", "<<<<<<< SEARCH\n", "=======\n",
    "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n", "<<<<<<< SEARCH\n\n\n", "<think>", "<think></think>",
    "</think>\n", "\n", " ", "\t", "pub fn ", "pub\n", "const ", "const\nunsafe\n", "pub fn f() {}\n", "name: ",
    "name\n", "example: ", "example: f() == 3\n", "example: " + "(" * 400 + "\n", "fn a(", "//", "/// x\n", "\\", '"\\',
    "\r", "~~~\n", "*", "#[", "``` a`", "あ",
    "```" + "a" * 300_000,
]  # fmt: skip


@pytest.mark.parametrize("begin", ["", "```rust\npub fn f() {}\n", '{"rust": "'])
@pytest.mark.parametrize("piece", LONG)
def test_a_megabyte_of_anything_is_read(begin: str, piece: str) -> None:
    # Time is judged in benchmarks alone; but in quadratic time each of these takes longer than anybody waits.
    read_anything(begin + piece * (1_000_000 // len(piece)) + "`", "pub fn f() {}\n" + "\n" * 60_000)
