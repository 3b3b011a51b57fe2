"""Calls through hand-written guests: values both ways, names, and the whole text of each error."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Call, ExecutableModule
from akatsuki_wasm.errors import (
    ArgumentError,
    ExecuteError,
    FunctionNotFoundError,
    GuestError,
    GuestTrap,
    InvalidModuleError,
)
from akatsuki_wasm.sandbox.sandbox import Sandbox

ADD = guest(
    '(func (export "add-up") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))',
    function("add-up", "a: s32; b: s32", "s32"),
)


def scalar_identity(type_: str, core: str) -> ExecutableModule:
    return guest(
        f'(func (export "same") (param {core}) (result {core}) (local.get 0))', function("same", f"x: {type_}", type_)
    )


def test_names_in_both_spellings_and_the_cost(sandbox: Sandbox) -> None:
    assert sandbox.execute(ADD, Call("add_up", (40, 2))).value == 42
    again = sandbox.execute(ADD, Call("add-up", (-40, -2)))
    assert (again.value, again.cache_hit, again.memory_used_bytes) == (-42, True, 0)
    assert 0 < again.execution_time_ms < again.total_time_ms


@pytest.mark.parametrize(
    ("type_", "core", "values"),
    [
        *[
            (name, "i64" if name.endswith("64") else "i32", [low, high, 0, 1])
            for name, (low, high) in wit.INTEGER_RANGES.items()
        ],
        ("bool", "i32", [True, False]),
        ("char", "i32", ["a", "é", "𝄞", "\0", "\U0010ffff"]),
        ("f32", "f32", [0.5, -0.0, math.inf, 3.4028234663852886e38]),
        ("f64", "f64", [0.1, -0.0, -math.inf, 1e308]),
    ],
)
def test_scalars_come_back_as_they_went(sandbox: Sandbox, type_: str, core: str, values: list[object]) -> None:
    module = scalar_identity(type_, core)
    for value in values:
        got = sandbox.execute(module, Call("same", (value,))).value
        assert (got, type(got)) == (value, type(value))
        assert str(got) == str(value)  # tells -0.0 from 0.0


@pytest.mark.parametrize("bits", [0x7FF0000000000001, 0xFFF8000000000123, 0x7FFFFFFFFFFFFFFF])
def test_nan_payloads_are_kept_f64(sandbox: Sandbox, bits: int) -> None:
    (value,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    got = sandbox.execute(scalar_identity("f64", "f64"), Call("same", (value,))).value
    assert struct.pack("<d", got) == bits.to_bytes(8, "little")


@pytest.mark.parametrize("bits", [0x7F800001, 0xFFC00123, 0x7FFFFFFF])
def test_nan_payloads_are_kept_f32(sandbox: Sandbox, bits: int) -> None:
    value = np.array([bits], np.uint32).view(np.float32)[0]
    got = sandbox.execute(scalar_identity("f32", "f32"), Call("same", (value,))).value
    (wide,) = struct.unpack("<Q", struct.pack("<d", got))
    assert (wide >> 63) << 31 | 0x7F800000 | (wide >> 29) & 0x7FFFFF == bits
    again = sandbox.execute(scalar_identity("f32", "f32"), Call("same", (got,))).value
    assert struct.pack("<d", again) == struct.pack("<d", got)


@pytest.mark.parametrize(
    ("type_", "core", "value", "text"),
    [
        ("u8", "i32", 256, "argument x of same: expected u8 (0 to 255), got 256 (int)"),
        ("u8", "i32", np.int64(-1), "argument x of same: expected u8 (0 to 255), got -1 (int64)"),
        ("s32", "i32", 3.0, "argument x of same: expected s32 (-2147483648 to 2147483647), got 3.0 (float)"),
        ("s8", "i32", True, "argument x of same: expected s8 (-128 to 127), got True (bool)"),
        ("u16", "i32", "7", "argument x of same: expected u16 (0 to 65535), got '7' (str)"),
        (
            "u16",
            "i32",
            np.zeros(2, int),
            "argument x of same: expected u16 (0 to 65535), got an array of int64 of shape (2,)",
        ),
        ("bool", "i32", 1, "argument x of same: expected bool, got 1 (int)"),
        ("char", "i32", "ab", "argument x of same: expected char (one character), got 'ab' (str)"),
        (
            "char",
            "i32",
            "\ud800",
            "argument x of same: expected char (a Unicode scalar value), got the surrogate U+D800",
        ),
        ("f64", "f64", "1", "argument x of same: expected f64, got '1' (str)"),
        ("f64", "f64", None, "argument x of same: expected f64, got None"),
        ("f32", "f32", 1e39, "argument x of same: expected f32 (at most 3.4028234663852886e+38), got 1e+39 (float)"),
    ],
)
def test_a_scalar_that_does_not_fit(sandbox: Sandbox, type_: str, core: str, value: object, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        sandbox.execute(scalar_identity(type_, core), Call("same", (value,)))
    assert str(caught.value) == text
    assert caught.value.hint == f"the signature is same: func(x: {type_}) -> {type_}"


def test_an_integer_too_long_to_write_out(sandbox: Sandbox) -> None:
    for type_, core, expected in (("u8", "i32", "u8 (0 to 255)"), ("f64", "f64", "f64")):
        with pytest.raises(ArgumentError) as caught:
            sandbox.execute(scalar_identity(type_, core), Call("same", (10**5000,)))
        assert str(caught.value) == f"argument x of same: expected {expected}, got an integer of 16610 bits"


def test_numbers_are_taken_as_python_takes_them(sandbox: Sandbox) -> None:
    same = scalar_identity("f64", "f64")
    assert sandbox.execute(same, Call("same", (3,))).value == 3.0
    assert sandbox.execute(same, Call("same", (np.float32(0.5),))).value == 0.5
    assert sandbox.execute(scalar_identity("u8", "i32"), Call("same", (np.uint64(255),))).value == 255


def test_the_high_bits_of_a_narrow_result_are_dropped(sandbox: Sandbox) -> None:
    def gives(type_: str, number: int) -> object:
        module = guest(f'(func (export "f") (result i32) (i32.const {number}))', function("f", "", type_))
        return sandbox.execute(module, Call("f")).value

    assert gives("u8", 0x1FF) == 255
    assert gives("s8", 0x1FF) == -1
    assert gives("u32", -1) == 4294967295
    assert gives("bool", 2) is True
    with pytest.raises(GuestTrap, match=r"^f gave back an invalid result: 0xd800 is no character$"):
        gives("char", 0xD800)


def test_counts_of_arguments(sandbox: Sandbox) -> None:
    with pytest.raises(ArgumentError) as caught:
        sandbox.execute(ADD, Call("add_up", (1,)))
    assert str(caught.value) == "add_up takes 2 arguments (a: s32, b: s32), got 1"
    assert caught.value.hint == "the signature is add-up: func(a: s32, b: s32) -> s32"


def test_an_unknown_function_names_the_close_ones(sandbox: Sandbox) -> None:
    with pytest.raises(FunctionNotFoundError) as caught:
        sandbox.execute(ADD, Call("ad_up", ()))
    assert str(caught.value) == "there is no function 'ad_up'; the module has add_up"
    assert caught.value.hint == "did you mean add_up?"


TEXTS = guest(
    ALLOCATOR
    + """
  (func (export "same") (param i32 i32) (result i32)
    (i32.store (i32.const 64) (local.get 0)) (i32.store (i32.const 68) (local.get 1)) (i32.const 64))
  (func (export "fails") (param i32 i32) (result i32)
    (i32.store (i32.const 64) (i32.const 1))
    (i32.store (i32.const 68) (local.get 0)) (i32.store (i32.const 72) (local.get 1)) (i32.const 64))
