"""Components and WASI commands on the command line: deployed, shown, run, refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wasmtime

sys.path.append(str(Path(__file__).parents[1] / "sandbox"))

from component_guests import component

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Outcome

SHAPES = component(
    """(func (export "grow") (param i32 f64) (result i32)
         (i32.store8 (i32.const 16) (local.get 0)) (f64.store (i32.const 24) (local.get 1)) (i32.const 16))
       (func (export "paint") (param i32) (result i32) (i32.rem_u (i32.add (local.get 0) (i32.const 1)) (i32.const 2)))
       (func (export "flip") (param i32) (result i32) (i32.xor (local.get 0) (i32.const 3)))
       (func (export "half") (param i32) (result i32)
         (i32.store8 (i32.const 16) (i32.and (local.get 0) (i32.const 1)))
         (i32.store (i32.const 20) (i32.div_u (local.get 0) (i32.const 2))) (i32.const 16))
       (func (export "twice") (param f64) (result f64) (f64.add (local.get 0) (local.get 0)))""",
    'grow (param "s" $shape) (result $shape)',
    'paint (param "color" $color) (result $color)',
    'flip (param "perms" $perms) (result $perms)',
    'half (param "n" u32) (result (result u32 (error u32)))',
    'twice (param "x" f64) (result f64)',
    types="""
  (type $shape' (variant (case "empty") (case "circle" f64))) (export $shape "shape" (type $shape'))
  (type $color' (enum "red" "dark-green")) (export $color "color" (type $color'))
  (type $perms' (flags "read" "write")) (export $perms "perms" (type $perms'))""",
)
UPPER = wasmtime.wat2wasm(
    """(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 4096) "usage: upper")
  (func (export "_start") (local $i i32)
    (drop (call $sizes (i32.const 64) (i32.const 68)))
    (if (i32.gt_u (i32.load (i32.const 64)) (i32.const 1)) (then
      (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 12))
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $exit (i32.const 2))))
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 2048))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (loop $next
      (if (i32.lt_u (local.get $i) (i32.load (i32.const 8))) (then
        (if (i32.gt_u (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.const 96)) (then
          (i32.store8 (i32.add (i32.const 1024) (local.get $i))
            (i32.sub (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.const 32)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
)


@pytest.fixture
def shapes(akatsuki: Callable[..., Outcome], tmp_path: Path) -> str:
    """A component, deployed."""
    (tmp_path / "shapes.wasm").write_bytes(SHAPES)
    assert akatsuki("deploy", "shapes.wasm").code == 0
    return "shapes"


@pytest.fixture
def upper(akatsuki: Callable[..., Outcome], tmp_path: Path) -> str:
    """A command, deployed."""
    (tmp_path / "upper.wasm").write_bytes(UPPER)
    assert akatsuki("deploy", "upper.wasm").code == 0
    return "upper"


def test_a_component_is_shown_with_its_types(akatsuki: Callable[..., Outcome], shapes: str) -> None:
    shown = akatsuki("modules", "show", shapes)
    assert "  grow: func(s: shape) -> shape\n      s: One of empty, circle(f64).\n" in shown.out
    assert "  flip: func(perms: perms) -> perms\n      perms: Any of read, write.\n" in shown.out
    listed = akatsuki("modules", "show", shapes, "--json").json
    assert [each["signature"] for each in listed["functions"]][1] == "paint: func(color: color) -> color"


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("grow", '{"circle": 2.5}'), '{"circle": 2.5}\n'),
        (("grow", "empty"), "empty\n"),
        (("paint", "red"), "dark_green\n"),
        (("paint", "dark-green"), "red\n"),
        (("flip", "read"), '["write"]\n'),
        (("flip", '["read", "write"]'), "[]\n"),
        (("flip", ""), '["read", "write"]\n'),
        (("half", "8"), "4\n"),
        (("twice", "--x", "1.5"), "3.0\n"),
    ],
)
def test_a_component_s_functions_are_run(
    akatsuki: Callable[..., Outcome], shapes: str, words: tuple[str, ...], out: str
) -> None:
    done = akatsuki("run", shapes, *words)
    assert (done.code, done.out, done.err) == (0, out, "")


def test_a_component_s_answer_as_json_and_its_history(akatsuki: Callable[..., Outcome], shapes: str) -> None:
    assert akatsuki("run", shapes, "grow", '{"circle": 2.5}', "--json").json["result"] == {"circle": 2.5}
    (row,) = akatsuki("history", shapes, "--json").json
    assert (row["function"], row["status"]) == ("grow", "success")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("grow", "round"), 1, "error: s is 'round': expected one of empty, circle (shape)\n"),
        (("grow", "circle"), 1, "error: s is 'circle': expected circle with a value, f64 (shape)\n"),
        (("grow", '{"circle": "wide"}'), 1, "error: s is 'wide': expected one of empty, circle(f64)\n"),
        (("paint", "blue"), 1, "error: color is 'blue': expected one of red, dark_green (color)\n"),
        (("flip", "read,fly"), 1, "error: perms is 'fly': expected one of read, write (perms)\n"),
        (("half", "7"), 3, "error: half answered with an error: 3\n"),
    ],
)
def test_what_a_component_refuses(
    akatsuki: Callable[..., Outcome], shapes: str, words: tuple[str, ...], code: int, message: str
) -> None:
    done = akatsuki("run", shapes, *words)
    assert done.code == code
    assert done.err.startswith(message)


