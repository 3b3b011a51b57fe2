"""What the model is told: that it is true, and what a wish and a fault look like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.checks import parse_example
from akatsuki_wasm.contracts import Diagnostic, Feedback, GenerationRequest, GuestSource
from akatsuki_wasm.model.prompts import MAX_PROBLEMS, messages
from akatsuki_wasm.model.reply import read_reply
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = GuestSource("/// Doubles.\npub fn double(x: u32) -> u32 {\n    x * 2.0\n}\n", "doubler", "Doubles.", "openai")


def system() -> str:
    return messages(GenerationRequest("x"), None)[0].content


def examples() -> list[str]:
    return re.findall(r"^name: .*?^```$", system(), re.MULTILINE | re.DOTALL)


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


def test_the_contract_takes_few_tokens() -> None:
    # About four characters are a token.
    assert len(system()) < 8_000


@pytest.mark.toolchain
def test_the_worked_examples_are_right(tmp_path: Path) -> None:
    replies = [read_reply(each) for each in examples()]
    assert [each.name for each in replies] == ["soft-vintage", "income-tax"]
    with ak.open(data_dir=tmp_path) as ws:
        artifacts = [ws.build(each.rust) for each in replies]
        ws.check(artifacts[0])
        ws.check(
            artifacts[1],
            ["tax(1000, 400, 0.5) == 300", "tax(1, 2) == 0", "read_amount(' 1,250.50') == 1250.5"],
        )
    vintage, tax = artifacts[0].manifest.functions[0], artifacts[1].manifest.functions[0]
    assert (vintage.params[1].minimum, vintage.params[1].maximum, vintage.params[1].default) == (0.0, 1.0, 0.6)
    assert tax.batch == "akatsuki:batch/tax"
    assert not [each for artifact in artifacts for each in artifact.warnings]


def test_every_call_that_is_taught_is_in_the_prelude() -> None:
    prelude = "\n".join(path.read_text("utf-8") for path in (data_folder("rust_templates") / "prelude").glob("*.rs"))
    known = {*re.findall(r"\bfn (\w+)", prelude)}
    scope = system().partition("# In scope")[2].partition("# Two examples")[0]
    calls = {*re.findall(r"(?<![\w!])([a-z]\w+)(?=\()", scope)}
    lists = re.findall(r"(?:Methods:|Over &\[f64\]:|Text:) ([^;.\n]*)", scope)
    names = calls | {word for text in lists for word in re.findall(r"\b[a-z]\w*\b(?!\))", text) if word != "f64"}
    assert len(names) > 90
    assert {"map_rgb", "median", "title_case", "normal_cdf", "hypot"} <= names
    assert names - known - {"in", "of", "i32", "str", "f"} == set()


def test_a_fault_is_told_with_line_text_and_advice() -> None:
    problem = Diagnostic(
        "error", "cannot multiply `u32` by `{float}`", 3, 7, "E0277", "write 2", "error[E0277]: cannot multiply"
    )
    warning = Diagnostic("warning", "unused", 1)
    found = messages(GenerationRequest("x"), Feedback(1, "build", "line 3: …", (warning, problem), SOURCE))
    assert [each.role for each in found] == ["system", "user", "assistant", "user"]
    assert found[2].content == f"name: doubler\n```rust\n{SOURCE.rust}```"
    assert found[3].content == (
        "That file does not build. The first problem is the one to solve first; the others may follow from it.\n\n"
        "1. line 3: cannot multiply `u32` by `{float}` [E0277]\n"
        "   line 3 is: x * 2.0\n"
        "   advice: write 2\n\n"
        "The compiler says of the first:\nerror[E0277]: cannot multiply\n\n"
        "Answer with the `name:` line and the whole corrected file in one ```rust block. "
        "Keep what was right, and keep the functions' names."
    )


def test_a_failed_check_is_told() -> None:
    text = "the example double(2) == 4 gave 5; expected 4, got 5"
    found = messages(
        GenerationRequest("x"), Feedback(1, "check", "…", (Diagnostic("error", text, code="check"),), SOURCE)
    )
    assert found[3].content.startswith(
        f"That file builds, but it does not do what it must.\n\n1. {text}\n\nAnswer with"
    )


def test_many_and_long_faults_are_capped() -> None:
    problems = tuple(Diagnostic("error", "wrong " * 500, line, rendered="w " * 5000) for line in range(1, 40))
    said = messages(GenerationRequest("x"), Feedback(1, "build", "…", problems, SOURCE))[3].content
    assert f"\n{MAX_PROBLEMS}. line {MAX_PROBLEMS}: wrong" in said
    assert f"\n{MAX_PROBLEMS + 1}. " not in said
    assert "… and 33 more." in said
    assert len(said) < 6_000


def test_a_fence_in_the_source_does_not_end_the_block() -> None:
    source = GuestSource("/// ```\n/// f()\n/// ```\npub fn f() {}\n", "f", "", "openai")
    said = messages(GenerationRequest("x"), Feedback(1, "build", "no", (), source))[2].content
    assert said == f"name: f\n````rust\n{source.rust}````"
    assert read_reply(said).rust == source.rust