""",
    function("same", "text: string", "string"),
    function("fails", "text: string", "result<u32, string>"),
)


@pytest.mark.parametrize("text", ["", "plain", "あかつき 𝄞", "\0", "x" * 300_000])
def test_text(sandbox: Sandbox, text: str) -> None:
    assert sandbox.execute(TEXTS, Call("same", (text,))).value == text


def test_text_with_a_lone_surrogate(sandbox: Sandbox) -> None:
    with pytest.raises(ArgumentError) as caught:
        sandbox.execute(TEXTS, Call("same", ("ab\udc00",)))
    assert str(caught.value) == (
        "argument text of same: expected string (Unicode scalar values), got a lone surrogate at position 2"
    )


def test_an_err_is_a_guest_error_with_its_text(sandbox: Sandbox) -> None:
    with pytest.raises(GuestError) as caught:
        sandbox.execute(TEXTS, Call("fails", ("division by zero",)))
    assert str(caught.value) == "division by zero"


NUMBERS = {
    name: guest(
        ALLOCATOR
        + """(func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 64) (local.get 0)) (i32.store (i32.const 68) (local.get 1)) (i32.const 64))""",
        function("same", f"xs: list<{name}>", f"list<{name}>"),
    )
    for name in (*wit.INTEGER_RANGES, *wit.FLOATS)
}


def send(sandbox: Sandbox, name: str, value: object) -> np.ndarray:
    got = sandbox.execute(NUMBERS[name], Call("same", (value,))).value
    assert got.flags.owndata
    assert got.flags.writeable
    return got


@pytest.mark.parametrize("name", NUMBERS)
def test_lists_of_numbers_from_arrays_buffers_and_sequences(sandbox: Sandbox, name: str) -> None:
    names = {"f32": "float32", "f64": "float64"}
    dtype = np.dtype(names.get(name, name.replace("s", "int").replace("u", "uint")))
    values = np.array([0, 1, 2, 100], dtype)
    for given in (values, values[::-1][::-1], memoryview(values), values.tolist(), tuple(values.tolist()), range(3)):
        got = send(sandbox, name, given)
        assert got.dtype == dtype
        assert got.tolist() == list(given if isinstance(given, range) else values)
    assert send(sandbox, name, []).tolist() == []
    assert send(sandbox, name, np.arange(10, dtype=np.int8)[::3]).tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("u8", [1, 256], "argument xs[1] of same: expected u8 (0 to 255), got 256 (int64)"),
        ("u8", np.array([-1, 3]), "argument xs[0] of same: expected u8 (0 to 255), got -1 (int64)"),
        (
            "s64",
            np.array([2**63], np.uint64),
            f"argument xs[0] of same: expected s64 ({-(2**63)} to {2**63 - 1}), got {2**63} (uint64)",
        ),
        ("u64", [2**63, -1], f"argument xs[1] of same: expected u64 (0 to {2**64 - 1}), got -1 (int)"),
        ("s32", [1, 2.5], "argument xs[1] of same: expected s32 (-2147483648 to 2147483647), got 2.5 (float)"),
        ("s32", np.array([1.0]), "argument xs of same: expected list<s32>, got an array of float64 of shape (1,)"),
        ("f64", np.array([True]), "argument xs of same: expected list<f64>, got an array of bool of shape (1,)"),
        (
            "f32",
            np.array([1.0, 1e39]),
            "argument xs[1] of same: expected f32 (at most 3.4028234663852886e+38), got 1e+39 (float64)",
        ),
        (
            "u8",
            np.zeros((2, 2), np.uint8),
            "argument xs of same: expected list<u8>, 1-D, got an array of uint8 of shape (2, 2)",
        ),
        ("u8", "text", "argument xs of same: expected list<u8>, got 'text' (str)"),
        ("u8", 7, "argument xs of same: expected list<u8>, got 7 (int)"),
        ("f32", b"abcd", "argument xs of same: expected list<f32>, got bytes of length 4"),
        ("f64", [1, None], "argument xs[1] of same: expected f64, got None"),
        ("f64", [[1], [1, 2]], "argument xs of same: expected list<f64>, 1-D, got list of length 2"),
    ],
)
def test_a_list_that_does_not_fit(sandbox: Sandbox, name: str, value: object, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        send(sandbox, name, value)
    assert str(caught.value) == text


def test_floats_for_integers_are_told_how(sandbox: Sandbox) -> None:
    with pytest.raises(ArgumentError) as caught:
        send(sandbox, "s32", np.array([1.0]))
    assert caught.value.hint == "round it and convert it first, such as .astype(numpy.int32)"


def test_big_python_integers_and_bytes(sandbox: Sandbox) -> None:
    assert send(sandbox, "u64", [2**64 - 1, 0]).tolist() == [2**64 - 1, 0]
    assert send(sandbox, "u8", b"\x00\xff").tolist() == [0, 255]
    assert math.isnan(send(sandbox, "f32", np.array([np.nan]))[0])


POINT = wit.Record("point", (("x", wit.F64), ("class", wit.Option(wit.U8))))
SPILLED = guest(
    ALLOCATOR + '(func (export "same") (param i32) (result i32) (local.get 0))',
    function("same", "; ".join(f"p{i}: u8" for i in range(17)), wit.Tuple((wit.U8,) * 17)),
)


def record_guest(type_: wit.Type) -> ExecutableModule:
    """Parameters (the value and seventeen bytes) spilled to memory are returned as they lie there."""
    from akatsuki_wasm.contracts import Function, Parameter

    padding = tuple(Parameter(f"p{i}", wit.U8) for i in range(17))
    result = wit.Tuple((type_, *(wit.U8,) * 17))
    made = Function("same", (Parameter("value", type_), *padding), result, export="same")
    return guest(ALLOCATOR + '(func (export "same") (param i32) (result i32) (local.get 0))', made)


def echo(sandbox: Sandbox, type_: wit.Type, value: object) -> object:
    return sandbox.execute(record_guest(type_), Call("same", (value, *[0] * 17))).value[0]


def test_more_than_sixteen_values_go_through_memory(sandbox: Sandbox) -> None:
    assert sandbox.execute(SPILLED, Call("same", tuple(range(17)))).value == tuple(range(17))


def test_a_record_from_a_mapping_a_named_tuple_or_an_object(sandbox: Sandbox) -> None:
    class Plain:
        x, class_ = 1.5, None

    kind = wit.record_class(POINT)
    for given in ({"x": 1.5, "class": None}, {"x": 1.5, "class_": None}, kind(1.5, None), Plain()):
        got = echo(sandbox, POINT, given)
        assert (got, type(got)) == (kind(1.5, None), kind)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"x": 1.0}, "argument value of same: expected record point (x, class), got a mapping without class"),
        (
            {"x": 1.0, "class": 3, "y": 2},
            "argument value of same: expected record point (x, class), got a mapping that also has y",
        ),
        ({"x": 1.0, "class": 300}, "argument value.class of same: expected u8 (0 to 255), got 300 (int)"),
        (5, "argument value of same: expected record point (x, class), got 5 (int)"),
        ((1.0, 3), "argument value of same: expected record point (x, class), got tuple of length 2 without x"),
    ],
)
def test_a_record_that_does_not_fit(sandbox: Sandbox, value: object, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        echo(sandbox, POINT, value)
    assert str(caught.value) == text


def test_nested_places_are_named(sandbox: Sandbox) -> None:
    nested = wit.List(wit.Tuple((wit.STRING, wit.List(POINT))))
    with pytest.raises(ArgumentError) as caught:
        echo(sandbox, nested, [("a", []), ("b", [{"x": 1.0, "class": None}, {"x": "no", "class": None}])])
    assert str(caught.value) == "argument value[1][1][1].x of same: expected f64, got 'no' (str)"


def test_a_plain_module_with_several_results(sandbox: Sandbox) -> None:
    module = guest(
        '(func (export "both") (param i32 f64) (result i32 f64) (local.get 0) (local.get 1))',
        function("both", "a: u32; b: f64", "tuple<u32, f64>"),
        kind="core",
    )
    assert sandbox.execute(module, Call("both", (4294967295, 0.5))).value == (4294967295, 0.5)


def test_a_plain_module_with_many_parameters(sandbox: Sandbox) -> None:
    module = guest(
        f'(func (export "last") (param {"i32 " * 40}) (result i32) (local.get 39))',
        function("last", "; ".join(f"p{i}: s32" for i in range(40)), "s32"),
        kind="core",
    )
    assert sandbox.execute(module, Call("last", tuple(range(40)))).value == 39


def test_no_result(sandbox: Sandbox) -> None:
    assert sandbox.execute(guest('(func (export "f"))', function("f")), Call("f")).value is None


def test_state_is_not_seen_by_the_next_execution(sandbox: Sandbox) -> None:
    module = guest(
        """(memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
        (func (export "count") (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1)))
          (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
          (i32.add (global.get $n) (i32.load (i32.const 8))))""",
        function("count", "", "u32"),
    )
    assert [sandbox.execute(module, Call("count")).value for _ in range(5)] == [2] * 5


def test_a_manifest_that_is_not_true(sandbox: Sandbox) -> None:
    wasm = '(func (export "f") (param i64))'
    with pytest.raises(InvalidModuleError) as caught:
        sandbox.execute(guest(wasm, function("f", "a: s32", "s32")), Call("f", (1,)))
    assert str(caught.value) == (
        "the export 'f' has the core type (i64) -> (), where its signature means (i32) -> (i32)"
    )
    with pytest.raises(InvalidModuleError, match=r"^the module has no export 'g', which its manifest names$"):
        sandbox.execute(guest(wasm, function("g")), Call("g"))
    text = guest('(func (export "f") (param i32 i32))', function("f", "t: string"))
    with pytest.raises(InvalidModuleError) as caught:
        sandbox.execute(text, Call("f", ("a",)))
    assert str(caught.value) == "the module exports no cabi_realloc, which strings, lists and records need"


def test_a_closed_sandbox(sandbox: Sandbox) -> None:
    closed = Sandbox()
    closed.close()
    with pytest.raises(ExecuteError, match=r"^the sandbox is closed$"):
        closed.execute(ADD, Call("add_up", (1, 2)))
    assert sandbox.execute(ADD, Call("add_up", (1, 2))).value == 3
