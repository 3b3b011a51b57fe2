"""The page of the hostile suite says what the built-in executor answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from akatsuki_wasm.testing import hostile
from akatsuki_wasm.testing.hostile_page import BEGIN, END, rows, with_rows

from .conftest import answers

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hostile-suite.md"
COMMAND = "python -m akatsuki_wasm.testing.hostile --page docs/reference/hostile-suite.md"


@pytest.mark.parametrize(
    "group",
    [
        # What a compiler manages within its limits depends on the machine.
        pytest.param(group, marks=pytest.mark.xdist_group(f"hostile-{group}"))
        for group in hostile.GROUPS
        if group != "bombs"
    ],
)
def test_the_page_has_the_answers(group: str) -> None:
    facts, _, _ = answers("--group", group)
    assert rows(facts.values()) in PAGE.read_text("utf-8"), f"write it anew: {COMMAND}"


def test_the_page_has_every_case_once() -> None:
    table = PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    named = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")]
    assert [name for name in named if name not in ("case", "---")] == [case.name for case in hostile.cases()]


def test_what_is_outside_the_marks_is_kept() -> None:
    assert with_rows(f"a\n{BEGIN}old\n{END}b\n", "new") == f"a\n{BEGIN}\nnew\n{END}b\n"
