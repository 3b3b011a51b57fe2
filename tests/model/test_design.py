"""From a sentence to a deployed module with a played language model: real client, real cargo, real sandbox."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.errors import CheckError, RepairError, SourceRejectedError

from .conftest import KEY, PlayedModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.workspace import Workspace

pytestmark = pytest.mark.toolchain

DIFFERENCE = """/// Days between two dates of the same year, given as day numbers.
pub fn days_between(first: u32, second: u32) -> u32 {
    first.abs_diff(second)
}
"""
FADE = """name: night-fade
```rust
/// Makes a picture look like a late evening.
///
/// * `depth`: 0.0..=1.0, default 0.5. How late it is.
pub fn night_fade(image: &Image, depth: f32) -> Image {
    image.mapped_rgb(|_, _, rgb| mix_rgb(rgb, temperature(brightness(rgb, -0.4), -0.8), depth))
}
```"""


def answer(rust: str, name: str = "day-counter") -> str:
    return f"name: {name}\n```rust\n{rust}```"


@pytest.fixture
def workspace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Workspace]:
    """A workspace; afterwards the key must be in no file of it and in no line of a log."""
    caplog.set_level(logging.DEBUG)
    with ak.open(data_dir=tmp_path / "data") as ws:
        yield ws
    stored = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert stored
    assert [path for path in stored if KEY.encode() in path.read_bytes()] == []
    assert KEY not in caplog.text


def test_a_good_answer_becomes_a_module(workspace: Workspace, model: PlayedModel) -> None:
    model.script(answer(DIFFERENCE))
    module = workspace.design("days between two dates", generator="openai", examples=["days_between(3, 10) == 7"])
    assert (module.name, module.version) == ("day-counter", "1.0.0")
    assert module.days_between(300, 10) == 290
    assert module.source == DIFFERENCE
    assert module.stored is not None
    assert module.stored.description == "Days between two dates of the same year, given as day numbers."
    usage = dict(module.provenance["usage"])
    assert usage.pop("seconds") < 10
    assert usage == {"model": "gpt-5.4-mini-played", "tokens_in": 1200, "tokens_out": 80}
    assert module.provenance["generator"] == "openai"
    (request,) = model.requests()
    assert request["path"] == "/v1/responses"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert sorted(request["body"]) == ["input", "instructions", "model", "store", "stream", "text"]


def test_the_settings_choose_generator_and_model(model: PlayedModel, tmp_path: Path) -> None:
    model.script(FADE)
    with ak.open(data_dir=tmp_path, generator="openai", model="qwen3-coder") as ws:
        module = ws.design("a late evening", name="evening", deploy=False)
    assert module.name == "evening"
    assert model.requests()[0]["body"]["model"] == "qwen3-coder"
    picture = np.full((4, 6, 4), 200, np.uint8)
    assert module.night_fade(picture, depth=0.0).tolist() == picture.tolist()
    assert module.night_fade(picture, depth=1.0).mean() < picture.mean()


def test_a_compile_error_is_repaired(workspace: Workspace, model: PlayedModel) -> None:
    model.script(
        answer(DIFFERENCE.replace("first.abs_diff(second)", "(first as i64 - second).abs()")), answer(DIFFERENCE)
    )
    module = workspace.design("days between two dates", generator="openai", model="big")
    assert module.provenance["attempts"] == 2
    assert module.days_between(1, 3) == 2
    assert [request["body"]["model"] for request in model.requests()] == ["big", "big"]
    system, wish, before, repair = model.said()
    assert [system, wish] == model.said(0)
    assert "(first as i64 - second).abs()" in before["content"]
    assert (
        "\n1. line 3: mismatched types: expected `i64`, found `u32` [E0308]\n   line 3 is: (first as"
        in repair["content"]
    )
    assert " --> src/author.rs:3:21\n" in repair["content"]


def test_a_source_outside_the_contract_is_repaired(workspace: Workspace, model: PlayedModel) -> None:
    model.script(answer("use rand::Rng;\n" + DIFFERENCE), answer(DIFFERENCE))
    module = workspace.design("days between two dates", generator="openai")
    assert module.provenance["attempts"] == 2
    repair = model.said()[-1]["content"]
    assert "\n1. line 1: the crate `rand` is not available\n   line 1 is: use rand::Rng;\n" in repair
    assert "   advice: use std and the prelude\n" in repair


def test_a_wrong_result_is_repaired(workspace: Workspace, model: PlayedModel) -> None:
    model.script(answer(DIFFERENCE.replace("first.abs_diff(second)", "second.wrapping_sub(first)")), answer(DIFFERENCE))
    examples = ["days_between(10, 3) == 7"]
    module = workspace.design("days between two dates", generator="openai", examples=examples)
    assert module.provenance["attempts"] == 2
    assert module.provenance["checks"]["examples"] == examples
    assert "- days_between(10, 3) == 7" in model.said()[1]["content"]
    fault = "the example days_between(10, 3) == 7 gave 4294967289; expected 7"
    assert f"does not do what it must.\n\n1. {fault}\n" in model.said()[-1]["content"]


def test_chatter_around_the_file_is_left_out(workspace: Workspace, model: PlayedModel) -> None:
    model.script(
        "<think>They want days. `pub fn` it is.</think>\nOf course!\n```toml\n[package]\nname = \"x\"\n```\n"
        f"and src/lib.rs:\n```rust\n{DIFFERENCE}```\nTry `days_between(1, 2)`. Enjoy!"
    )  # fmt: skip
    module = workspace.design("days between two dates", generator="openai")
    assert (module.name, module.source) == ("days-between", DIFFERENCE)


def test_what_is_never_right_is_the_users_to_see(workspace: Workspace, model: PlayedModel) -> None:
    wrong = answer(DIFFERENCE.replace("first.abs_diff(second)", "7"))
    model.script(wrong, wrong, answer("fn main() {}\n"))
    with pytest.raises(RepairError) as caught:
        workspace.design("x", generator="openai", examples=["days_between(1, 3) == 2"], max_repairs=3)
    assert str(caught.value) == (
        "none of 2 attempts is right; the best, attempt 2, builds, but the example days_between(1, 3) == 2 gave 7; "
        "expected 2 (attempt 2 is the same source as attempt 1)"
    )
    assert isinstance(caught.value.__cause__, CheckError)
    (kept,) = workspace.generations()
    assert [each["message"] for each in kept.attempts] == ["the example days_between(1, 3) == 2 gave 7"] * 2
    model.script(answer("fn main() {}\n"))
    with pytest.raises(SourceRejectedError):
        workspace.design("x", generator="openai", max_repairs=0)
    assert workspace.list_modules() == []
