"""Hostile modules the way a user meets them, and bytes that no registry may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm
from akatsuki_wasm.errors import InvalidModuleError, NotFoundError
from akatsuki_wasm.registry.validation import examine
from akatsuki_wasm.testing import hostile
from akatsuki_wasm.testing.hostile_deploy import packed
from akatsuki_wasm.testing.hostile_uploads import honest

from .conftest import answer

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = tuple(group for group in hostile.GROUPS if group != "bombs")
STORED = ("time", "memory", "stack", "state", "traps", "answers", "panics", "allocators", "batch")
"""Groups whose modules are valid, so that only their execution shows what they are."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=pytest.mark.xdist_group(f"hostile-deploy-{case.group}"))
        for case in hostile.cases(*GROUPS)
    ],
)
def test_a_case_is_refused_when_it_is_deployed_or_fails_when_it_is_called(case: hostile.Case) -> None:
    assert answer("--deploy", case)["problem"] == ""


@pytest.mark.parametrize(
    "group", [pytest.param(group, marks=pytest.mark.xdist_group(f"hostile-deploy-{group}")) for group in STORED]
)
def test_most_valid_modules_are_stored(group: str) -> None:
    stored = [answer("--deploy", case)["stored"] for case in hostile.cases(group)]
    assert sum(stored) > len(stored) / 2


def test_modules_that_cannot_be_executed_are_refused_when_they_are_deployed() -> None:
    for group in ("proposals", "imports"):
        for case in hostile.cases(group):
            with pytest.raises(InvalidModuleError):
                examine(packed(case))


@pytest.mark.parametrize("upload", hostile.uploads(), ids=lambda upload: upload.name)
def test_bytes_that_no_registry_may_take(upload: hostile.Upload) -> None:
    assert hostile.refuse(examine, upload).problem == ""


def test_what_the_lies_are_made_from_is_honest() -> None:
    assert [function.signature for function in examine(honest()).manifest.functions] == ["f: func(a: f64) -> f64"]


def test_a_refused_upload_leaves_no_row_and_no_blob(tmp_path: Path) -> None:
    with akatsuki_wasm.open(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache") as workspace:
        for upload in hostile.uploads()[::10]:
            refusal = hostile.refuse(lambda wasm: workspace.deploy(wasm, name="hostile"), upload)
            assert refusal.problem == ""
        with pytest.raises(NotFoundError):
            workspace.load("hostile")
        assert workspace.registry.status().blobs == 0


def test_a_bomb_is_not_compiled_when_it_is_deployed(tmp_path: Path) -> None:
    """Only validated: what it does to a compiler is met in the child process that compiles it."""
    (bomb,) = (case for case in hostile.cases("bombs") if case.name == "bomb-nested-loops")
    with akatsuki_wasm.open(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache") as workspace:
        module = workspace.deploy(packed(bomb), name="bomb")
        with pytest.raises(InvalidModuleError, match=r"^compiling the module takes more than "):
            module.call("f")
