"""Reading answers: every shape that models use."""

from __future__ import annotations

import json

import pytest

from akatsuki_wasm.contracts import BaseSource, Example, Exchange, Feedback, GenerationRequest, GuestSource
from akatsuki_wasm.errors import UnusableReplyError
from akatsuki_wasm.model.answers import source_of
from akatsuki_wasm.model.reply import MAX_NOTES, MAX_READ, Reply, read_reply
from akatsuki_wasm.model.schema import DESIGN_SCHEMA, MAX_EXAMPLES, REPAIR_SCHEMA

from .sources import BROKEN, GOOD, MIXED_FLOATS, VINTAGE, Broken, Good

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
        f"name: adder\n```rust\n{RUST.rstrip()}```\nIt adds.",
        f"name: adder\n````rust\n{RUST}````",
        f"name: adder\n```rust title=src/lib.rs\n{RUST}",
        f"<think>\n{fenced('pub fn wrong() {}' + chr(10) * 90)}\n</think>\nname: adder\n{fenced(RUST)}",
        f"I think of `pub fn`:\n{fenced('pub fn wrong() {}' + chr(10) * 90)}\n</think>\nname: adder\n{fenced(RUST)}",
        f"name: adder\n{RUST}",
        f"Here you are:\nname: adder\n\n{RUST}\nI hope that this helps",
        json.dumps({"rust": RUST, "name": "adder"}),
        json.dumps({"rust": fenced(RUST), "name": "Adder", "description": "Adds two numbers."}),
        f"As JSON:\n```json\n{json.dumps({'name': 'adder', 'rust': RUST})}\n```",
        f"As JSON: {json.dumps({'name': 'adder', 'rust': RUST})} Enjoy!",
        f'{{"name": "adder", "rust": {json.dumps(RUST)}, "examples": [], }}',
        f'{{"name": "adder", "rust": {json.dumps(RUST)}, "notes": ["It add',
        f'{{"name": "adder",\n"code": "{RUST}"}}',
        f'```rust\n{{"name": "adder", "rust": {json.dumps(RUST)}}}\n```'.replace("```rust", "```json5"),
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


@pytest.mark.parametrize("good", GOOD, ids=lambda each: each.name)
def test_reads_every_good_answer_in_both_forms(good: Good) -> None:
    for text in (good.reply, good.structured):
        reply = read_reply(text)
        assert (reply.name, reply.rust) == (good.name, good.rust)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.what)
def test_reads_every_mend_in_both_forms(broken: Broken) -> None:
    for text in (
        broken.mend,
        f"```rust\n{broken.mend}\n```",
        broken.structured_mend,
        f"Sorry. {broken.structured_mend}",
    ):
        assert read_reply(text, broken.rust).rust == broken.of.rust


def test_a_whole_file_is_taken_where_the_changes_beside_it_do_not_fit() -> None:
    text = f"{MIXED_FLOATS.mend}\nOr whole:\n{fenced(VINTAGE.rust)}"
    assert read_reply(text, RUST).rust == VINTAGE.rust
    with pytest.raises(UnusableReplyError, match="is not in the file"):
        read_reply(MIXED_FLOATS.mend, RUST)


def test_changes_without_a_file_are_unusable() -> None:
    for text in (MIXED_FLOATS.mend, MIXED_FLOATS.structured_mend):
        with pytest.raises(UnusableReplyError, match="answered with changes to a file, but there is none yet"):
            read_reply(text)


def test_changes_that_leave_no_function_are_unusable() -> None:
    with pytest.raises(UnusableReplyError, match="without a Rust function"):
        read_reply("<<<<<<< SEARCH\npub fn f() {}\n=======\n>>>>>>> REPLACE", "pub fn f() {}\n")


