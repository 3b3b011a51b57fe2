"""What works on this machine works on a server: values of every kind, columns, errors, history, sharing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image
from server.server_kit import ADA, BOB, EVE

from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
    CheckError,
    ConflictError,
    ExecutionCancelled,
    ExecutionTimeout,
    FunctionNotFoundError,
    GuestError,
    GuestTrap,
    InvalidModuleError,
    MemoryLimitError,
    NotFoundError,
    PermissionDeniedError,
    UploadError,
)

from .remote_kit import adding

if TYPE_CHECKING:
    import akatsuki_wasm as ak
    from akatsuki_wasm.module import Module

    from .remote_kit import Place


def picture(mode: str = "RGB", size: tuple[int, int] = (31, 17)) -> Image.Image:
    rng = np.random.default_rng(3)
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = rng.integers(0, 256, (size[1], size[0], bands), np.uint8)
    return Image.fromarray(pixels[..., 0] if bands == 1 else pixels)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("same_bool", True),
        ("same_u8", 255),
        ("same_u16", 65535),
        ("same_u32", 2**32 - 1),
        ("same_u64", 2**64 - 1),
        ("same_u64", 2**53 + 1),
        ("same_i8", -128),
        ("same_i16", -(2**15)),
        ("same_i32", -(2**31)),
        ("same_i64", -(2**63)),
        ("same_f32", 0.5),
        ("same_f32", float(np.float32(1e-40))),
        ("same_f64", 0.1 + 0.2),
        ("same_f64", -0.0),
        ("same_f64", 5e-324),
        ("same_f64", math.inf),
        ("same_f64", -math.inf),
        ("same_char", "日"),
        ("same_char", "\0"),
        ("same_text", ""),
        ("same_text", 'a\nb\t"\\ é 日本 🦀 \u2028 \x7f'),
        ("same_text", "x" * 300_000),
        ("next", None),
    ],
)
def test_the_same_value_comes_back(kinds: Module, function: str, value: Any) -> None:
    found = kinds.call(function, value)
    assert (type(found), repr(found)) == (type(value), repr(value))


def test_nan_stays_nan(kinds: Module) -> None:
    assert math.isnan(kinds.same_f64(math.nan))
    assert np.isnan(kinds.doubled([1.0, math.nan] * 20)).tolist() == [False, True] * 20


def test_lists_records_and_tuples(kinds: Module) -> None:
    for numbers in ([1.5, 2.5], np.linspace(0, 1, 1000), pd.Series([1, 2]), (), np.arange(40, dtype=np.int8)):
        found = kinds.doubled(numbers)
        assert (found.dtype, found.tolist()) == (np.float64, (np.asarray(numbers, np.float64) * 2).tolist())
    data = bytes(range(256)) * 3
    assert kinds.same_bytes(data).tobytes() == data
    assert kinds.same_longs([2**64 - 1, 0]).tolist() == [2**64 - 1, 0]
    assert kinds.same_longs(np.array([2**64 - 1] * 30, np.uint64)).dtype == np.uint64
    assert kinds.backwards(["a", "", "日"]) == ["日", "", "a"]
    assert kinds.next(41) == 42
    assert kinds.pair(1, -2) == (-1, "1+-2")
    moved = kinds.moved({"x": 1, "y": math.inf, "label": "p", "ids": [2**60]})
    assert (moved.x, moved.y, moved.label, moved.ids.tolist()) == (2.0, math.inf, "p", [2**60])
    assert kinds.moved(moved, by=0.5).x == 2.5


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pictures_keep_every_bit(kinds: Module, mode: str) -> None:
    given = picture(mode)
    found = kinds.same_image(given)
    assert np.array_equal(np.asarray(found.convert("RGBA")), np.asarray(given.convert("RGBA")))
    array = kinds.same_image(np.asarray(given))
    assert isinstance(array, np.ndarray)
    assert np.array_equal(array, np.asarray(given.convert("RGBA")))


def test_pictures_with_parameters_beside_them(kinds: Module) -> None:
    small, large = picture(), picture("RGBA", (64, 48))
    assert np.array_equal(np.asarray(kinds.inverted(small)), 255 - np.asarray(small))
    assert np.array_equal(np.asarray(kinds.inverted(small, strength=0.0)), np.asarray(small))
    assert kinds.larger(small, large, "").size == (64, 48)
    assert kinds.larger(large, small, "second").size == (31, 17)
    assert kinds.larger(small, large, "long" * 5_000).size == (64, 48)
    assert (kinds.pixels(), kinds.pixels(None), kinds.pixels(small)) == (0, 0, 31 * 17)
    pictures, count = kinds.twice(large)
    assert count == 2
    assert all(np.array_equal(np.asarray(each), np.asarray(large)) for each in pictures)
    assert [each.size for each in kinds.map([small, large], function="same_image", threads=2)] == [(31, 17), (64, 48)]


def test_costs_come_with_the_value(kinds: Module) -> None:
    for result in (kinds.execute("same_u8", 3), kinds.execute("same_image", picture())):
        assert result.memory_used_bytes > 0
        assert result.total_time_ms >= result.execution_time_ms > 0
    assert kinds.execute("same_u8", 3).cache_hit


# ---------------------------------------------------------------- columns


def test_columns_of_every_library(kinds: Module) -> None:
    column = kinds.per_box(pd.Series([10, 20], index=["a", "b"], dtype="Int32"), 5)
    assert (column.index.tolist(), column.tolist()) == (["a", "b"], [2, 4])
    assert kinds.per_box(np.array([10, 20]), np.array([5, 2])).tolist() == [2, 10]
    assert kinds.shout(pd.Series(["a", None, "é"])).tolist()[::2] == ["A", "É"]
    assert kinds.shout(pa.chunked_array([["a"], [None, "b"]])).to_pylist() == ["A", None, "B"]
    assert kinds.shout(pa.array(["x", "a", "b"])[1:]).to_pylist() == ["A", "B"]
    assert kinds.shout(pl.Series(["a", "b"])).to_list() == ["A", "B"]
    assert kinds.joined("L" * 5_000, pd.Series(["a", "b"])).str.len().tolist() == [5_001, 5_001]
    assert kinds.half(pd.Series([1.0, None], dtype="Float64")).tolist()[0] == 0.5
    assert kinds.is_even(np.array([1, 2], np.uint8)).dtype == np.bool_
    assert kinds.same_char(pd.Series(["a", "日"])).tolist() == ["a", "日"]
    assert kinds.same_u64(np.array([2**64 - 1], np.uint64)).tolist() == [2**64 - 1]
    assert kinds.per_box(np.array([], np.int32), 5).tolist() == []


def test_errors_of_rows_raise_or_become_nulls_or_are_collected(kinds: Module) -> None:
    items, boxes = pd.Series([10, 20, 30, None], index=list("abcd"), dtype="Int32"), pa.array([5, 0, 0, 1])
    message = r"^row 1: no box for 20 \(1 more row failed\)$"
    for fails in (kinds.per_box, kinds.per_box.batch):
        with pytest.raises(GuestError, match=message):
            fails(items, boxes)
    nulls = kinds.per_box.batch(items, boxes, on_error="null")
    assert nulls.index.tolist() == list("abcd")
    assert nulls.isna().tolist() == [False, True, True, True]
    values, errors = kinds.batch("per-box", items, boxes=boxes, on_error="collect")
    assert values.equals(nulls)
    assert errors == [(1, "no box for 20"), (2, "no box for 30")]
    with pytest.raises(GuestTrap, match="bad luck"):
        kinds.per_box(np.array([13]), 1)


def test_a_long_batch_tells_how_far_it_is(kinds: Module) -> None:
    rows = 600_000
    told: list[tuple[int, int]] = []
    items = np.arange(rows, dtype=np.int32) + 14
    boxes = np.ones(rows, np.int32)
    boxes[[5, rows - 1]] = 0
    values, errors = kinds.per_box.batch(
        items, boxes, on_error="collect", progress=lambda done, all_: told.append((done, all_))
    )
    assert values[100] == 114
    assert [each.row for each in errors] == [5, rows - 1]
    assert told[-1] == (rows, rows)
    texts = pa.array([f"text {i}" for i in range(rows)])
    assert kinds.shout(texts)[rows - 1].as_py() == f"TEXT {rows - 1}"

    def full(done: int, rows: int) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        kinds.per_box.batch(items, 3, progress=full)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("function", "args", "options", "error", "message"),
    [
        ("per_box", (1, 0), {}, GuestError, "no box for 1"),
        ("per_box", (13, 1), {}, GuestTrap, "bad luck"),
        ("forever", (0,), {"timeout_ms": 100}, ExecutionTimeout, "forever ran past its limit of 100 ms"),
        ("hungry", (2_000,), {}, MemoryLimitError, "memory"),
        ("same_u8", (256,), {}, ArgumentError, r"expected u8 \(0 to 255\), got 256 \(int\)"),
        ("same_u8", (), {}, ArgumentError, r"same_u8 needs 'x' \(a whole number, u8\)"),
        ("same_u8", (1, 2), {}, ArgumentError, "same_u8 takes 1 argument, got 2"),
        ("same_u8", ("x",), {}, ArgumentError, "x is 'x': expected a whole number, u8"),
        ("moved", ({"x": 1},), {}, ArgumentError, "point lacks the field 'y'"),
        ("inverted", (picture(), 2.0), {}, ArgumentError, "strength is 2: expected 0 to 1"),
        ("doubled", ("text",), {}, ArgumentError, "argument values of doubled: expected list<f64>, got 'text'"),
        ("doubled", ([[1.0]],), {}, ArgumentError, "expected list<f64>, 1-D"),
        ("same_bytes", ([1, 300],), {}, ArgumentError, r"argument data\[1\] of same_bytes: expected u8"),
        ("same_text", ("\ud800",), {}, ArgumentError, "lone surrogate"),
        ("same_u8", (1,), {"timeout_ms": 99}, ArgumentError, "timeout_ms is 99: expected 100 to 30000"),
        ("nothing", (), {}, FunctionNotFoundError, "kinds has no function 'nothing'"),
    ],
)
def test_errors_are_of_the_same_class(
    kinds: Module, function: str, args: tuple[Any, ...], options: dict[str, Any], error: Any, message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        kinds.call(function, *args, **options)
    assert isinstance(caught.value, AkatsukiError)
    assert caught.value.message.isprintable()
    if isinstance(caught.value, GuestTrap):
        assert caught.value.kind == "unreachable"
    if not isinstance(caught.value, GuestError):
        assert caught.value.hint


def test_an_execution_can_be_cancelled(kinds: Module) -> None:
    under_way = kinds.start("forever", 0, timeout_ms=30_000)
    assert not under_way.done()
    under_way.cancel()
    with pytest.raises(ExecutionCancelled, match=r"^forever was cancelled$"):
        under_way.result(20)
    assert kinds.start("same_u8", 7).value(20) == 7


# ---------------------------------------------------------------- modules


def test_a_name_that_is_not_there_names_the_close_ones(workspace: ak.Workspace, kinds: Module) -> None:
    with pytest.raises(NotFoundError, match="there is no module named 'kind'") as caught:
        workspace.load("kind")
    assert caught.value.hint == "Did you mean kinds?"
    assert workspace.load("kinds@1.0.0").id == kinds.id
    assert workspace.load(str(kinds.id)).digest == kinds.digest


def test_a_module_is_the_same_there_and_back(workspace: ak.Workspace, kinds: Module) -> None:
    found = workspace.load("kinds")
    assert found.stored == kinds.stored
    assert found.manifest == kinds.manifest
    assert found.source == kinds.source
    assert found.source is not None
    assert found.source.startswith("/// The same.")
    assert found.wasm == kinds.wasm
    assert [each.name for each in workspace.list_modules()] == ["kinds"]
    assert [each.name for each in workspace.list_modules("system")] == []
    assert found.generation is None


def test_versions_conflicts_and_permissions(place: Place, workspace: ak.Workspace) -> None:
    first = workspace.deploy(adding(1).wasm, name="adder")
    second = workspace.deploy(adding(2), name="adder")
    assert (first.version, second.version) == ("1.0.0", "1.1.0")
    assert second.add(40) == 42
    with pytest.raises(ConflictError, match=r"the module 'adder' has a version 1.1.0 already") as caught:
        workspace.deploy(adding(3), name="adder", version="1.1.0")
    assert "1.2.0" in caught.value.hint
    with pytest.raises(PermissionDeniedError, match="may not create system modules"):
        workspace.deploy(adding(4), name="other", owner_type="system")
    with pytest.raises(UploadError, match="is not a version"):
        workspace.deploy(adding(4), name="other", version="one")
    with pytest.raises(InvalidModuleError):
        workspace.deploy(b"\0asm\1\0\0\0" + b"\xff" * 20, name="broken")
    with place.workspace(EVE) as eves, pytest.raises(NotFoundError):
        eves.load("adder")
    workspace.delete("adder@1.0.0")
    workspace.delete(second)
    with pytest.raises(NotFoundError):
        workspace.load("adder")


def test_sharing_and_disabling(place: Place, workspace: ak.Workspace) -> None:
    mine = workspace.deploy(adding(5), name="shared")
    with place.workspace(EVE) as eves:
        changed = workspace.share("shared", [EVE.id])
        assert changed.stored is not None
        assert changed.stored.allowed_users == (EVE.id,)
        theirs = eves.load("shared")
        assert theirs.add(1) == 6
        with pytest.raises(PermissionDeniedError):
            eves.disable(theirs)
        disabled = workspace.disable(mine)
        assert disabled.stored is not None
        assert disabled.stored.status == "disabled"
        with pytest.raises(PermissionDeniedError, match="only active modules execute") as caught:
            theirs.add(1)
        assert caught.value.hint
        workspace.enable(mine)
        assert theirs.add(2) == 7
        workspace.share(mine, remove=[EVE.id])
        with pytest.raises(NotFoundError):
            eves.load("shared")
        public = workspace.share(mine, public=True)
        assert public.stored is not None
        assert public.stored.is_public
        assert eves.load("shared").add(3) == 8
    with place.workspace(ADA) as adas:
        adas.disable(mine.id or "")
        adas.delete(mine.id or "")


def test_history_says_what_was_executed(place: Place, workspace: ak.Workspace) -> None:
    module = workspace.deploy(adding(6), name="counted")
    module.add(1)
    module.add(2)
    with pytest.raises(FunctionNotFoundError):
        module.call("sub", 1)
    newest, before = workspace.history("counted")
    assert (newest.function_name, newest.status, newest.module_name, newest.module_version) == (
        "add",
        "success",
        "counted",
        "1.0.0",
    )
    assert newest.executor_id == BOB.id
    assert newest.module_id == before.module_id == module.id
    assert (before.input_summary, before.output_summary) == ("a=1", "7")
    assert [row.id for row in workspace.history(limit=1)] == [newest.id]
    with place.workspace(EVE) as eves:
        assert [row for row in eves.history() if row.module_id == module.id] == []
    workspace.delete(module)
    assert workspace.history(limit=1)[0].module_name is None


def test_a_deployed_module_is_checked_and_shown(workspace: ak.Workspace, kinds: Module) -> None:
    module = workspace.deploy(adding(7), name="checked")
    assert workspace.check("checked", ["add(1) == 8"]).summary
    with pytest.raises(CheckError, match=r"add\(1\)"):
        workspace.check(module, ["add(1) == 9"])
    assert "kinds" in repr(kinds)
    assert kinds.to_dict()["id"] == str(kinds.id)
