"""The shipped suite: every case can be solved, and none by a module that does nothing.

The solutions of ``solutions/`` are as an author writes them, one file for each case. They are built together, as are
the trivial modules of one kind: their functions have different names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.checks import Checks, check_module
from akatsuki_wasm.contracts import Call, ExecutableModule, Manifest
from akatsuki_wasm.errors import CheckError
from akatsuki_wasm.evaluation.suite import KINDS, LEVELS, SHIPPED, Case, load_suite

from .trivial import ANSWERS, trivial_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import Artifact, BatchCall, ExecutionResult, Limits
    from akatsuki_wasm.workspace import Workspace

# One worker builds all of it.
pytestmark = [pytest.mark.toolchain, pytest.mark.slow, pytest.mark.xdist_group("standard-suite")]

SOLUTIONS = Path(__file__).with_name("solutions")
SUITE = load_suite()
NAMES = [case.name for case in SUITE.cases]


@dataclass(frozen=True)
class Built:
    """A module with the functions of many cases."""

    workspace: Workspace
    artifact: Artifact

    def check(self, case: Case, functions: set[str]) -> None:
        """Holds the functions of one case against its references, as the check stage does."""
        manifest = self.only(functions)
        module = ExecutableModule(self.artifact.digest, self.artifact.manifest, lambda: self.artifact.wasm, "all")

        def execute(call: Call | BatchCall, limits: Limits) -> ExecutionResult:
            return self.workspace.pipeline.execute(module, call, limits)

        check_module(manifest, Checks(oracle=case.oracle), execute)

    def only(self, functions: set[str]) -> Manifest:
        kept = tuple(each for each in self.artifact.manifest.functions if each.name in functions)
        return replace(self.artifact.manifest, functions=kept)


def solution(case: str) -> str:
    return (SOLUTIONS / f"{case}.rs").read_text("utf-8")


def functions_of(case: Case) -> set[str]:
    """The functions that a case's solution has."""
    words = solution(case.name).split("pub fn ")[1:]
    return {word.partition("(")[0].partition("<")[0] for word in words}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with ak.open(data_dir=tmp_path_factory.mktemp("data")) as opened:
        yield opened


@pytest.fixture(scope="module")
def solved(workspace: Workspace) -> Built:
    return Built(workspace, workspace.build("\n".join(map(solution, NAMES)), name="all-solutions"))


@pytest.fixture(scope="module")
def nothing(workspace: Workspace, solved: Built) -> dict[str, Built]:
    functions = solved.artifact.manifest.functions
    return {
        answer: Built(workspace, workspace.build(trivial_module(functions, answer), name=f"all-{answer}"))
        for answer in ANSWERS
    }


def test_the_suite_has_forty_cases_over_all_kinds_and_levels() -> None:
    assert Counter(case.kind for case in SUITE.cases) == dict.fromkeys(KINDS, 10)
    assert {(case.kind, case.level) for case in SUITE.cases} == {(kind, level) for kind in KINDS for level in LEVELS}
    assert all(case.name.startswith(f"{case.kind}_") for case in SUITE.cases)
    assert sorted(path.stem for path in (SHIPPED / "standard").iterdir() if path.suffix == ".py") == sorted(NAMES)
    assert sorted(path.stem for path in SOLUTIONS.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("case", SUITE.cases, ids=NAMES)
def test_a_case_can_be_solved(case: Case, solved: Built) -> None:
    solved.check(case, functions_of(case))


@pytest.mark.parametrize("case", SUITE.cases, ids=NAMES)
def test_a_case_is_not_met_by_a_module_that_does_nothing(case: Case, nothing: dict[str, Built]) -> None:
    for answer, built in nothing.items():
        # Without the prompt's examples: the references alone must see it, in every function.
        for function in functions_of(case):
            references = tuple(each for each in case.oracle.references if each.frame or each.name == function)
            alone = replace(case, oracle=replace(case.oracle, examples=(), references=references))
            with pytest.raises(CheckError) as caught:
                built.check(alone, {function})
            assert {each.kind for each in caught.value.failures} == {"oracle"}, (answer, function)


@pytest.mark.parametrize("case", SUITE.cases, ids=NAMES)
def test_a_prompt_names_functions_and_parameters(case: Case, solved: Built) -> None:
    """They are what the references are asked by, so a reader of the prompt alone must know them."""
    for function in solved.only(functions_of(case)).functions:
        signature = f"{function.name}({', '.join(param.name for param in function.params)})"
        assert f"`{signature}`" in case.prompt