def test_the_models_own_examples_are_read_or_left_out_with_a_note() -> None:
    said = [
        "add_up(1, 2) == 3", "add_up(1, b=2) == 3", "add_up(1, 2)", "add_up(x, 2) == 3", "sub(3, 1) == 2", " ", 5, None
    ]  # fmt: skip
    expected = (
        Example("add_up(1, 2) == 3", "add_up", (1, 2), {}, 3),
        Example("add_up(1, b=2) == 3", "add_up", (1,), {"b": 2}, 3),
    )
    notes = ["Wraps\naround.", "", 3]
    reply = read_reply(json.dumps({"name": "adder", "rust": RUST, "examples": said, "notes": notes}))
    assert reply.examples == expected
    assert reply.notes == (
        "Wraps around.",
        "the model's own example 'add_up(1, 2)' cannot be read and is left out",
        "the model's own example 'add_up(x, 2) == 3' cannot be read and is left out",
        "the model's own example 'sub(3, 1) == 2' is of a function that its file does not have",
    )
    written = "name: adder\nexample: add_up(1, 2) == 3\n- **Example**: `add_up(1, b=2) == 3`\n" + fenced(RUST)
    assert read_reply(written).examples == expected


def test_lists_of_an_answer_are_capped() -> None:
    said = {"rust": RUST, "examples": ["add_up(1, 2) == 3"] * 99, "notes": ["n " * 500] * 99}
    reply = read_reply(json.dumps(said))
    assert (len(reply.examples), len(reply.notes)) == (MAX_EXAMPLES, MAX_NOTES)
    assert all(len(each) <= 200 for each in reply.notes)


def test_of_a_long_answer_the_beginning_is_read_and_a_note_says_so() -> None:
    reply = read_reply(fenced(RUST) + "\nbecause " * MAX_READ)
    assert reply.rust == RUST
    assert reply.notes == (f"of the model's answer only the first {MAX_READ:,} characters were read",)


def test_schemas_obey_the_rules_of_strict_mode() -> None:
    def objects(schema: object) -> list[dict[str, object]]:
        if isinstance(schema, list):
            return [found for each in schema for found in objects(each)]
        if not isinstance(schema, dict):
            return []
        own = [schema] if schema.get("type") == "object" else []
        return own + [found for each in schema.values() for found in objects(each)]

    for schema in (DESIGN_SCHEMA, REPAIR_SCHEMA):
        found = objects(schema)
        assert found[0] is schema
        for each in found:
            assert each["additionalProperties"] is False
            assert isinstance(each["properties"], dict)
            assert each["required"] == list(each["properties"])
    assert len(objects(REPAIR_SCHEMA)) == 2


def exchange(reply: str) -> Exchange:
    return Exchange((), reply, "some-model")


def test_a_repair_keeps_what_the_source_was_called() -> None:
    last = GuestSource(
        MIXED_FLOATS.rust, "old-album", "An album.", "openai", (Example("f() == 1", "f", (), {}, 1),), exchange=None
    )
    found = source_of(
        exchange(MIXED_FLOATS.mend), GenerationRequest("x"), Feedback(1, "build", "no", (), last), generator="g"
    )
    assert (found.rust, found.name, found.generator) == (VINTAGE.rust, "old-album", "g")
    assert found.description == "The look of an old album."
    assert found.examples == last.examples
    assert found.exchange == exchange(MIXED_FLOATS.mend)


def test_a_changed_module_keeps_its_name_and_may_be_changed_by_edits() -> None:
    request = GenerationRequest("mend it", base=BaseSource(MIXED_FLOATS.rust, "album"))
    for text in (MIXED_FLOATS.mend, VINTAGE.reply):
        found = source_of(exchange(text), request, None, generator="g")
        assert (found.rust, found.name) == (VINTAGE.rust, "album")
    assert source_of(exchange(VINTAGE.reply), GenerationRequest("x", "mine"), None, generator="g").name == "mine"


def test_an_unusable_answer_carries_its_exchange() -> None:
    with pytest.raises(UnusableReplyError) as caught:
        source_of(exchange("No."), GenerationRequest("x"), None, generator="g")
    assert caught.value.exchange == exchange("No.")
