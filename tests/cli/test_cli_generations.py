"""`akatsuki generations`: the list, the timeline of one, exactly what was asked and answered, and the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Outcome

PLUGIN = '''
import akatsuki_wasm as ak
from akatsuki_wasm.contracts import Exchange, GuestSource, Message

GOOD = """/// Twice the number.
pub fn twice(number: f64) -> f64 {
    number * 2.0
}
"""
ASKED = (Message("system", "You write plain Rust.\\n"), Message("user", "<b>twice</b> \\x1b[2J"))


@ak.hookimpl
def akatsuki_generate(request, feedback):
    """Writes an integer where a float belongs, and mends it when it is told."""
    if request.generator != "played":
        return None
    rust, asked = GOOD.replace("2.0", "2i64"), ASKED
    if feedback is not None:
        rust, asked = GOOD, (*ASKED, Message("assistant", rust), Message("user", f"Mend: {feedback.message}"))
    exchange = Exchange(asked, f"Sure.\\n{rust}", "played-1", "chat", {"temperature": 0.5}, "", 1200, 80, 0.5)
    return GuestSource(rust, "twice", "Twice the number.", "played", exchange=exchange)
'''


@pytest.fixture
def played(akatsuki: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a design that took two attempts."""
    (tmp_path / "played.py").write_text(PLUGIN)
    monkeypatch.setenv("AKATSUKI_PRICES", '{"played": [1.0, 10.0]}')
    done = akatsuki("--plugin", tmp_path / "played.py", "design", "wasm", "twice a number", "--generator", "played")
    assert done.code == 0, done.err
    (row,) = akatsuki("generations", "list", "--json").json
    return str(row["id"])


def test_an_empty_registry_says_so(akatsuki: Callable[..., Outcome]) -> None:
    for words, text in (
        (["list"], "Nothing was designed yet.\n"),
        (["list", "--status", "error"], "No design has the status error.\n"),
        (["search", "vintage"], "No design has 'vintage' in it.\n"),
    ):
        done = akatsuki("generations", *words)
        assert (done.code, done.out, done.err) == (0, "", text)
    assert akatsuki("generations", "list", "--json").json == []


def test_a_failed_design_is_listed(akatsuki: Callable[..., Outcome]) -> None:
    assert akatsuki("design", "wasm", "play the trumpet").code == 1
    header, row = akatsuki("generations", "list").out.splitlines()
    assert header == "WHEN\tID\tPROMPT\tMODULE\tMODEL\tATTEMPTS\tTOKENS\tPRICE\tSECONDS\tSTATUS"
    _, id_, prompt, module, model, *_, status = row.split("\t")
    assert (prompt, module, model, status) == ("play the trumpet", "", "offline", "error")
    assert akatsuki("generations", "list", "--status", "success").err == "No design has the status success.\n"
    shown = akatsuki("generations", "show", id_).out
    assert "failed   " in shown.splitlines()[-1]
    for words in (["--reply"], ["--messages"]):
        refused = akatsuki("generations", "show", id_, *words)
        assert refused.code == 1
        assert refused.out == ""


@pytest.mark.toolchain
def test_the_list_has_what_it_made_and_took(akatsuki: Callable[..., Outcome], played: str) -> None:
    (row,) = [line.split("\t") for line in akatsuki("generations", "list").out.splitlines()[1:]]
    assert row[1:8] == [played[:8], "twice a number", "twice@1.0.0", "played-1", "2", "2,560", "0.004"]
    assert row[9] == "success"
    (found,) = akatsuki("generations", "list", "--json").json
    module = akatsuki("modules", "show", "twice", "--json").json
    assert found["module"] == {"id": module["id"], "name": "twice", "version": "1.0.0"}
    assert module["provenance"]["generation"] == found["id"] == played
    assert (found["tokensIn"], found["tokensOut"], found["price"], found["replayed"]) == (
        2400,
        160,
        pytest.approx(0.004),
        False,
    )


