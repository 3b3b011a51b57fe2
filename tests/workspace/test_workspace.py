"""The whole path from Python: design, build, deploy, load, call, history. Real cargo, real SQLite, real wasmtime."""

from __future__ import annotations

import inspect
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import wasmtime
from PIL import Image as PilImage

import akatsuki_wasm as ak
from akatsuki_wasm.errors import (
    ArgumentError,
    CheckError,
    ConflictError,
    ExecutionTimeout,
    FunctionNotFoundError,
    InvalidModuleError,
    NoMatchError,
    NotFoundError,
    PermissionDeniedError,
    SourceRejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.toolchain

ADD = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))'
LOOP = '(module (func (export "spin") (loop br 0)))'
IMPORTS = '(module (import "env" "read" (func)) (func (export "f")))'


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[ak.Workspace]:
    with ak.open(data_dir=tmp_path / "data") as opened:
        yield opened


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ak.Workspace]:
    """One registry with a filter, a formula and a text function, built once for all tests that only read."""
    with ak.open(data_dir=tmp_path_factory.mktemp("designed")) as opened:
        opened.design("create a vintage filter")
        opened.design("a function margin(price, cost) = (price - cost) / price", examples=["margin(20, 15) == 0.25"])
        opened.design("slug", name="texts")
        yield opened


def test_a_prompt_becomes_a_filter(designed: ak.Workspace) -> None:
    module = designed.load("vintage-filter")
    photo = PilImage.effect_noise((64, 48), 60).convert("RGB")
    picture = module.vintage(photo, strength=0.7)
    assert (picture.size, picture.mode) == ((64, 48), "RGB")
    same = np.asarray(module.vintage(photo, strength=0.0))
    assert (same == np.asarray(photo)).all()
    array = module.vintage(np.asarray(photo), strength=0.7)
    assert array.shape == (48, 64, 4)
    assert (array[..., :3] == np.asarray(picture)).all()


def test_functions_look_like_python(designed: ak.Workspace) -> None:
    function = designed.load("vintage-filter").vintage
    signature = inspect.signature(function)
    assert list(signature.parameters)[:2] == ["image", "strength"]
    assert signature.parameters["strength"].default == 0.7
    assert function.__doc__ is not None
    assert "strength: 0 leaves the picture as it is, 1 is the whole look. (a number, f32, 0 to 1, default 0.7)" in (
        function.__doc__
    )
    assert "vintage" in dir(designed.load("vintage-filter"))


def test_columns_keep_their_index_and_agree_with_single_calls(designed: ak.Workspace) -> None:
    module = designed.load("margin")
    frame = pd.DataFrame({"price": [20.0, 8.0, np.nan], "cost": [15, 10, 1]}, index=["a", "b", "c"])
    column = module.margin(frame.price, frame.cost)
    assert column.index.tolist() == ["a", "b", "c"]
    assert column.tolist()[:2] == [module.margin(20.0, 15), module.margin(8.0, 10)] == [0.25, -0.25]
    assert np.isnan(column["c"])
    assert module.margin(frame.price, 5).tolist()[0] == 0.75
    array = module.margin(np.array([20.0]), np.array([15.0]))
    assert isinstance(array, np.ndarray)
    texts = designed.load("texts").slug(pd.Series(["A b", None, "日本 C"]))
    assert texts.tolist()[0] == "a-b"
    assert texts.isna().tolist() == [False, True, False]


def test_the_row_tells_everything(designed: ak.Workspace) -> None:
    module = designed.load("margin@1.0.0")
    assert module.source is not None
    assert "pub fn margin<R: Real>(price: R, cost: R) -> R" in module.source
    assert module.provenance["prompt"] == "a function margin(price, cost) = (price - cost) / price"
    assert module.provenance["generator"] == "offline"
    assert "margin(20, 15) == 0.25" in module.provenance["checks"]["examples"]
    assert module.to_dict()["functions"][0]["signature"] == "margin: func(price: f64, cost: f64) -> f64"
    assert len(module.digest) == 64


