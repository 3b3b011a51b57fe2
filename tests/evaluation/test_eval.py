"""``akatsuki eval`` with a played language model and real builds: what is counted, kept, shown and compared."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from akatsuki_wasm.cli.root import cli

from .conftest import REFUSAL, SCRIPT, SHOUT, SPREADS, answer

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from model.conftest import PlayedModel

pytestmark = pytest.mark.toolchain


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["eval", *map(str, words)], prog_name="akatsuki")


def stored(home: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted((home / "data" / "evaluations").glob("*.json"))]


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_a_run_counts_first_tries_repairs_and_failures_by_kind(
    model: PlayedModel, mini: Path, private_home: Path, tmp_path: Path
) -> None:
    model.script(*SCRIPT)
    done = run(mini, "--generator", "openai", "--model", "tiny", "--max-repairs", "2", "--out", tmp_path / "out.csv")
    assert done.exit_code == 0, done.stderr
    summary, failures = (rows(part) for part in done.stdout.split("\n\n"))
    assert [row[:8] for row in summary] == [
        ["KIND", "LEVEL", "CASES", "FIRST", "REPAIRED", "FAILED", "TOKENS IN", "TOKENS OUT"],
        ["image", "easy", "1", "0", "0", "1", "1,200", "80"],
        ["image", "all", "1", "0", "0", "1", "1,200", "80"],
        ["column", "medium", "1", "0", "1", "0", "3,600", "240"],
        ["column", "all", "1", "0", "1", "0", "3,600", "240"],
        ["text", "easy", "1", "1", "0", "0", "1,200", "80"],
        ["text", "all", "1", "1", "0", "0", "1,200", "80"],
        ["general", "hard", "1", "0", "0", "1", "3,600", "240"],
        ["general", "all", "1", "0", "0", "1", "3,600", "240"],
        ["all", "all", "4", "1", "1", "2", "9,600", "640"],
    ]
    assert [row[:2] for row in failures] == [["FAILURE", "CASES"], ["refused", "1"], ["oracle", "1"]]
    lines = [line.split() for line in done.stderr.splitlines()]
    assert [line[0] for line in lines] == ["invert", "margin", "shout", "spread", "kept"]

    (kept,) = stored(private_home)
    assert (kept["suite"], kept["generator"], kept["model"], kept["selected"], kept["max_repairs"], kept["ended"]) == (
        *("mini", "openai", "tiny-played", 4, 2, ""),
    )
    assert [(each["name"], each["outcome"], each["failure"]) for each in kept["results"]] == [
        ("invert", "failed", "refused"),
        ("margin", "repaired", None),
        ("shout", "first", None),
        ("spread", "failed", "oracle"),
    ]
    turns = {each["name"]: [turn["failure"] for turn in each["turns"]] for each in kept["results"]}
    assert turns == {
        "invert": ["refused"],
        "margin": ["lint", "compile", None],
        "shout": [None],
        "spread": ["oracle", "oracle", "oracle"],
    }
    assert kept["results"][2]["turns"][0]["rust"] == SHOUT
    # The best attempt is told: it differs from the reference for empty lists alone.
    assert "spread([])" in kept["results"][3]["message"]

    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        table = [(row["name"], row["outcome"], row["attempts"], row["tokens_out"]) for row in csv.DictReader(file)]
    assert table == [
        ("invert", "failed", "1", "80"),
        ("margin", "repaired", "3", "240"),
        ("shout", "first", "1", "80"),
        ("spread", "failed", "3", "240"),
    ]


def test_the_model_sees_the_prompt_and_its_examples_and_no_reference(model: PlayedModel, mini: Path) -> None:
    model.script(answer("pub fn margin(price: f64, cost: f64) -> f64 { (price - cost) / price }"))
    done = run(mini, "--generator", "openai", "--only", "margin")
    assert done.exit_code == 0, done.stderr
    (request,) = model.requests()
    asked = json.dumps(request["body"], ensure_ascii=False)
    assert "Margin of a sale, as a function `margin(price, cost)`: (price - cost) / price." in asked
    assert "margin(80, 60) == 0.25" in asked
    assert "def margin" not in asked
    assert "rng.uniform" not in asked


def test_a_second_run_is_answered_from_memory_and_compares_equal(model: PlayedModel, mini: Path) -> None:
    model.script(REFUSAL, answer(SHOUT), *map(answer, SPREADS[:2]))
    words = (mini, "--generator", "openai", "--only", "[is]*", "--max-repairs", "1", "--json")
    first = json.loads(run(*words).stdout)
    assert (first["passed"], first["selected"], first["share"]) == (1, 3, 0.3333)
    assert first["failures"] == {"refused": 1, "oracle": 1}
    assert [(each["kind"], each["cases"]) for each in first["summary"]][-2:] == [("general", 1), ("all", 3)]
    model.script(REFUSAL)  # a refusal is not worth remembering
    second = json.loads(run(*words).stdout)
    assert len(model.requests()) == 1
    assert [turn["replayed"] for each in second["results"] for turn in each["turns"]] == [False, True, True, True]
    assert first["id"] != second["id"]

    listed = json.loads(run("--list", "--json").stdout)
    assert [each["id"] for each in listed] == [second["id"], first["id"]]
    assert {(each["suite"], each["run"], each["selected"], each["passed"]) for each in listed} == {("mini", 3, 3, 1)}
    compared = json.loads(run("--compare", first["id"], "last", "--json").stdout)
    assert (compared["compared"], compared["changed"], compared["only_in_one"]) == (3, [], [])
    assert {each["name"]: each["first"] for each in compared["rows"]}["passed, text"] == "1 of 1"
    shown = json.loads(run("--show", first["id"], "--json").stdout)
    assert shown == first


def test_a_case_whose_own_reference_fails_is_told_and_the_others_are_run(model: PlayedModel, mini: Path) -> None:
    text = (mini / "shout.py").read_text("utf-8").replace('+ "!"', "+ 1")
    (mini / "shout.py").write_text(text, encoding="utf-8")
    model.script(answer(SHOUT), answer(SPREADS[0]))
    done = run(mini, "--generator", "openai", "--only", "s*", "--max-repairs", "0")
    assert done.exit_code == 0
    assert [row[:2] for row in rows(done.stdout.split("\n\n")[1])[1:]] == [["oracle", "1"], ["case", "1"]]
    shout, spread = done.stderr.splitlines()[:2]
    assert "case: the reference shout raised TypeError" in shout
    assert "oracle: spread(" in spread


def test_two_models_are_compared_case_by_case(model: PlayedModel, mini: Path) -> None:
    model.script(answer(SHOUT))
    good = json.loads(run(mini, "--generator", "openai", "--model", "large", "--only", "s*t", "--json").stdout)
    assert (good["passed"], good["model"]) == (1, "large-played")
    model.script(answer(SHOUT.replace("!", "?")), answer(SPREADS[0]))
    words = (mini, "--generator", "openai", "--model", "small", "--only", "s*", "--max-repairs", "0", "--json")
    bad = json.loads(run(*words).stdout)
    assert (bad["passed"], bad["selected"]) == (0, 2)
    shown = run("--compare", "large", "small")
    assert shown.exit_code == 0
    table, changed = shown.stdout.split("\n\n")
    assert rows(table)[1:4] == [
        ["passed", "1 of 1", "0 of 1"],
        ["passed, text", "1 of 1", "0 of 1"],
        ["first try", "1", "0"],
    ]
    assert rows(changed)[1:] == [["shout", "first try", "failed"]]
    assert "not compared, because one of the two has not run them: spread" in shown.stderr


def test_a_smaller_share_than_demanded_fails(model: PlayedModel, mini: Path) -> None:
    model.script(answer(SHOUT), answer(SPREADS[0]))
    words = (mini, "--generator", "openai", "--only", "s*", "--max-repairs", "0")
    done = run(*words, "--min-pass", "0.9")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "error: 1 of 2 cases passed: expected at least 90%"
    assert run(*words, "--min-pass", "0.5").exit_code == 0


def test_what_would_fail_for_every_case_ends_the_run_at_once(
    model: PlayedModel, mini: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.script(REFUSAL, {"status": 401, "body": '{"error": {"message": "no such key"}}'})
    done = run(mini, "--generator", "openai")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2].endswith("does not accept the key (401)")
    assert len(model.requests()) == 2
    (kept,) = stored(private_home)
    assert ([each["name"] for each in kept["results"]], kept["selected"]) == (["invert"], 4)
    assert kept["ended"].endswith("does not accept the key (401)")
    assert rows(run("--list").stdout)[1][2] == "1 of 4"

    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    done = run(mini, "--generator", "openai")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no language model")
    done = run(mini, "--generator", "opnai", "--json")
    assert json.loads(done.stdout)["error"]["message"].startswith("there is no generator 'opnai'")
    assert len(stored(private_home)) == 1


def test_an_interrupted_run_keeps_what_is_done(model: PlayedModel, mini: Path, private_home: Path) -> None:
    model.script(REFUSAL, {"content": answer(SHOUT), "stall": 60})
    command = [sys.executable, "-m", "akatsuki_wasm.cli", "eval", mini, "--generator", "openai"]
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while len(model.requests()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rows(out.split("\n\n")[0])[-1][:6] == ["all", "all", "1", "0", "0", "1"]
    assert err.endswith("\ninterrupted\n")
    (kept,) = stored(private_home)
    assert (kept["ended"], [each["name"] for each in kept["results"]]) == ("interrupted", ["invert"])


def test_a_plot_is_drawn_in_the_format_of_its_name(model: PlayedModel, mini: Path, tmp_path: Path) -> None:
    model.script(answer(SHOUT))
    words = (mini, "--generator", "openai", "--only", "shout")
    assert run(*words, "--plot", tmp_path / "scores.png").exit_code == 0
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
    assert run("--show", "last", "--plot", tmp_path / "scores.svg").exit_code == 0
    drawn = (tmp_path / "scores.svg").read_text("utf-8")
    for text in ("openai gpt-5.4-mini-played on the suite mini: 1 of 1 passed", "first try", "mean seconds per case"):
        assert text in drawn


def test_a_plot_that_cannot_be_drawn_is_refused_before_the_run(
    model: PlayedModel, mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (mini, "--generator", "openai", "--plot")
    refused = run(*words, tmp_path / "scores.gif")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"error: plot is '{tmp_path / 'scores.gif'}': expected a name that ends in .png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # what an environment without it looks like to an import
    refused = run(*words, tmp_path / "scores.png")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "error: a plot needs matplotlib, which is not installed\nhint: Install it: pip install 'akatsuki-wasm[plot]'\n",
    )
    assert run(mini, "--out", tmp_path / "scores.txt").stderr.splitlines()[0].endswith("ends in .csv or .json")
    assert model.requests() == []