def test_a_component_is_not_applied_to_a_table(akatsuki: Callable[..., Outcome], shapes: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n2\n")
    done = akatsuki("run", shapes, "twice", "--csv", "t.csv")
    assert done.code == 1
    assert done.err.startswith("error: twice is a component's function: it cannot be applied to columns\n")


def test_help_names_the_choices(akatsuki: Callable[..., Outcome], shapes: str, upper: str) -> None:
    assert "--color NAME  [one of red, dark_green, required]" in akatsuki("run", shapes, "paint", "--help").out
    assert "--stdin TEXT|@FILE|-  Standard input." in akatsuki("run", upper, "--help").out


def test_a_command_is_run(akatsuki: Callable[..., Outcome], upper: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"from a file")
    done = akatsuki("run", upper, "run", "--stdin", "hello")
    assert done.err == ""
    assert (done.code, done.out) == (0, "HELLO")
    assert akatsuki("run", upper, "--stdin", "@in.txt").out == "FROM A FILE"
    assert akatsuki("run", upper, "run", "--args", "[]", "--stdin", "hello", "-o", "out.txt").out == ""
    assert (tmp_path / "out.txt").read_bytes() == b"HELLO"
    assert akatsuki("run", upper, "--stdin", "é", "--json").json["result"] == {"base64": "o4k="}
    assert akatsuki("run", upper, "--stdin", "a", "--json").json["result"] == "A"


def test_a_command_that_fails(akatsuki: Callable[..., Outcome], upper: str) -> None:
    done = akatsuki("run", upper, "run", "--args", '["a"]')
    assert (done.code, done.err.splitlines()[0]) == (3, "error: upper exited with code 2: usage: upper")
    missing = akatsuki("run", upper, "--stdin", "@nowhere")
    assert (missing.code, missing.err.splitlines()[0]) == (
        1,
        "error: stdin is @nowhere, which cannot be read: no such file or directory",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x7fELF\2\1\1", "this is an ELF program or library, not a wasm module"),
        (b"\x1f\x8b\x08\0", "this is a gzip file, not a wasm module"),
        (b"(component)", "this is WebAssembly text, and the binary format is expected"),
        (
            bytes(
                wasmtime.wat2wasm('(component (import "wasi:filesystem/types@0.2.0" (instance (export "f" (func)))))')
            ),
            "this is a WASI preview 2 component that imports wasi:filesystem/types@0.2.0: nothing is provided to a "
            "component",
        ),
        (
            bytes(wasmtime.wat2wasm('(module (import "env" "__linear_memory" (memory 0)) (@custom "linking" "\\02"))')),
            "this is a wasm object file, which a linker has not finished",
        ),
    ],
)
def test_a_binary_that_nobody_executes(
    akatsuki: Callable[..., Outcome], tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "what.wasm").write_bytes(content)
    done = akatsuki("deploy", "what.wasm")
    assert done.code == 1
    assert done.err.splitlines()[0] == f"error: {message}; no plugin executes it (asked: component, wasi, wasmtime)"


def test_a_kind_whose_plugin_is_blocked(akatsuki: Callable[..., Outcome], shapes: str, upper: str) -> None:
    for module, words in ((shapes, "a WebAssembly component"), (upper, "a WASI preview 1 command")):
        name = "component" if module == shapes else "wasi"
        others = ", ".join(sorted({"component", "wasi", "wasmtime"} - {name}))
        function = ("twice", "1") if module == shapes else ("run",)
        done = akatsuki("--block", name, "run", module, *function)
        assert done.code == 1
        assert done.err.splitlines()[0] == (f"error: {module} is {words}, and no plugin executes it (asked: {others})")
