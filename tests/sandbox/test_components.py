"""Components: every type in and out, the limits, and what a hostile one does."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import wasmtime
from component_guests import ALLOCATOR, component, echo, guest
from hypothesis import given, settings
from hypothesis import strategies as st

from akatsuki_wasm import binary, component_binary, manifest, wit
from akatsuki_wasm.contracts import MIB, BatchCall, Call, Control, Limits
from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
    DigestMismatchError,
    ExecutionCancelled,
    ExecutionTimeout,
    FuelLimitError,
    FunctionNotFoundError,
    GuestError,
    GuestTrap,
    InvalidModuleError,
    MemoryLimitError,
    ResultTooLargeError,
)
from akatsuki_wasm.sandbox import foreign
from akatsuki_wasm.sandbox.base import SandboxConfig
from akatsuki_wasm.sandbox.component.sandbox import ComponentSandbox
from akatsuki_wasm.testing.hostile_bombs import nested_loops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import ExecutableModule

Case = wit.Case
LIMITS = Limits(timeout_ms=300)

KIT = component(
    "\n".join(
        (
            echo("echo-list", 2),
            echo("echo-option", 2),
            """
  (func (export "echo-shape") (param i32 i64) (result i32)
    (i32.store8 (i32.const 16) (local.get 0)) (i64.store (i32.const 24) (local.get 1)) (i32.const 16))
  (func (export "next-color") (param i32) (result i32) (i32.rem_u (i32.add (local.get 0) (i32.const 1)) (i32.const 3)))
  (func (export "flip") (param i32) (result i32) (i32.xor (local.get 0) (i32.const 7)))
  (func (export "swap") (param i32 f64) (result i32)
    (f64.store (i32.const 16) (local.get 1)) (i32.store (i32.const 24) (local.get 0)) (i32.const 16))
  (func (export "check") (param i32) (result i32)
    (i32.store8 (i32.const 16) (i32.gt_u (local.get 0) (i32.const 9)))
    (i32.store (i32.const 20) (local.get 0)) (i32.const 16))
  (func (export "negate") (param f32) (result f32) (f32.neg (local.get 0)))
  (func (export "same-char") (param i32) (result i32) (local.get 0))
  (func (export "same-bool") (param i32) (result i32) (local.get 0))
  (func (export "same-s8") (param i32) (result i32) (local.get 0))
  (func (export "same-u64") (param i64) (result i64) (local.get 0))
  (global $count (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
  (func (export "spin") (loop br 0))
  (func (export "fall") unreachable)
  (func $deep (export "deep") (call $deep))
""",
        )
    ),
    'echo-list (param "xs" (list f64)) (result (list f64))',
    'echo-option (param "x" (option u32)) (result (option u32))',
    'echo-shape (param "s" $shape) (result $shape)',
    'next-color (param "color" $color) (result $color)',
    'flip (param "perms" $perms) (result $perms)',
    'swap (param "pair" (tuple u32 f64)) (result $point)',
    'check (param "n" u32) (result (result u32 (error u32)))',
    'negate (param "x" f32) (result f32)',
    'same-char (param "x" char) (result char)',
    'same-bool (param "x" bool) (result bool)',
    'same-s8 (param "x" s8) (result s8)',
    'same-u64 (param "x" u64) (result u64)',
    "count (result u32)",
    "spin",
    "fall",
    "deep",
    types="""
  (type $shape' (variant (case "empty") (case "circle" f64) (case "square-side" u32)))
  (export $shape "shape" (type $shape'))
  (type $color' (enum "red" "dark-green" "blue"))
  (export $color "color" (type $color'))
  (type $perms' (flags "read" "write" "run-it"))
  (export $perms "perms" (type $perms'))
  (type $point' (record (field "weight" f64) (field "x-axis" u32)))
  (export $point "point" (type $point'))
""",
    exports="""
  (func $text (param "text" string) (result string)
    (canon lift (core func $i "echo-list") (memory $memory) (realloc $realloc)))
  (func $texts (param "texts" (list string)) (result (list string))
    (canon lift (core func $i "echo-list") (memory $memory) (realloc $realloc)))
  (func $results (param "items" (list (result u32 (error string)))) (result (list (result u32 (error string))))
    (canon lift (core func $i "echo-list") (memory $memory) (realloc $realloc)))
  (instance $echo (export "text" (func $text)) (export "texts" (func $texts)) (export "results" (func $results))
    (export "count" (func $count)))
  (export "test:kit/echo@0.1.0" (instance $echo))
""",
)


@pytest.fixture(scope="module")
def kit() -> ExecutableModule:
    return guest(KIT, "kit")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ComponentSandbox]:
    with ComponentSandbox() as made:
        yield made


def value(sandbox: ComponentSandbox, module: ExecutableModule, function: str, *args: Any) -> Any:
    return sandbox.execute(module, Call(function, args)).value


def test_functions_and_types_are_known_from_the_bytes(kit: ExecutableModule) -> None:
    by_name = {each.name: (each.signature, each.export) for each in kit.manifest.functions}
    assert by_name["echo_shape"] == ("echo-shape: func(s: shape) -> shape", "echo-shape")
    assert by_name["text"] == ("text: func(text: string) -> string", "test:kit/echo@0.1.0#text")
    assert by_name["check"] == ("check: func(n: u32) -> result<u32, u32>", "check")
    # Two functions of one name: the interface's has its interface before it.
    assert by_name["count"][1] == "count"
    assert by_name["echo_count"][1] == "test:kit/echo@0.1.0#count"
    assert kit.manifest.named_types == {
        "shape": wit.Variant("shape", (("empty", None), ("circle", wit.F64), ("square_side", wit.U32))),
        "color": wit.Enum("color", ("red", "dark_green", "blue")),
        "perms": wit.Flags("perms", ("read", "write", "run_it")),
        "point": wit.Record("point", (("weight", wit.F64), ("x_axis", wit.U32))),
    }
    assert (kit.manifest.kind, kit.manifest.abi) == ("component", 0)
    assert manifest.load(manifest.dump(kit.manifest)) == kit.manifest


@pytest.mark.parametrize(
    ("function", "given", "got"),
    [
        ("echo_shape", Case("circle", 2.5), Case("circle", 2.5)),
        ("echo_shape", Case("empty"), Case("empty")),
        ("echo_shape", Case("square_side", 7), Case("square_side", 7)),
        ("next_color", "red", "dark_green"),
        ("next-color", "dark_green", "blue"),
        ("flip", frozenset({"read"}), frozenset({"write", "run_it"})),
        ("flip", (), frozenset({"read", "write", "run_it"})),
        ("swap", (7, 0.5), (0.5, 7)),
        ("check", 9, 9),
        ("echo_option", None, None),
        ("echo_option", 5, 5),
        ("negate", 1.5, -1.5),
        ("same_char", "日", "日"),
        ("same_bool", True, True),
        ("same_s8", -128, -128),
        ("same_u64", 2**64 - 1, 2**64 - 1),
        ("text", "héllo\0", "héllo\0"),
        ("texts", ["", "a", "日本"], ["", "a", "日本"]),
        ("texts", [], []),
        ("results", [Case("ok", 3), Case("err", "no")], [Case("ok", 3), Case("err", "no")]),
        ("test:kit/echo@0.1.0#text", "x", "x"),
    ],
)
def test_values_go_in_and_out(
    sandbox: ComponentSandbox, kit: ExecutableModule, function: str, given: Any, got: Any
) -> None:
    assert value(sandbox, kit, function, given) == got


@pytest.mark.parametrize("items", [[], [1.5], list(range(100_000)), (0.5, float("inf"))])
def test_lists_of_numbers_are_arrays(sandbox: ComponentSandbox, kit: ExecutableModule, items: Any) -> None:
    got = value(sandbox, kit, "echo_list", items)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, items)


def test_a_nan_keeps_its_payload(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    given = np.array([0x7FF0DEADBEEF0001], dtype=np.uint64).view(np.float64)
    got = value(sandbox, kit, "echo_list", given)
    assert got.view(np.uint64)[0] == 0x7FF0DEADBEEF0001
    single = np.array([0x7FA00001], dtype=np.uint32).view(np.float32)[0]
    bits = np.float32(value(sandbox, kit, "negate", single)).view(np.uint32)
    assert int(bits) & 0x3FFFFF == 0x200001


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (
            "echo_shape",
            Case("round", 1.0),
            "argument s of echo_shape: expected shape, one of empty, circle, square_side, got round",
        ),
        (
            "echo_shape",
            Case("square_side", -1),
            "argument s.square_side of echo_shape: expected u32 (0 to 4294967295), got -1 (int)",
        ),
        ("echo_shape", Case("empty", 1), "argument s of echo_shape: expected the case 'empty' alone, got 1 (int)"),
        (
            "echo_shape",
            "empty",
            "argument s of echo_shape: expected shape, one of empty, circle, square_side, got 'empty' (str)",
        ),
        (
            "next_color",
            "green",
            "argument color of next_color: expected color, one of red, dark_green, blue, got 'green' (str)",
        ),
        (
            "flip",
            {"read", "fly"},
            "argument perms of flip: expected perms, a set of read, write, run_it, got 'fly' (str)",
        ),
        ("same_s8", 128, "argument x of same_s8: expected s8 (-128 to 127), got 128 (int)"),
        ("same_bool", 1, "argument x of same_bool: expected bool, got 1 (int)"),
        ("swap", (1, 2, 3), "argument pair of swap: expected tuple<u32, f64>, got tuple of length 3"),
        ("texts", ["a", 1], "argument texts[1] of texts: expected string, got 1 (int)"),
        (
            "text",
            "\ud800",
            "argument text of text: expected string (Unicode scalar values), got a lone surrogate at position 0",
        ),
        ("echo_list", ["x"], "argument xs of echo_list: expected list<f64>, got an array of <U1 of shape (1,)"),
    ],
)
def test_what_does_not_fit_is_refused(
    sandbox: ComponentSandbox, kit: ExecutableModule, function: str, given: Any, message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        value(sandbox, kit, function, given)
    assert str(caught.value) == message
    assert value(sandbox, kit, "count") == 1


def test_a_result_s_error_is_a_guest_error_with_its_value(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    with pytest.raises(GuestError) as caught:
        value(sandbox, kit, "check", 10)
    assert (str(caught.value), caught.value.value) == ("check answered with an error: 10", 10)


def test_no_state_passes_from_one_call_to_the_next(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    assert [value(sandbox, kit, "count") for _ in range(3)] == [1, 1, 1]


def test_columns_and_unknown_functions_are_refused(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    with pytest.raises(ArgumentError) as caught:
        sandbox.execute(kit, BatchCall("count", (), 3))
    assert str(caught.value) == "count is a component's function: it cannot be applied to columns"
    with pytest.raises(FunctionNotFoundError, match="the component has no function 'cuont'"):
        value(sandbox, kit, "cuont")
    with pytest.raises(ArgumentError, match="count takes 0 arguments, got 1"):
        value(sandbox, kit, "count", 1)


def test_the_bill(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    first = sandbox.execute(kit, Call("count"))
    second = sandbox.execute(kit, Call("count"), Limits(fuel=1_000))
    assert (first.cache_hit, first.memory_used_bytes, first.fuel_used) == (True, 65_536, None)
    assert second.fuel_used is not None
    assert 0 < second.fuel_used < 100
    assert 0 < first.execution_time_ms <= first.total_time_ms
    assert first.instantiation_time_ms > 0


# ---------------------------------------------------------------- hostile

LIST = "(result (list u8))"
BIG = ALLOCATOR.replace('"memory") 1', '"memory") 40000')


def simple(core: str, allocator: str = ALLOCATOR) -> bytes:
    """A component whose `f` takes and returns nothing."""
    return component(core, "f", allocator=allocator)


def answers(type_: str, body: str, core: str = "") -> bytes:
    """A component whose `f` returns what `body` stores at 16."""
    return component(f'{core} (func (export "f") (result i32) {body} (i32.const 16))', f"f {type_}")


def stores(pointer: int, length: int) -> str:
    return f"(i32.store (i32.const 16) (i32.const {pointer})) (i32.store (i32.const 20) (i32.const {length}))"


HOSTILE: dict[str, tuple[bytes, type[Exception], str]] = {
    "an endless loop": (simple('(func (export "f") (loop br 0))'), ExecutionTimeout, "f ran past its limit of 300 ms"),
    "an endless start": (
        simple('(func $s (loop br 0)) (start $s) (func (export "f"))'),
        ExecutionTimeout,
        "f ran past its limit of 300 ms",
    ),
    "an endless memory.fill": (
        simple(
            """(func (export "f") (drop (memory.grow (i32.const 15000)))
               (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 900000000)) br 0))"""
        ),
        ExecutionTimeout,
        "f ran past its limit of 300 ms",
    ),
    "recursion": (
        simple('(func $f (export "f") (call $f))'),
        GuestTrap,
        "f trapped: its recursion is too deep for the call stack",
    ),
    "unreachable": (simple('(func (export "f") unreachable)'), GuestTrap, "f trapped: it reached code"),
    "a division": (
        simple('(func (export "f") (drop (i32.div_u (i32.const 1) (i32.const 0))))'),
        GuestTrap,
        "f trapped: integer division by zero",
    ),
    "a wild pointer": (
        simple('(func (export "f") (drop (i32.load (i32.const -4))))'),
        GuestTrap,
        "f trapped: it accessed memory out of bounds",
    ),
    "a memory too large": (
        simple('(func (export "f"))', BIG),
        MemoryLimitError,
        "f needs more memory than its limit of 1,024 MiB",
    ),
    "a table too large": (
        simple('(table 20000 funcref) (func (export "f"))'),
        InvalidModuleError,
        "cannot be instantiated",
    ),
    "an endless list": (answers(LIST, stores(0, -1)), AkatsukiError, "f"),
    "a list outside memory": (answers(LIST, stores(-16, 32)), GuestTrap, "f failed: "),
    "a case that is none": (
        answers("(result (option u8))", "(i32.store8 (i32.const 16) (i32.const 9))"),
        GuestTrap,
        "f failed: ",
    ),
    "text that is no UTF-8": (
        answers("(result string)", stores(64, 2), '(data (i32.const 64) "\\ff\\fe")'),
        GuestTrap,
        "f failed: ",
    ),
    "a list of 100 million": (
        answers(LIST, f"(drop (memory.grow (i32.const 2000))) {stores(0, 100_000_000)}"),
        ResultTooLargeError,
        "the result of f is larger than a component's may be: 128 MiB",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_components(sandbox: ComponentSandbox, kit: ExecutableModule, name: str) -> None:
    wasm, error, message = HOSTILE[name]
    with pytest.raises(error) as caught:
        sandbox.execute(guest(wasm), Call("f"), LIMITS)
    assert message in str(caught.value)
    assert value(sandbox, kit, "check", 1) == 1


@pytest.mark.parametrize("address", [0, -8, 3, 65_528])
def test_a_realloc_that_lies(sandbox: ComponentSandbox, address: int) -> None:
    lying = f"""(memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const {address}))"""
    wasm = component('(func (export "f") (param i32 i32))', 'f (param "xs" (list f64))', allocator=lying)
    with contextlib.suppress(GuestTrap):  # an address inside the memory is the guest's own affair
        sandbox.execute(guest(wasm), Call("f", (np.zeros(4),)))


def test_a_text_that_is_given_a_million_times_is_not_copied_a_million_times(sandbox: ComponentSandbox) -> None:
    """Each of the items is the same megabyte of memory: a terabyte, if it were copied."""
    items = 1_000_000
    fill = (
        "(drop (memory.grow (i32.const 400)))"
        f"(loop $more (i32.store (i32.add (i32.const 4194304) (i32.mul (local.get $n) (i32.const 8))) (i32.const 1024))"
        f"(i32.store (i32.add (i32.const 4194308) (i32.mul (local.get $n) (i32.const 8))) (i32.const 1000000))"
        f"(br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {items}))))"
        f"(i32.store (i32.const 16) (i32.const 4194304)) (i32.store (i32.const 20) (i32.const {items}))"
    )
    wasm = component(
        f'(func (export "f") (result i32) (local $n i32) {fill} (i32.const 16))', "f (result (list string))"
    )
    with pytest.raises(ResultTooLargeError):
        sandbox.execute(guest(wasm), Call("f"))


def test_results_past_the_limit_and_memory_past_it(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    with pytest.raises(ResultTooLargeError, match="the result of echo_list is larger than its limit of 100 bytes"):
        sandbox.execute(kit, Call("echo_list", (np.zeros(100),)), Limits(result_bytes=100))
    with pytest.raises(ResultTooLargeError, match="the result of text is larger"):
        sandbox.execute(kit, Call("text", ("x" * 101,)), Limits(result_bytes=100))
    with pytest.raises(GuestTrap):
        sandbox.execute(kit, Call("echo_list", (np.zeros(1_000_000),)), Limits(memory_bytes=MIB))
    assert value(sandbox, kit, "count") == 1


def test_copying_a_result_ends_at_the_deadline_too(sandbox: ComponentSandbox) -> None:
    many = answers("(result (list (tuple bool bool)))", f"(drop (memory.grow (i32.const 20))) {stores(0, 500_000)}")
    with pytest.raises(ExecutionTimeout, match="f ran past its limit of 100 ms"):
        sandbox.execute(guest(many), Call("f"), Limits(timeout_ms=100))


def test_several_memories_share_the_limit(sandbox: ComponentSandbox) -> None:
    one = (
        '(core module $m{0} (memory (export "memory") 1) (func (export "f") (result i32) (memory.grow (i32.const 9))))'
    )
    many = "".join(one.format(index) for index in range(2))
    text = (
        f"(component {many} (core instance $a (instantiate $m0)) (core instance $b (instantiate $m1))"
        '(func $f (result s32) (canon lift (core func $a "f"))) (export "f" (func $f)))'
    )
    module = guest(bytes(wasmtime.wat2wasm(text)))
    assert sandbox.execute(module, Call("f"), Limits(memory_bytes=20 * 65_536)).value == 1
    assert sandbox.execute(module, Call("f"), Limits(memory_bytes=19 * 65_536)).value == -1


def test_fuel(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    with pytest.raises(FuelLimitError, match="spin used up its fuel of 10,000"):
        sandbox.execute(kit, Call("spin"), Limits(fuel=10_000))


def test_a_cancelled_one_stops(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    control = Control()
    timer = threading.Timer(0.1, control.cancel)
    timer.start()
    with pytest.raises(ExecutionCancelled, match="spin was cancelled"):
        sandbox.execute(kit, Call("spin"), Limits(timeout_ms=20_000), control)
    timer.join()


def test_ctrl_c_stops_it_and_the_process_goes_on(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        sandbox.execute(kit, Call("spin"), Limits(timeout_ms=20_000))
    timer.join()
    assert value(sandbox, kit, "count") == 1


def test_threads_do_not_meet(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    def work(number: int) -> list[Any]:
        return [value(sandbox, kit, "text", f"{number}-{turn}") for turn in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    assert answers == [[f"{number}-{turn}" for turn in range(50)] for number in range(8)]


def test_compiled_files_are_used_and_a_tampered_one_is_not(tmp_path: Path, kit: ExecutableModule) -> None:
    config = SandboxConfig(aot_dir=tmp_path / "compiled", aot_key=tmp_path / "key")
    with ComponentSandbox(config) as sandbox:
        assert value(sandbox, kit, "count") == 1
    (path,) = (tmp_path / "compiled").iterdir()
    before = path.stat().st_mtime_ns
    with ComponentSandbox(config) as sandbox:
        assert value(sandbox, kit, "count") == 1
    assert path.stat().st_mtime_ns == before
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with ComponentSandbox(config) as sandbox:
        assert value(sandbox, kit, "count") == 1
    assert path.stat().st_mtime_ns != before


def test_bytes_of_another_digest_and_a_manifest_that_lies(sandbox: ComponentSandbox, kit: ExecutableModule) -> None:
    other = dataclasses.replace(kit, digest="0" * 64)
    with pytest.raises(DigestMismatchError):
        value(sandbox, other, "count")
    lying = guest(component('(func (export "f") (param i32))', 'f (param "x" u32)'))
    function = lying.manifest.functions[0]
    for params, result in (((wit.STRING,), None), ((wit.U32,), wit.U32), ((), None), ((wit.S32,), None)):
        described = dataclasses.replace(
            function,
            params=tuple(dataclasses.replace(function.params[0], type=each) for each in params),
            result=result,
        )
        module = dataclasses.replace(lying, manifest=dataclasses.replace(lying.manifest, functions=(described,)))
        with pytest.raises(InvalidModuleError, match=r"of its manifest|than its manifest says"):
            sandbox.execute(module, Call("f", (1,) * len(params)))


def test_a_component_that_is_a_bomb_to_the_compiler(
    sandbox: ComponentSandbox, kit: ExecutableModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "BASE_CPU_S", 1)
    monkeypatch.setattr(foreign, "CPU_S_PER_MB", 0)
    core = nested_loops()
    parts = wasmtime.wat2wasm(
        """(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
           (func $f (canon lift (core func $i "f"))) (export "f" (func $f)))"""
    )
    # Its first section is the core module: another one takes its place.
    outline = component_binary.read(bytes(parts))
    (_, end), *_ = outline.modules
    wasm = bytes(parts[:8]) + b"\1" + binary.leb128(len(core)) + core + bytes(parts[end:])
    with pytest.raises(InvalidModuleError, match="compiling the module takes more than 1 s"):
        sandbox.execute(guest(wasm), Call("f"))
    assert value(sandbox, kit, "count") == 1


# ---------------------------------------------------------------- the reader


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '(component (import "wasi:cli/stdin@0.2.0" (instance (export "f" (func)))))',
            "this is a WASI preview 2 component that imports wasi:cli/stdin@0.2.0: nothing is provided to a component",
        ),
        (
            '(component (import "log" (func (param "x" string))))',
            "this is a WebAssembly component that imports log: nothing is provided to a component",
        ),
        ("(component)", "the component has no function that can be called: it exports none"),
        (
            """(component (type $r (resource (rep i32))) (export $e "r" (type $r))
               (core module $m (func (export "f") (param i32))) (core instance $i (instantiate $m))
               (func $f (param "self" (own $e)) (canon lift (core func $i "f"))) (export "eat" (func $f)))""",
            "the component has no function that can be called: eat cannot be, it uses a resource",
        ),
        (
            "(component "
            + "".join(f"(core module $m{each} (memory 1)) (core instance (instantiate $m{each}))" for each in range(9))
            + ")",
            "the component has 9 memories in 9 core instances, at most 8 and 64 are allowed",
        ),
        ("(component " * 18 + ")" * 18, "not a valid wasm module: the component is nested deeper than 16 at byte"),
    ],
)
def test_what_is_refused_before_it_is_stored(text: str, message: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.for_binary(bytes(wasmtime.wat2wasm(text)))
    assert str(caught.value).startswith(message)


def test_functions_that_cannot_be_called_are_left_out_and_named() -> None:
    wasm = bytes(
        wasmtime.wat2wasm(
            """(component (type $r (resource (rep i32))) (export $e "r" (type $r))
               (core module $m (func (export "f") (param i32)) (func (export "g"))) (core instance $i (instantiate $m))
               (func $f (param "self" (own $e)) (canon lift (core func $i "f"))) (export "eat" (func $f))
               (func $g (canon lift (core func $i "g"))) (export "go" (func $g)))"""
        )
    )
    found = manifest.for_binary(wasm)
    assert [each.name for each in found.functions] == ["go"]
    assert found.build == {"left_out": {"eat": "it uses a resource"}}


def test_types_that_double_each_other_are_left_out() -> None:
    """Two to the power of 40 parts: written out they would never end, so they are counted and not written out."""
    doubling = "".join(
        f'(type $d{n}\' (record (field "a" $d{n - 1}) (field "b" $d{n - 1}))) (export $d{n} "d{n}" (type $d{n}\'))'
        for n in range(1, 41)
    )
    text = f"""(component (type $d0' (record (field "a" u8))) (export $d0 "d0" (type $d0'))
        {doubling}
        (core module $m (memory (export "memory") 1) (func (export "g"))
          (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable) (func (export "f") (param i32)))
        (core instance $i (instantiate $m))
        (func $g (canon lift (core func $i "g"))) (export "go" (func $g))
        (type $t (func (param "x" $d40))))"""
    with contextlib.suppress(wasmtime.WasmtimeError):  # the assembler itself may refuse it
        wasm = bytes(wasmtime.wat2wasm(text))
        assert [each.name for each in manifest.for_binary(wasm).functions] == ["go"]


def test_memories_that_double_each_other_are_counted_and_not_made() -> None:
    """Twelve levels of components that each make two of the one before: 4,096 memories."""
    text = "(component $c0 (core module $m (memory 1)) (core instance (instantiate $m)))"
    for level in range(1, 13):
        two = f"(instance (instantiate $c{level - 1}))" * 2
        text = f"(component $c{level} {text} {two})"
    with pytest.raises(InvalidModuleError) as caught:
        manifest.for_binary(bytes(wasmtime.wat2wasm(text.replace("$c12", ""))))
    assert str(caught.value) == ("the component has 4096 memories in 4096 core instances, at most 8 and 64 are allowed")


def test_instances_that_hold_each_other_are_not_looked_through() -> None:
    """Five thousand levels, two of each in the next: neither a recursion nor two to the power of them."""

    def name(text: str) -> bytes:
        return b"\0" + bytes((len(text),)) + text.encode()

    empty = b"\x42\0"
    # An instance type that exports two instances of the type before it, which it takes from around it (an outer alias).
    types = [empty] + [
        b"\x42\4" + 2 * (b"\2\3\2\1" + binary.leb128(index)) + b"\4" + name("a") + b"\5\0" + b"\4" + name("b") + b"\5\1"
        for index in range(5_000)
    ]
    body = binary.leb128(len(types)) + b"".join(types)
    imported = b"\1" + name("everything") + b"\5" + binary.leb128(5_000)
    wasm = KIT[:8] + b"\7" + binary.leb128(len(body)) + body + b"\x0a" + binary.leb128(len(imported)) + imported
    with pytest.raises(InvalidModuleError, match="it exports none"):
        manifest.for_binary(wasm)


def test_the_reader_s_work_is_bounded() -> None:
    """Sections of a million one-byte types each, many times over."""
    types = b"\x7d" * 900_000
    body = binary.leb128(len(types)) + types
    section = b"\7" + binary.leb128(len(body)) + body
    with pytest.raises(InvalidModuleError, match="the component has more than 200000 parts"):
        manifest.for_binary(KIT[:8] + section * 10)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_components_give_an_outline_or_one_error(data: st.DataObject) -> None:
    damaged = bytearray(KIT)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(8, len(KIT) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(8, len(KIT)))
    for wasm in (bytes(damaged), KIT[:length], KIT[:8] + data.draw(st.binary(max_size=80))):
        with contextlib.suppress(InvalidModuleError):  # any other error fails the test
            component_binary.read(wasm)
            manifest.for_binary(wasm)