def test_every_execution_is_in_the_history(workspace: ak.Workspace) -> None:
    module = workspace.deploy(bytes(wasmtime.wat2wasm(ADD)), name="adder")
    assert module.add(2, 3) == 5
    slow = workspace.deploy(bytes(wasmtime.wat2wasm(LOOP)), name="spinner")
    with pytest.raises(ExecutionTimeout):
        slow.call("spin", timeout_ms=100)
    with pytest.raises(ArgumentError):
        module.add("x", 3)
    newest, oldest = workspace.history()
    assert (newest.status, newest.function_name, newest.error_message is not None) == ("timeout", "spin", True)
    assert (oldest.status, oldest.function_name, oldest.input_summary) == ("success", "add", "a=2, b=3")
    assert [row.status for row in workspace.history("adder")] == ["success"]


def test_costs_come_with_the_value(workspace: ak.Workspace) -> None:
    module = workspace.deploy(bytes(wasmtime.wat2wasm(ADD)), name="adder")
    first, second = module.execute("add", 2, 3), module.execute("add", 2, 3)
    assert (first.value, second.value, second.cache_hit) == (5, 5, True)
    assert 0 <= second.execution_time_ms <= second.total_time_ms


def test_the_same_name_again_is_the_next_version(workspace: ak.Workspace) -> None:
    prompt = "a function double(x) = 2 * x"
    first, second = workspace.design(prompt), workspace.design(prompt)
    assert (first.version, second.version) == ("1.0.0", "1.1.0")
    assert first.digest == second.digest
    assert workspace.load("double").version == "1.1.0"
    assert len([path for path in (workspace.settings.data_dir / "blobs").rglob("*") if path.is_file()]) == 2


def test_a_design_without_deploying_can_be_called(workspace: ak.Workspace) -> None:
    module = workspace.design("a function double(x) = 2 * x", deploy=False)
    assert (module.id, module.version) == (None, None)
    assert module.double(4) == 8
    assert workspace.list_modules() == []
    assert repr(module) == "<Module double (not deployed): double>"


def test_another_user_may_not(workspace: ak.Workspace, tmp_path: Path) -> None:
    private = workspace.deploy(bytes(wasmtime.wat2wasm(ADD)), name="private")
    public = workspace.deploy(bytes(wasmtime.wat2wasm(ADD)), name="public", public=True)
    with ak.open(data_dir=tmp_path / "data", acting_as="bea") as other:
        assert [each.name for each in other.list_modules()] == ["public"]
        assert other.load("public").add(1, 2) == 3
        with pytest.raises(NotFoundError):
            other.load("private")
        with pytest.raises(ConflictError, match="the name 'public' is taken by another user"):
            other.design("a function double(x) = 2 * x", name="public")
        with pytest.raises(PermissionDeniedError):
            other.deploy(bytes(wasmtime.wat2wasm(ADD)), name="mine", owner_type="system")
        assert other.deploy(bytes(wasmtime.wat2wasm(ADD)), name="private").stored.owner_id != private.stored.owner_id
    assert public.stored.is_public


def test_a_disabled_module_does_not_execute(workspace: ak.Workspace) -> None:
    module = workspace.deploy(bytes(wasmtime.wat2wasm(ADD)), name="adder")
    workspace.registry.modules(workspace.user).disable(module.id)
    with pytest.raises(PermissionDeniedError, match=r"^adder@1.0.0 is disabled: only active modules execute$"):
        module.add(1, 2)


def test_a_wrong_example_stores_nothing(workspace: ak.Workspace) -> None:
    with pytest.raises(CheckError, match=r"^the example double\(2\) == 5 gave 4.0$"):
        workspace.design("a function double(x) = 2 * x", examples=["double(2) == 5"])
    assert workspace.list_modules() == []
    (generation,) = workspace.registry.generations(workspace.user).list()
    assert (generation.status, generation.prompt) == ("error", "a function double(x) = 2 * x")
    assert generation.attempts[0]["failed_stage"] == "check"


@pytest.mark.parametrize("prompt", ["", "  \n "])
def test_an_empty_prompt_is_refused(workspace: ak.Workspace, prompt: str) -> None:
    with pytest.raises(ArgumentError, match=r"^the prompt is empty$"):
        workspace.design(prompt)


