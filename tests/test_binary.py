"""The reader of wasm binaries: outlines of real modules, and one clear error for anything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import wat2wasm

from akatsuki_wasm import binary
from akatsuki_wasm.errors import InvalidModuleError

MODULE = bytes(
    wat2wasm(
        """(module
          (import "env" "log" (func (param i32)))
          (memory (export "memory") 2 10)
          (func (export "add") (param $left i32) (param $right i64) (result f64) unreachable)
          (global (export "g") i32 (i32.const 1)))"""
    )
)


def test_outline_of_a_module() -> None:
    outline = binary.read(MODULE)
    assert list(map(str, outline.imports)) == ["func env.log"]
    assert outline.memories == (binary.MemoryLimits(2, 10),)
    assert outline.function_exports() == {"add": binary.FunctionType(("i32", "i64"), ("f64",))}
    assert [(each.name, each.kind, each.index) for each in outline.exports] == [
        ("memory", "memory", 0),
        ("add", "func", 1),
        ("g", "global", 0),
    ]
    assert outline.local_names() == {1: {0: "left", 1: "right"}}


@pytest.mark.parametrize(
    ("wasm", "message"),
    [
        (b"", "not a wasm module: the file is empty"),
        (b"hello world", "not a wasm module: it begins with 68 65 6c 6c, expected 00 61 73 6d"),
        (b"\0asm", "not a wasm module: the version is missing, expected 01000000"),
        (b"\0asm\2\0\0\0", "not a wasm module: the version is 02000000, expected 01000000"),
        (b"\0asm\x0d\0\1\0", "this is a WebAssembly component, and a core module is expected"),
        (b"  (module)", "this is WebAssembly text, and the binary format is expected"),
        (MODULE[:20], "not a valid wasm module: the file is cut off: its type section announces 11 bytes, 10 are left"),
        (b"\0asm\1\0\0\0\x63\0", "not a valid wasm module: the file has a section of the unknown kind 99 at byte 9"),
        (
            b"\0asm\1\0\0\0\1\5\xff\xff\xff\xff\x0f",
            "not a valid wasm module: the type section has 4294967295 items where at most 1000000 are allowed",
        ),
        (
            b"\0asm\1\0\0\0\1\5\xff\xff\xff\xff\xff",
            "not a valid wasm module: the type section has a number that is too long at byte 15",
        ),
    ],
)
def test_what_is_no_module(wasm: bytes, message: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        binary.read(wasm)
    assert str(caught.value).startswith(message)


def test_imports_are_named() -> None:
    with pytest.raises(InvalidModuleError) as caught:
        binary.refuse_imports(binary.read(MODULE))
    assert str(caught.value) == "the module imports what is not provided: func env.log"
    assert binary.imports(MODULE) == (binary.Import("env", "log", "func"),)


def test_exports_are_renamed() -> None:
    renamed = binary.rename_exports(MODULE, lambda name: f"{name}-more" * 40)
    assert [each.name for each in binary.read(renamed).exports] == [
        f"{name}-more" * 40 for name in ("memory", "add", "g")
    ]
    assert binary.rename_exports(renamed, lambda name: name[: len(name) // 40].removesuffix("-more")) == MODULE
    with pytest.raises(InvalidModuleError, match=r"^two exports would have the same name$"):
        binary.rename_exports(MODULE, lambda name: "same")


@given(st.integers(0, 2**32 - 1))
def test_leb128_is_read_back(value: int) -> None:
    encoded = binary.leb128(value)
    assert binary.Reader(encoded, 0, len(encoded), "it").unsigned() == value


@given(st.data())
def test_damaged_modules_give_an_outline_or_one_error(data: st.DataObject) -> None:
    damaged = bytearray(MODULE)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(MODULE) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(MODULE)))
    for wasm in (bytes(damaged), MODULE[:length], b"\0asm\1\0\0\0" + data.draw(st.binary(max_size=80))):
        with contextlib.suppress(InvalidModuleError):  # any other error fails the test
            outline = binary.read(wasm)
            outline.function_exports()
            outline.local_names()
