"""Executions that nobody waits for, and one function over many images."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import wasmtime
from PIL import Image

import akatsuki_wasm as ak
from akatsuki_wasm.errors import ArgumentError, ExecutionCancelled, ExecutionTimeout, FuelLimitError, GuestTrap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.module import Module

PLAIN = """(module
  (func (export "add") (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b)))
  (func (export "spin") (param $n i32) (loop $on (br $on))))"""
FILTERS = """\
/// Turns a picture into its negative.
pub fn invert(image: Image) -> Image {
    image.map_rgb(|_, _, [r, g, b]| [255.0 - r, 255.0 - g, 255.0 - b])
}

/// Adds to every channel; a picture of one pixel is refused.
/// * `by`: 0.0..=255.0, default 26. How much.
pub fn lighten(image: Image, by: f32) -> Image {
    assert!(image.width > 1, "too small");
    image.map_rgb(|_, _, [r, g, b]| [r + by, g + by, b + by])
}

/// How many pixels there are.
pub fn area(width: u32, height: u32) -> u32 { width * height }
"""


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Module]:
    with ak.open(data_dir=tmp_path / "data") as workspace:
        yield workspace.deploy(bytes(wasmtime.wat2wasm(PLAIN)), name="plain")


@pytest.fixture(scope="module")
def filters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Module]:
    with ak.open(data_dir=tmp_path_factory.mktemp("data")) as workspace:
        yield workspace.deploy(workspace.build(FILTERS), name="filters")


def pictures(count: int) -> list[np.ndarray[Any, Any]]:
    return [np.full((4, 3, 4), index, np.uint8) for index in range(count)]


def test_it_goes_on_while_the_caller_does_something_else(plain: Module) -> None:
    execution = plain.start("add", 40, b=2)
    assert execution.value(timeout=30) == 42
    assert execution.done()
    assert execution.result().execution_time_ms > 0
    assert repr(execution) == "<Execution of plain.add: done>"
    assert plain.add.start(1, 2).value() == 3


def test_cancel(plain: Module) -> None:
    execution = plain.start("spin", 1, timeout_ms=30_000)
    with pytest.raises(TimeoutError, match=r"^plain.spin is still under way after 0.2 s$"):
        execution.result(timeout=0.2)
    assert repr(execution) == "<Execution of plain.spin: under way>"
    execution.cancel()
    with pytest.raises(ExecutionCancelled, match=r"^spin was cancelled$"):
        execution.result(timeout=10)
    assert repr(execution) == "<Execution of plain.spin: failed>"
    execution.cancel()  # a second time changes nothing
    assert plain.add(1, 2) == 3
    assert [row.status for row in plain._workspace.history()] == ["success", "error"]


def test_errors_are_those_of_a_call(plain: Module) -> None:
    with pytest.raises(ArgumentError):
        plain.start("add", "one", 2).value()
    with pytest.raises(ExecutionTimeout):
        plain.start("spin", 1, timeout_ms=100).value()


def test_an_interrupted_execution_is_in_the_history(plain: Module) -> None:
    import os
    import signal

    plain.add(1, 2)  # compiled by now
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        plain.call("spin", 1, timeout_ms=30_000)
    row = plain._workspace.history()[0]
    assert (row.status, row.error_message) == ("error", "interrupted")


def test_results_of_many_come_in_order(filters: Module) -> None:
    given = pictures(40)
    for threads in (1, 2, 5):
        found = list(filters.map(given, function="invert", threads=threads))
        assert [int(each[0, 0, 0]) for each in found] == [255 - index for index in range(40)]
    assert filters.invert.map(given[:1]).__next__().shape == (4, 3, 4)


def test_parameters_go_to_every_one(filters: Module) -> None:
    (first, second) = filters.lighten.map(pictures(2), by=128.0)
    assert (first[0, 0, 0], second[0, 0, 0]) == (128, 129)
    (first,) = filters.lighten.map(pictures(1), 255.0)
    assert first[0, 0, 0] == 255


def test_paths_and_pictures(filters: Module, tmp_path: Path) -> None:
    places = []
    for index in range(3):
        places.append(tmp_path / f"{index}.png")
        Image.new("RGB", (5, 4), (index, 0, 0)).save(places[-1])
    found = list(filters.invert.map([places[0], str(places[1]), Image.open(places[2])]))
    assert [each.getpixel((0, 0)) for each in found] == [(255 - index, 255, 255) for index in range(3)]


def test_values_are_taken_a_few_at_a_time(filters: Module) -> None:
    taken = 0

    def many() -> Iterator[np.ndarray[Any, Any]]:
        nonlocal taken
        for picture in pictures(100):
            taken += 1
            yield picture

    results = filters.invert.map(many(), threads=2)
    assert taken == 0
    for given in range(1, 11):
        next(results)
        assert taken <= given + 3
    results.close()  # type: ignore[attr-defined]
    assert taken <= 13


def test_one_that_fails_ends_the_rest(filters: Module) -> None:
    given = [*pictures(5), np.zeros((1, 1, 4), np.uint8), *pictures(50)]
    results = filters.lighten.map(given, threads=2)
    assert [int(next(results)[0, 0, 0]) for _ in range(5)] == [26, 27, 28, 29, 30]
    with pytest.raises(GuestTrap, match="too small"):
        next(results)
    assert list(results) == []
    deadline = time.monotonic() + 10
    while any(each.name.startswith("akatsuki-map") for each in threading.enumerate()):
        assert time.monotonic() < deadline, "its threads are still there"
        time.sleep(0.01)


def test_which_function_is_meant(plain: Module, filters: Module) -> None:
    with pytest.raises(ArgumentError, match=r"^filters has 2 functions of an image: which one is meant\?$") as caught:
        filters.map(pictures(1))
    assert caught.value.hint == "Name it: map(…, function='invert')."
    assert list(plain.map([1, 2, 3], 10, function="add")) == [11, 12, 13]
    with pytest.raises(ArgumentError, match=r"^threads is 0: expected 1 or more$"):
        plain.map([1], function="add", threads=0)


def test_a_fuel_setting_holds_for_every_execution(tmp_path: Path) -> None:
    with ak.open(data_dir=tmp_path / "data", fuel=10_000) as workspace:
        module = workspace.deploy(bytes(wasmtime.wat2wasm(PLAIN)), name="plain")
        assert module.execute("add", 1, 2).fuel_used == module.execute("add", 3, 4).fuel_used
        with pytest.raises(FuelLimitError, match=r"^spin used up its fuel of 10,000$"):
            module.spin(1)
