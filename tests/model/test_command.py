"""What the command line says of the language model is true: the refusal's hint, doctor, and what they name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import KEY

if TYPE_CHECKING:
    from .conftest import PlayedModel

PROMPT = "name the weekday of a day number"
WEEKDAY = """name: weekdays
```rust
/// Name of the weekday, 0 being a Monday.
pub fn weekday(day: u32) -> String {
    let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    names[(day % 7) as usize].to_string()
}
```"""


def akatsuki(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "akatsuki_wasm.cli", *arguments]
    done = subprocess.run(
        command, env={**os.environ, "NO_COLOR": "1", **environment}, capture_output=True, text=True, timeout=120
    )
    assert KEY not in done.stdout + done.stderr
    return done


def language_model(**environment: str) -> dict[str, Any]:
    checks = json.loads(akatsuki("doctor", "--json", **environment).stdout)["checks"]
    found: dict[str, Any] = next(each for each in checks if each["name"] == "language model")
    return found


@pytest.mark.toolchain
def test_what_the_refusal_says_works(model: PlayedModel) -> None:
    model.script(WEEKDAY)
    refused = akatsuki("design", "wasm", PROMPT, "--generator", "offline")
    assert refused.returncode == 1
    assert "set OPENAI_API_KEY and add --generator openai" in refused.stderr
    assert model.requests() == []
    done = akatsuki("design", "wasm", PROMPT, "--model", "small", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "weekdays"
    assert akatsuki("run", "weekdays", "weekday", "9").stdout == "Wednesday\n"
    assert model.requests()[0]["body"]["model"] == "small"
    assert PROMPT in model.said()[1]["content"]


def test_a_failure_is_one_line_and_a_hint(model: PlayedModel) -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}})
    model.script({"status": 401, "body": body}, {"status": 401, "body": body})
    done = akatsuki("design", "wasm", PROMPT, "--generator", "openai")
    assert done.returncode == 1
    assert (
        f"error: {model.base_url} does not accept the key (401)\nhint: Set OPENAI_API_KEY to a valid one."
        in done.stderr
    )
    assert "Traceback" in akatsuki("--verbose", "design", "wasm", PROMPT, "--generator", "openai").stderr


def test_doctor_without_a_model() -> None:
    found = language_model()
    assert (found["state"], found["detail"]) == ("warn", "no key is set; the default generator is offline")
    assert found["hint"] == "Optional: set OPENAI_API_KEY for prompts that the offline catalogue cannot serve."
    wanted = language_model(AKATSUKI_GENERATOR="openai")
    assert wanted["state"] == "fail"
    assert wanted["detail"] == (
        "there is no language model: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set; the default generator is openai"
    )


def test_doctor_with_a_model() -> None:
    found = language_model(OPENAI_API_KEY=KEY)
    assert (found["state"], found["detail"], found["hint"]) == (
        "ok",
        "OPENAI_API_KEY is set; gpt-5.4-mini at https://api.openai.com/v1, not asked now; "
        "the default generator is openai",
        "",
    )
    local = language_model(OPENAI_BASE_URL="http://me:secret@localhost:11434/v1", AKATSUKI_MODEL="qwen3-coder")
    assert local["detail"] == (
        "no key is set; qwen3-coder at http://localhost:11434/v1, not asked now; the default generator is openai"
    )
    wrong = language_model(OPENAI_BASE_URL="localhost")
    assert (wrong["state"], wrong["hint"]) == ("fail", "Mend or unset it.")
