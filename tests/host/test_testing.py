"""What `akatsuki_wasm.testing` tells plugin authors: the rules of a generator, each broken once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import GuestSource
from akatsuki_wasm.errors import PluginLoadError, SourceRejectedError
from akatsuki_wasm.testing import check_generator
from akatsuki_wasm_plugins.offline import OfflinePlugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from akatsuki_wasm.contracts import GenerationRequest
    from akatsuki_wasm.workspace import Workspace

pytest_plugins = ["akatsuki_wasm.testing.fixtures"]

RUST = "/// Doubles.\npub fn double(x: f64) -> f64 {\n    2.0 * x\n}\n"


def generator(answer: Callable[[GenerationRequest], Any]) -> object:
    """A plugin with one hook."""

    @hookimpl
    def akatsuki_generate(request: GenerationRequest) -> Any:
        return answer(request)

    return SimpleNamespace(akatsuki_generate=akatsuki_generate)


def source(**changes: Any) -> GuestSource:
    return GuestSource(**{"rust": RUST, "name": "double", "description": "Doubles.", "generator": "mine", **changes})


def mine(**changes: Any) -> object:
    return generator(lambda request: source(**changes) if request.generator in (None, "mine") else None)


def test_a_good_generator_passes_and_its_answer_is_returned() -> None:
    assert check_generator(mine(), prompt="double a number", name="mine") == source()


def test_the_offline_generator_passes() -> None:
    answer = check_generator(OfflinePlugin, prompt="ビンテージ風フィルターを作って", name="offline")
    assert answer.generator == "offline"


@pytest.mark.parametrize(
    ("plugin", "text"),
    [
        (generator(lambda request: None), "it answers 'double a number' with None, expected a GuestSource"),
        (
            generator(lambda request: source()),
            "it answers 'double a number' for the generator 'someone-else', expected None",
        ),
        (
            mine(name="Double It"),
            "it suggests the name 'Double It', expected lower-case letters, digits and hyphens",
        ),
        (mine(generator="other"), "its answer is signed 'other', expected 'mine'"),
        (mine(description="a\nb"), r"its description is 'a\nb', expected one line"),
    ],
    ids=["passes", "greedy", "name", "signature", "description"],
)
def test_a_broken_rule_is_named(plugin: object, text: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_generator(plugin, prompt="double a number", name="mine")
    assert str(caught.value) == text


def test_a_source_outside_the_contract_is_rejected() -> None:
    with pytest.raises(SourceRejectedError):
        check_generator(mine(rust="pub fn f() { unsafe {} }"), prompt="double a number", name="mine")


def test_a_misspelt_hook_is_named() -> None:
    @hookimpl
    def akatsuki_genrate() -> None: ...

    with pytest.raises(PluginLoadError, match=r"unknown hook 'akatsuki_genrate'$"):
        check_generator(SimpleNamespace(akatsuki_genrate=akatsuki_genrate), prompt="x", name="mine")


@pytest.mark.toolchain
def test_the_workspace_fixture_designs_in_a_home_of_its_own(
    akatsuki_workspace: Callable[..., Workspace], akatsuki_home: Path
) -> None:
    workspace = akatsuki_workspace(mine())
    assert workspace.settings.data_dir == akatsuki_home / "data"
    module = workspace.design("double a number", generator="mine")
    assert module.double(21) == 42.0
    assert [each.name for each in workspace.list_modules()] == ["double"]
