"""Reading answers: every shape that models use, and no text at all that crashes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.contracts import MODULE_NAME
from akatsuki_wasm.errors import UnusableReplyError
from akatsuki_wasm.model.reply import Reply, read_reply

RUST = "/// Adds two numbers.\npub fn add_up(a: i32, b: i32) -> i32 {\n    a.wrapping_add(b)\n}\n"
HELPER = "fn helper() -> i32 {\n    3\n}\n"
EXPECTED = Reply(RUST, "adder", "Adds two numbers.")


def fenced(rust: str, language: str = "rust") -> str:
    return f"```{language}\n{rust}```"


@pytest.mark.parametrize(
    "text",
    [
        f"name: adder\n{fenced(RUST)}",
        f"name: adder\r\n{fenced(RUST)}".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"Sure! Here it is.\n\n**Name:** `adder`\n\n{fenced(RUST)}\n\nIt adds, as `pub fn` does.",
        f"name: adder\n{fenced(RUST, '')}",
        f"name: adder\n{fenced(RUST, 'rs')}\nUse it so:\n{fenced('let x = add_up(1, 2);' + chr(10))}",
        f"First a helper:\n{fenced(HELPER)}\nname: adder\n{fenced(RUST)}",
        f"name: adder\n~~~rust\n{RUST}~~~",
        f"name: adder\n````rust\n{RUST}````",
        f"name: adder\n```rust title=src/lib.rs\n{RUST}",
        f"<think>\n{fenced('pub fn wrong() {}' + chr(10) * 90)}\n</think>\nname: adder\n{fenced(RUST)}",
        f"I think of `pub fn`:\n{fenced('pub fn wrong() {}' + chr(10) * 90)}\n</think>\nname: adder\n{fenced(RUST)}",
        f"name: adder\n{RUST}",
        f"Here you are:\nname: adder\n\n{RUST}\nI hope that this helps",
        json.dumps({"rust": RUST, "name": "adder"}),
        json.dumps({"rust": fenced(RUST), "name": "Adder", "description": "Adds two numbers."}),
        f"As JSON:\n```json\n{json.dumps({'name': 'adder', 'rust': RUST})}\n```",
    ],
)
def test_finds_the_file(text: str) -> None:
    assert read_reply(text) == EXPECTED


def test_without_a_name_the_first_function_gives_it() -> None:
    assert read_reply(fenced(RUST)).name == "add-up"
    assert read_reply(f"name: ???\n{fenced(RUST)}").name == "add-up"


def test_the_modules_documentation_describes_it() -> None:
    assert read_reply(fenced(f"//! Sums.\n\n{RUST}")).description == "Sums."
    assert read_reply(fenced("pub fn f() -> u8 { 3 }\n")).description == ""


def test_a_fence_in_a_comment_is_not_the_end() -> None:
    rust = "/// Adds:\n/// ```\n/// add(1, 2)\n/// ```\npub fn add(a: u8, b: u8) -> u16 {\n    a as u16 + b as u16\n}\n"
    assert read_reply(fenced(rust)).rust == rust


def test_a_private_function_is_handed_on_so_that_the_model_is_told() -> None:
    assert read_reply(f"name: helper\n{fenced(HELPER)}").rust == HELPER


def test_half_a_surrogate_pair_is_replaced() -> None:
    reply = read_reply('{"rust": "pub fn f() -> char { \'\\ud800\' }", "name": "\\udfff"}')
    assert reply.rust == "pub fn f() -> char { '?' }\n"
    assert reply.name == "f"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the language model answered with nothing: expected a file of Rust"),
        (" \n\t", "the language model answered with nothing: expected a file of Rust"),
        ("<think>hm</think>", "the language model answered only with its thinking: expected a file of Rust"),
        (
            "I am sorry, but\nwhat do you mean?",
            'the language model answered without a Rust function: "I am sorry, but what do you mean?"',
        ),
        (
            fenced("def f():\n    pass\n", "python"),
            'the language model answered without a Rust function: "```python def f(): pass ```"',
        ),
        ("x" * 200, f'the language model answered without a Rust function: "{"x" * 79}…"'),
        ('{"rust": 3}', "the language model answered without a Rust function: \"{\"rust\": 3}\""),
        ("{" * 100_000, f'the language model answered without a Rust function: "{"{" * 79}…"'),
    ],
)  # fmt: skip
def test_says_what_came_instead(text: str, message: str) -> None:
    with pytest.raises(UnusableReplyError) as caught:
        read_reply(text)
    assert str(caught.value) == message
    assert (
        caught.value.hint == "Say in the prompt what the function takes and gives, or try another model: --model NAME"
    )


PIECES = st.sampled_from(
    ["```", "```rust\n", "~~~", "\n", "pub fn f() {}", "fn g(", "{", "}", '"rust":', "name:", "///", "//!", "<think>",
     "</think>\n", '{"rust": "', "\\ud800", "\ud800", "\r", "\x00", "`", "*", " ", "あ"]
)  # fmt: skip


@given(st.one_of(st.text(st.characters()), st.lists(PIECES, max_size=30).map("".join)))
def test_any_text_is_a_reply_or_an_unusable_one(text: str) -> None:
    try:
        reply = read_reply(text)
    except UnusableReplyError:
        return
    assert MODULE_NAME.fullmatch(reply.name)
    assert "fn " in reply.rust.replace("\t", " ")
    assert reply.rust.endswith("\n")
    assert "\n" not in reply.description
    reply.rust.encode()
