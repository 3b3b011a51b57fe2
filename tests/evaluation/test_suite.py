"""Suites are read whole or refused with one clear line; results are found by a part of their name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.errors import AkatsukiError, ArgumentError, GenerateError, ModelError, NotFoundError
from akatsuki_wasm.evaluation.results import FAILURES, CaseResult, Evaluation, ResultStore, Turn
from akatsuki_wasm.evaluation.running import RunOptions, run_suite
from akatsuki_wasm.evaluation.suite import load_suite

from .conftest import CASES

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.contracts import GenerationRequest, GuestSource


def test_a_folder_of_cases_is_a_suite(mini: Path) -> None:
    (mini / "_shared.py").write_text("raise RuntimeError('this is no case')\n", encoding="utf-8")
    suite = load_suite(mini)
    assert suite.name == "mini"
    assert [(case.name, case.kind, case.level) for case in suite.cases] == [
        ("invert", "image", "easy"),
        ("margin", "column", "medium"),
        ("shout", "text", "easy"),
        ("spread", "general", "hard"),
    ]
    assert suite.cases[1].prompt == "Margin of a sale, as a function `margin(price, cost)`: (price - cost) / price."
    assert [each.text for each in suite.cases[1].oracle.examples] == ["margin(80, 60) == 0.25"]


def test_a_part_of_a_suite_is_chosen_by_names_and_number(mini: Path) -> None:
    suite = load_suite(mini)
    assert [case.name for case in suite.only("s*").cases] == ["shout", "spread"]
    assert [case.name for case in suite.only(limit=2).cases] == ["invert", "shout"]
    assert [case.name for case in suite.only("*r*", 9).cases] == ["invert", "margin", "spread"]
    with pytest.raises(NotFoundError, match=r"the suite mini has no case 'shuot'; did you mean 'shout'\?"):
        suite.only("shuot")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CASES["shout"].replace("PROMPT", "TITLE"), "case.py has no PROMPT: expected a sentence"),
        (
            CASES["shout"].replace('"text"', '"word"'),
            "KIND in {} is 'word': expected one of image, column, text, general",
        ),
        (CASES["shout"].replace('"easy"', "2"), "LEVEL in {} is 2: expected one of easy, medium, hard"),
        (
            CASES["shout"].replace("`shout(text)`", "it"),
            "the PROMPT in {} does not name the function shout, which the case compares",
        ),
        ("PROMPT = 'f(1)'\nEXAMPLES = ['f(1) == 1']\n", "{} has no reference: it defines no public function"),
        (CASES["shout"] + "def (\n", "{} is not Python: line 6: invalid syntax"),
        (CASES["shout"] + "ROWS = 'many'\n", "ROWS in {} is 'many': expected a whole number of at least 1"),
    ],
)
def test_a_case_that_is_not_what_it_must_be_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "case.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArgumentError) as caught:
        load_suite(tmp_path)
    wanted = message.format(path) if "{}" in message else f"{tmp_path / message}"
    assert str(caught.value) == wanted
    assert caught.value.hint


def test_what_is_no_suite_is_said_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_suite("standart")
    assert (str(caught.value), caught.value.hint) == (
        "there is no suite 'standart'; did you mean 'standard'?",
        "Give a folder of case files, or one of: standard",
    )
    with pytest.raises(ArgumentError, match="has no cases: there is no Python file in it"):
        load_suite(tmp_path)


# ---------------------------------------------------------------- results

RESULT = CaseResult("shout", "text", "easy", "first", None, "", 1.5, (Turn(None, "", 1.5, 10, 2, False, "pub fn …"),))
WHOLE = Evaluation("", "mini", "openai", "org/Model 7b", "2026-01-31T12:00:00Z", "0.1.0", 3, 1, (RESULT,))


def test_an_evaluation_is_stored_whole_and_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    kept = store.save(WHOLE)
    assert kept.id == "20260131T120000Z-openai-org-Model-7b"
    assert store.find("Model-7b") == store.find("last") == store.find(str(store.path(kept.id))) == kept
    assert store.save(replace(kept, ended="interrupted")).id == kept.id
    assert store.find("last").ended == "interrupted"
    second = store.save(WHOLE)
    assert second.id == f"{kept.id}-2"
    assert store.find(kept.id).ended == "interrupted"
    with pytest.raises(NotFoundError, match="2 evaluations have 'openai' in their names"):
        store.find("openai")
    with pytest.raises(NotFoundError, match="there is no evaluation 'gpt'"):
        store.find("gpt")


def test_files_that_are_no_evaluations_are_told_by_name_and_left_out_of_lists(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    kept = store.save(WHOLE)
    for name, text in (("a", "{"), ("b", '{"format": 2}'), ("c", '{"format": 1, "results": []}'), ("d", "[]")):
        store.path(name).write_text(text, encoding="utf-8")
    assert list(store.all()) == [kept]
    with pytest.raises(NotFoundError, match=r"b\.json cannot be read as an evaluation: its format is 2: expected 1"):
        store.find("b")
    with pytest.raises(NotFoundError, match=r"c\.json cannot be read as an evaluation: it is not whole: 'id'"):
        store.find("c")


def test_a_stored_file_has_every_turn(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    facts = json.loads(store.path(store.save(WHOLE).id).read_text("utf-8"))
    assert facts["format"] == 1
    assert facts["results"][0]["turns"][0] == {
        "failure": None,
        "message": "",
        "seconds": 1.5,
        "tokens_in": 10,
        "tokens_out": 2,
        "replayed": False,
        "rust": "pub fn …",
    }


# ---------------------------------------------------------------- what ends a run


class Failing:
    """A generator that fails each time with the next of its errors."""

    name = "failing"

    def __init__(self, *errors: AkatsukiError) -> None:
        self.errors = list(errors)

    @ak.hookimpl
    def akatsuki_generate(self, request: GenerationRequest) -> GuestSource:
        raise self.errors.pop(0)


@pytest.mark.parametrize(
    ("errors", "failures", "ended"),
    [
        ([GenerateError(f"no idea {number}") for number in range(4)], ["generate"] * 4, ""),
        ([ModelError("busy"), ModelError("slow"), ModelError("busy"), GenerateError("no")], ["model"] * 3, ""),
        ([ModelError("busy"), ModelError("busy")], ["model"], "busy"),
        ([GenerateError("no"), ak.errors.ToolchainError("there is no Rust")], ["generate"], "there is no Rust"),
    ],
)
def test_a_failure_that_would_meet_every_case_ends_a_run(
    mini: Path, tmp_path: Path, errors: list[AkatsukiError], failures: list[str], ended: str
) -> None:
    failing = Failing(*errors)
    with ak.open(data_dir=tmp_path / "data", generator="failing", plugins=[failing]) as workspace:
        run = run_suite(workspace, load_suite(mini), RunOptions(max_repairs=0))
    assert [each.failure for each in run.evaluation.results][: len(failures)] == failures
    assert (run.evaluation.ended, str(run.error or "")) == (ended, ended)
    assert failing.errors == []
    assert {each.failure for each in run.evaluation.results} <= {*FAILURES}
