"""What the model is told: that it is true, what a wish and a fault look like, and what a user's templates may do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from akatsuki_wasm.contracts import BaseSource, Crate, Diagnostic, Feedback, GenerationRequest, GuestSource, Message
from akatsuki_wasm.examples import parse_example
from akatsuki_wasm.model.prompts import MAX_PROBLEMS, MAX_REPLY, as_text, messages, render
from akatsuki_wasm.model.reply import read_reply
from akatsuki_wasm.model.schema import DESIGN_SCHEMA, REPAIR_SCHEMA

from .sources import INITIALS, MIXED_FLOATS, NO_LETTER, ROMAN, SAVINGS, VINTAGE

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENEW = "AKATSUKI_TEST_RENEW_SNAPSHOTS"
"""``AKATSUKI_TEST_RENEW_SNAPSHOTS=1 python -m pytest tests/model/test_prompts.py`` writes the snapshots anew."""

SOURCE = GuestSource("/// Doubles.\npub fn double(x: u32) -> u32 {\n    x * 2.0\n}\n", "doubler", "Doubles.", "openai")
FAULT = Diagnostic(
    "error",
    "mismatched types: expected `f64`, found `f32`",
    11,
    34,
    "E0308",
    "",
    "error[E0308]: mismatched types\n  --> src/lib.rs:11:34\n   |\n"
    "11 |         let shade = 1.0 - 0.4f64 * smoothstep(0.5, 2.0, u * u + v * v);\n"
    "   |                                    ^ expected `f64`, found `f32`\n",
)  # fmt: skip


def written(broken: str, name: str = "vintage-filter") -> GuestSource:
    return GuestSource(broken, name, "", "openai")


def trap(message: str) -> Feedback:
    return Feedback(
        1, "check", message, (Diagnostic("error", message, code="check"),), written(NO_LETTER.rust, "initials")
    )


SAID: dict[str, tuple[GenerationRequest, Feedback | None, bool]] = {
    "design-image": (GenerationRequest(VINTAGE.prompt), None, False),
    "design-column": (GenerationRequest(SAVINGS.prompt, examples=(parse_example(SAVINGS.examples[0]),)), None, False),
    "design-text": (GenerationRequest(INITIALS.prompt, examples=(parse_example(INITIALS.examples[0]),)), None, False),
    "design-general": (GenerationRequest(ROMAN.prompt), None, False),
    "design-structured": (GenerationRequest(VINTAGE.prompt), None, True),
    "design-everything": (
        GenerationRequest(
            "the slug of a title",
            "slugs",
            examples=(parse_example("slug('A b') == 'a-b'"), parse_example("slug('') == ''")),
            specification='def slug(title: str) -> str:\n    """```"""\n    return "-".join(title.lower().split())\n',
            crates=(Crate("unicode-normalization", "0.1.24"), Crate("regex", "1.11.1", ("std", "perf"), False)),
        ),
        None,
        False,
    ),
    "refine": (
        GenerationRequest(
            "make it warmer, keep the vignette", base=BaseSource(VINTAGE.rust, VINTAGE.name, VINTAGE.prompt)
        ),
        None,
        False,
    ),
    "repair-compile": (
        GenerationRequest(VINTAGE.prompt), Feedback(1, "build", str(FAULT), (FAULT,), written(MIXED_FLOATS.rust)), False
    ),
    "repair-compile-structured": (
        GenerationRequest(VINTAGE.prompt), Feedback(1, "build", str(FAULT), (FAULT,), written(MIXED_FLOATS.rust)), True
    ),
    "repair-trap": (
        GenerationRequest(INITIALS.prompt),
        trap('initials("") failed: initials panicked: called `Option::unwrap()` on a `None` value, line 3; '
             "expected an answer, or Err of a Result"),
        False,
    ),
    "unusable-first": (
        GenerationRequest(ROMAN.prompt),
        Feedback(1, "generate", "the language model answered without a Rust function", (), None, "What range?"),
        False,
    ),
    "unusable-edit": (
        GenerationRequest(VINTAGE.prompt),
        Feedback(2, "generate", "edit 1 of the answer searches for text that is not in the file", (FAULT,),
                 written(MIXED_FLOATS.rust), "<<<<<<< SEARCH\nlet x = 3;\n=======\nlet x = 4;\n>>>>>>> REPLACE"),
        False,
    ),
    "unusable-edit-structured": (
        GenerationRequest(VINTAGE.prompt),
        Feedback(2, "generate", "edit 1 of the answer searches for text that is not in the file", (),
                 written(MIXED_FLOATS.rust), '{"edits": [{"search": "let x = 3;", "replace": ""}], "rust": null}'),
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_is_the_snapshot(name: str) -> None:
    request, feedback, structured = SAID[name]
    turns = messages(request, feedback, structured=structured)
    if not name.startswith("design"):
        turns = turns[1:]
    said = "\n".join(f"--- {each.role}\n{each.content}" for each in turns) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get(RENEW):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8"), f"{RENEW}=1 renews the snapshots where that is meant"


def test_every_snapshot_is_of_something_that_is_said() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == {*SAID}


def test_first_comes_the_contract_then_the_wish() -> None:
    plain, full = (
        messages(request, None)
        for request in (
            GenerationRequest("double {{ a }} number"),
            GenerationRequest("double it", "doubler", examples=(parse_example("double(2) == 4"),)),
        )
    )
    assert [each.role for each in plain] == ["system", "user"]
    assert plain[0] == full[0]
    assert plain[1].content == "Write a module for this wish:\n\ndouble {{ a }} number"
    assert full[1].content == (
        "Write a module for this wish:\n\ndouble it\n\nThe module's name is doubler.\n\n"
        "These calls must hold, so functions of these names, with parameters in this order:\n- double(2) == 4"
    )


def test_the_contract_stands_before_what_differs_so_that_servers_can_cache_it() -> None:
    first, second = (messages(GenerationRequest(each), None)[0].content for each in ("sepia photo", "count words"))
    assert first != second
    alike = next(at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert alike > 6_500


@pytest.mark.parametrize("name", [each for each in SAID if each.startswith("design")])
def test_the_contract_takes_few_tokens(name: str) -> None:
    request, feedback, structured = SAID[name]
    # About 2,350 tokens of the o200k_base vocabulary, of which 3.3 characters of this text are one.
    assert len(messages(request, feedback, structured=structured)[0].content) < 8_000


def test_an_answer_is_held_to_the_schema_of_what_is_asked() -> None:
    request = GenerationRequest("x")
    assert render(request, None).schema is DESIGN_SCHEMA
    assert render(request, Feedback(1, "generate", "no", (), None, "hm")).schema is DESIGN_SCHEMA
    assert render(request, Feedback(1, "build", "no", (), SOURCE)).schema is REPAIR_SCHEMA


def test_a_fault_is_told_with_line_text_and_advice() -> None:
    problem = Diagnostic(
        "error", "cannot multiply `u32` by `{float}`", 3, 7, "E0277", "write 2", "error[E0277]: cannot multiply"
    )
    warning = Diagnostic("warning", "unused", 1)
    found = messages(GenerationRequest("x"), Feedback(1, "build", "line 3: …", (warning, problem), SOURCE))
    assert [each.role for each in found] == ["system", "user", "assistant", "user"]
    assert found[2].content == f"name: doubler\n```rust\n{SOURCE.rust}```"
    assert found[3].content.startswith(
        "That file does not build. The first problem is the one to solve first; the others may follow from it.\n\n"
        "1. line 3: cannot multiply `u32` by `{float}` [E0277]\n"
        "   line 3 is: x * 2.0\n"
        "   advice: write 2\n\n"
        "The compiler says of the first:\nerror[E0277]: cannot multiply\n\n"
        "Keep what was right, and keep the functions' names. Answer with the changes alone, each in this form"
    )


def test_a_failed_check_is_told() -> None:
    gave = "the example double(2) == 4 gave 5"
    for text, said in (
        (f"{gave}; expected 4, got 5", f"{gave}; expected 4"),
        ("double(3) fails; expected 6, got nothing", "double(3) fails; expected 6, got nothing"),
    ):
        problem = Diagnostic("error", text, code="check")
        found = messages(GenerationRequest("x"), Feedback(1, "check", "…", (problem,), SOURCE))
        assert found[3].content.startswith(
            f"That file builds, but it does not do what it must.\n\n1. {said}\n\nKeep what was right"
        )


def test_advice_of_our_own_stands_before_or_beside_rustcs() -> None:
    def said(code: str, message: str) -> str:
        problem = Diagnostic("error", message, 3, code=code, help="do this", rendered="error: it\n  |\nhelp: do this\n")
        return messages(GenerationRequest("x"), Feedback(1, "build", "…", (problem,), SOURCE))[3].content

    real = said("E0277", "can't compare `R` with `{float}`: the trait `PartialOrd<{float}>` is not implemented")
    assert "   advice: numbers over R have no `<`" in real
    assert "do this" not in real
    unknown = said("E0425", "cannot find function `vignette` in this scope")
    assert "   advice: do this; or else: the prelude has no such function" in unknown
    assert "help: do this" in unknown
    assert "   advice: do this\n" in said("E0382", "borrow of moved value: `counts`")


def test_the_line_of_a_panic_is_quoted() -> None:
    text = "double(3) failed: double panicked: attempt to multiply with overflow, line 3"
    said = messages(GenerationRequest("x"), Feedback(1, "check", text, (Diagnostic("error", text),), SOURCE))[3].content
    assert f"1. {text}\n   line 3 is: x * 2.0\n" in said


def test_many_and_long_faults_are_capped() -> None:
    problems = tuple(Diagnostic("error", "wrong " * 500, line, rendered="w " * 5000) for line in range(1, 40))
    said = messages(GenerationRequest("x"), Feedback(1, "build", "…", problems, SOURCE))[3].content
    assert f"\n{MAX_PROBLEMS}. line {MAX_PROBLEMS}: wrong" in said
    assert f"\n{MAX_PROBLEMS + 1}. " not in said
    assert "… and 33 more." in said
    assert len(said) < 6_000


def test_an_answer_without_a_file_is_shown_to_the_model_in_short() -> None:
    found = messages(GenerationRequest("x"), Feedback(1, "generate", "no.", (), None, "hm " * 90_000))
    assert [each.role for each in found] == ["system", "user", "assistant", "user"]
    assert len(found[2].content) == MAX_REPLY
    assert found[3].content == (
        "Your last answer could not be used: no.\n\nAnswer as you were told, with the whole file."
    )
    nothing = messages(GenerationRequest("x"), Feedback(1, "generate", "the answer was empty", (), None))
    assert [each.role for each in nothing] == ["system", "user", "user"]


def test_a_fence_in_the_source_does_not_end_the_block() -> None:
    source = GuestSource("/// ```\n/// f()\n/// ```\npub fn f() {}\n", "f", "", "openai")
    said = messages(GenerationRequest("x"), Feedback(1, "build", "no", (), source))[2].content
    assert said == f"name: f\n````rust\n{source.rust}````"
    assert read_reply(said).rust == source.rust
    base = BaseSource(source.rust, "f")
    assert f"````rust\n{source.rust}````" in messages(GenerationRequest("x", base=base), None)[1].content


def test_a_conversation_is_one_text_for_a_chat_window() -> None:
    turns = [Message("system", "Be brief."), Message("user", "Hello"), Message("assistant", "Hi"), Message("user", "?")]
    assert as_text(turns[:2]) == "Be brief.\n\nHello\n"
    assert as_text(turns) == (
        "=== Instructions ===\n\nBe brief.\n\n=== I wrote ===\n\nHello\n\n=== You answered ===\n\nHi\n\n"
        "=== Now ===\n\n?\n"
    )
