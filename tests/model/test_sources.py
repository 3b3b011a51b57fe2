"""The mistakes that models make: each is stopped where it should be, told to the model, and mended by edits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak

from .sources import BROKEN, GOOD, Broken
from .test_manual import Person

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.toolchain

KINDS = {"image", "column", "text", "general"}


def test_there_are_good_and_broken_sources_of_every_kind() -> None:
    assert {each.kind for each in GOOD} == {each.of.kind for each in BROKEN} == KINDS
    assert {each.stops for each in BROKEN} == {"lint", "compile", "check"}
    assert len({each.rust for each in BROKEN}) == len(BROKEN)
    # So every good one is built below, as what a broken one is mended to.
    assert {each.of for each in BROKEN} == {*GOOD}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.what)
def test_a_mistake_is_stopped_told_and_mended(broken: Broken, tmp_path: Path) -> None:
    person = Person(broken.reply, broken.mend)
    with ak.open(data_dir=tmp_path) as ws:
        module = ws.design(
            broken.of.prompt, generator="manual", bring=person, examples=broken.of.examples, deploy=False
        )
    assert (module.name, module.source) == (broken.name, broken.of.rust)
    assert len(person.asked) == 2
    asked, told = person.asked[1][2].content, person.asked[1][3].content
    assert broken.rust in asked
    stages = {
        "lint": (True, False),
        "compile": (True, True),
        "check": (False, False),
    }
    assert ("That file does not build." in told, "The compiler says of the first:" in told) == stages[broken.stops]
    first = told.partition("\n2. ")[0]
    assert broken.says in first
    assert not broken.advice or re.search(rf"^   advice: .*{re.escape(broken.advice)}", first, re.MULTILINE)
    # Of rustc's suggestions none that the contract does not allow.
    assert "further restricting type parameter" not in told
