"""Every hostile case against the built-in executor, through its hook."""

from __future__ import annotations

import pytest

from akatsuki_wasm.testing import hostile
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin

from .conftest import answer, answers

QUICK_GROUPS = tuple(group for group in hostile.GROUPS if group != "bombs")


def marked(case: hostile.Case) -> object:
    marks = [pytest.mark.xdist_group(f"hostile-{case.group}"), *([pytest.mark.slow] if case.group == "bombs" else [])]
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [marked(case) for case in hostile.cases()])
def test_a_case_is_answered_right_in_time_and_followed_by_a_good_call(case: hostile.Case) -> None:
    assert answer("--group", case)["problem"] == ""


@pytest.mark.parametrize(
    "group", [pytest.param(group, marks=pytest.mark.xdist_group(f"hostile-{group}")) for group in QUICK_GROUPS]
)
def test_a_group_leaves_nothing_behind(group: str) -> None:
    facts, process, end = answers("--group", group)
    assert (len(facts), end) == (len(hostile.cases(group)), "")
    assert process["left"] == []
    # An engine that counts fuel has a clock of its own.
    assert process["threads"] == ["MainThread"] + ["akatsuki-epochs"] * (2 if group == "time" else 1)
    assert process["peak_mib"] < 800  # a list of 500 MiB is the largest result that any case asks for


@pytest.mark.slow
@pytest.mark.xdist_group("hostile-bombs")
def test_a_bomb_takes_no_memory_here() -> None:
    _, process, end = answers("--group", "bombs")
    assert (process["left"], end) == ([], "")
    assert process["peak_mib"] < 1024


def test_names_are_unique_and_every_group_has_cases() -> None:
    names = [case.name for case in hostile.cases()]
    assert len(set(names)) == len(names)
    assert {case.group for case in hostile.cases()} == set(hostile.GROUPS)


@pytest.mark.parametrize("case", hostile.cases("state", "imports"), ids=lambda case: case.name)
def test_a_plugin_is_checked_in_this_process_too(case: hostile.Case) -> None:
    """As the how-to has it: the plugin's own hook is what is given."""
    outcome = hostile.check_case(WasmtimePlugin().akatsuki_execute, case)
    assert outcome.seconds < case.longest_s
    assert (outcome.error is None) == (case.group == "state")


def test_a_wrong_answer_is_told() -> None:
    def lies(*_: object) -> None:
        raise KeyError("oops")

    (case,) = (case for case in hostile.cases("traps") if case.name == "unreachable")
    with pytest.raises(AssertionError, match=r"^unreachable: it raised KeyError: \"'oops'\", expected GuestTrap$"):
        hostile.check_case(lies, case)
    with pytest.raises(AssertionError, match=r"^unreachable: it gave 'nothing: it passed', expected GuestTrap$"):
        hostile.check_case(lambda *_: None, case)


def test_a_good_call_that_fails_afterwards_is_told() -> None:
    plugin = WasmtimePlugin()

    def once(module: object, *rest: object) -> object:
        if module is hostile.GOOD.module:
            raise RuntimeError("broken")
        return plugin.akatsuki_execute(module, *rest)  # type: ignore[arg-type]  # handed on as it came

    (case,) = (case for case in hostile.cases("traps") if case.name == "unreachable")
    with pytest.raises(AssertionError, match=r"^unreachable: the good call afterwards failed: it raised RuntimeError"):
        hostile.check_case(once, case)  # type: ignore[arg-type]