@pytest.mark.toolchain
def test_one_design_is_shown_as_a_timeline(akatsuki: Callable[..., Outcome], played: str) -> None:
    done = akatsuki("generations", "show", played[:8])
    lines = done.out.splitlines()
    assert lines[0].startswith(played)
    assert lines[1] == "twice a number"
    assert lines[2].startswith("played · played-1 · twice@1.0.0 · 2 attempts · 2,400 + 160 tokens · ")
    for text in (
        "    asked    twice a number",
        "    problem  error[E0277]: cannot multiply `f64` by `i64`",
        "             -    number * 2i64",
        "             +    number * 2.0",
    ):
        assert text in lines
    assert lines[-1].startswith("    checked  ")
    only = akatsuki("generations", "show", played[:8], "--attempt", 1).out
    assert "build failed" in only
    assert "checked" not in only


@pytest.mark.toolchain
def test_what_was_asked_and_answered_is_printed_exactly(akatsuki: Callable[..., Outcome], played: str) -> None:
    show = ("generations", "show", played)
    assert akatsuki(*show, "--attempt", 1, "--messages").out == (
        "[system]\nYou write plain Rust.\n\n[user]\n<b>twice</b> \x1b[2J\n"
    )
    last = akatsuki(*show, "--messages", "--json").json
    assert [each["role"] for each in last] == ["system", "user", "assistant", "user"]
    assert last[3]["content"].startswith("Mend: line 3: cannot multiply `f64` by `i64`")
    source = "/// Twice the number.\npub fn twice(number: f64) -> f64 {\n    number * 2.0\n}\n"
    assert akatsuki(*show, "--source").out == source
    assert akatsuki(*show, "--reply").out == f"Sure.\n{source}"
    assert akatsuki(*show, "--attempt", 1, "--source").out == source.replace("2.0", "2i64")
    document = akatsuki(*show, "--json").json
    first, second = document["attempts"]
    assert (first["failedStage"], second["failedStage"]) == ("build", None)
    assert second["messages"] == last
    assert (second["parameters"], second["api"], second["tokensIn"]) == ({"temperature": 0.5}, "chat", 1200)
    assert first["diagnostics"][0]["line"] == 3
    assert [each["number"] for each in akatsuki(*show, "--attempt", 2, "--json").json["attempts"]] == [2]


@pytest.mark.toolchain
def test_a_design_is_found_by_what_was_answered(akatsuki: Callable[..., Outcome], played: str) -> None:
    for text in ("TWICE A", "sure.", "number * 2i64", "cannot multiply"):
        assert [row["id"] for row in akatsuki("generations", "search", text, "--json").json] == [played], text
    assert akatsuki("generations", "search", "plain Rust").err == "No design has 'plain Rust' in it.\n"


@pytest.mark.toolchain
def test_what_is_not_there_is_one_line(akatsuki: Callable[..., Outcome], played: str) -> None:
    for words, text in (
        (["ffff"], "there is no generation with the id ffff"),
        (["no"], "'no' is not the id of a generation: expected 4 of its hex digits or more"),
        ([played, "--attempt", 3], f"the generation {played[:8]} has no attempt 3"),
    ):
        done = akatsuki("generations", "show", *words)
        assert done.code == 1
        assert done.err.splitlines()[0].endswith(text)
        assert done.out == ""
    assert akatsuki("--as", "eve", "generations", "show", played).code == 1
    assert akatsuki("--as", "eve", "generations", "list").err == "Nothing was designed yet.\n"


@pytest.mark.toolchain
def test_an_offline_design_asked_no_language_model(akatsuki: Callable[..., Outcome]) -> None:
    prompt = "a function margin(price, cost) = (price - cost) / price"
    assert akatsuki("design", "wasm", prompt, "--name", "pricing").code == 0
    (row,) = akatsuki("generations", "list", "--json").json
    assert (row["model"], row["tokensIn"], row["price"], row["attemptCount"]) == (None, None, None, 1)
    done = akatsuki("generations", "show", row["id"], "--messages")
    assert done.code == 1
    assert done.err.splitlines()[0].endswith("attempt 1 asked no language model")
    assert "pub fn margin" in akatsuki("generations", "show", row["id"], "--source").out
