"""The suite's answers, each group from a process of its own: a crash fails the tests of that group and no others."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.testing.hostile_run import in_child

if TYPE_CHECKING:
    from akatsuki_wasm.testing import hostile


@cache
def answers(mode: str, group: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any], str]:
    """The facts of a group by case, the facts of its process, and how that ended where it is not well."""
    found, end = in_child([mode, group], timeout_s=900)
    process = next((facts for facts in found if "left" in facts), {})
    return {facts["case"]: facts for facts in found if "case" in facts}, process, end


def answer(mode: str, case: hostile.Case) -> dict[str, Any]:
    """The facts of one case; an assertion says why there are none."""
    facts, _, end = answers(mode, case.group)
    assert case.name in facts, f"the process that executed it is gone: {end or 'it said nothing of it'}"
    return facts[case.name]