def test_what_the_catalogue_cannot_do_is_said(workspace: ak.Workspace) -> None:
    with pytest.raises(NoMatchError) as caught:
        workspace.design("train a neural network on my cats")
    assert "OPENAI_API_KEY" in caught.value.hint


def test_a_rust_file_is_built_and_deployed(workspace: ak.Workspace, tmp_path: Path) -> None:
    source = tmp_path / "My Tools.rs"
    source.write_text("/// Twice as much.\npub fn twice(x: i32) -> i32 { x * 2 }\n")
    artifact = workspace.build(source)
    module = workspace.deploy(artifact, name="my-tools")
    assert module.twice(21) == 42
    with pytest.raises(SourceRejectedError):
        workspace.build("pub fn f() { unsafe { } }\n")
    with pytest.raises(NotFoundError, match="does not exist"):
        workspace.build(tmp_path / "none.rs")
    (tmp_path / "latin.rs").write_bytes(b"// \xff\n")
    with pytest.raises(SourceRejectedError, match="is not UTF-8 text"):
        workspace.build(tmp_path / "latin.rs")


@pytest.mark.parametrize("junk", [b"", b"\0asm", b"\0asm\x01\0\0\0\x07", bytes(range(256))])
def test_broken_wasm_is_refused_and_leaves_nothing(workspace: ak.Workspace, junk: bytes) -> None:
    with pytest.raises(InvalidModuleError):
        workspace.deploy(junk, name="junk")
    assert workspace.list_modules() == []


def test_imports_are_refused_by_name(workspace: ak.Workspace) -> None:
    with pytest.raises(InvalidModuleError, match=r"env.*read"):
        workspace.deploy(bytes(wasmtime.wat2wasm(IMPORTS)), name="importer")


@pytest.mark.parametrize(
    ("text", "proposal"),
    [
        ('(module (memory i64 1) (func (export "f")))', "memory64"),
        ('(module (memory 1) (memory 1) (func (export "f")))', "multi-memory"),
        ('(module (memory 1 1 shared) (func (export "f")))', "threads"),
    ],
)
def test_what_could_never_be_executed_is_not_stored(workspace: ak.Workspace, text: str, proposal: str) -> None:
    with pytest.raises(InvalidModuleError):
        workspace.deploy(bytes(wasmtime.wat2wasm(text)), name=proposal)
    assert workspace.list_modules() == []


def test_unknown_functions_name_the_close_ones(designed: ak.Workspace) -> None:
    module = designed.load("vintage-filter")
    with pytest.raises(FunctionNotFoundError) as caught:
        module.call("vintag")
    assert str(caught.value) == "vintage-filter has no function 'vintag'; did you mean 'vintage'?"
    assert caught.value.hint == "It has vintage."
    with pytest.raises(AttributeError):
        module.vintag  # noqa: B018 - the attribute is the test
    with pytest.raises(ArgumentError, match=r"^timeout_ms is 5: expected 100 to 30000$"):
        module.call("vintage", PilImage.new("L", (1, 1)), timeout_ms=5)


def test_a_name_must_be_a_module_name(workspace: ak.Workspace) -> None:
    with pytest.raises(ArgumentError) as caught:
        workspace.design("vintage", name="My Filter!")
    assert "'My Filter!' is not a module name" in str(caught.value)
    assert caught.value.hint == "Try 'my-filter'."


def test_a_plugin_object_of_a_notebook_takes_part(tmp_path: Path) -> None:
    class Doubler:
        name = "doubler"

        @ak.hookimpl
        def akatsuki_generate(self, request: object) -> object:
            from akatsuki_wasm.contracts import GuestSource

            return GuestSource("pub fn double(x: i32) -> i32 { x + x }", "double", "Doubles.", "doubler")

    with ak.open(data_dir=tmp_path, plugins=[Doubler()]) as opened:
        module = opened.design("anything at all")
        assert module.provenance["generator"] == "doubler"
        assert module.double(4) == 8


def test_errors_survive_a_process_boundary(workspace: ak.Workspace) -> None:
    with pytest.raises(NotFoundError) as caught:
        workspace.load("none")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.hint) == (NotFoundError, str(caught.value), caught.value.hint)
