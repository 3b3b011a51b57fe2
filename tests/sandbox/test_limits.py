"""What a guest may not do: every trap, time, memory, stack, imports, and answers that break the Canonical ABI."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from wat_guests import ALLOCATOR, function, guest

from akatsuki_wasm.contracts import MIB, Call, ExecutableModule, Limits
from akatsuki_wasm.errors import (
    ArgumentError,
    ExecutionTimeout,
    GuestTrap,
    InvalidModuleError,
    MemoryLimitError,
    ResultTooLargeError,
)

if TYPE_CHECKING:
    from akatsuki_wasm.sandbox.sandbox import Sandbox

GOOD = guest('(func (export "f") (result i32) (i32.const 7))', function("f", "", "s32"))
SHORT = Limits(timeout_ms=100)


@pytest.fixture(autouse=True)
def works_afterwards(sandbox: Sandbox) -> object:
    """After whatever a guest did, the same process answers a good call."""
    yield
    assert sandbox.execute(GOOD, Call("f")).value == 7


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("unreachable", "unreachable", "f trapped: it reached code that should be unreachable"),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            "integer_division_by_zero",
            "f trapped: integer division by zero",
        ),
        (
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            "integer_overflow",
            "f trapped: integer overflow",
        ),
        (
            "(drop (i32.trunc_f64_s (f64.const nan)))",
            "bad_conversion_to_integer",
            "f trapped: it converted a float that fits no integer",
        ),
        (
            "(drop (i32.load (i32.const 65536)))",
            "memory_out_of_bounds",
            "f trapped: it accessed memory out of bounds",
        ),
        (
            "(call_indirect (i32.const 9))",
            "table_out_of_bounds",
            "f trapped: it accessed a table out of bounds",
        ),
        (
            "(call_indirect (i32.const 1))",
            "indirect_call_to_null",
            "f trapped: it called a function through an empty table element",
        ),
        (
            "(drop (call_indirect (result i32) (i32.const 0)))",
            "bad_signature",
            "f trapped: it called a function through a table element of another type",
        ),
        ("(call $deep)", "stack_overflow", "f trapped: its recursion is too deep for the call stack (in deep)"),
        ("(call $inner)", "unreachable", "f trapped: it reached code that should be unreachable (in inner)"),
    ],
)
def test_every_trap_has_its_kind_and_words(sandbox: Sandbox, body: str, kind: str, text: str) -> None:
    module = guest(
        f"""(memory (export "memory") 1) (table 2 funcref) (elem (i32.const 0) $none) (func $none)
        (func $deep (call $deep) (call $none)) (func $inner unreachable)
        (func (export "f") {body})""",
        function("f"),
    )
    with pytest.raises(GuestTrap) as caught:
        sandbox.execute(module, Call("f"))
    assert (str(caught.value), caught.value.kind) == (text, kind)


def panicking(length: int, text: str) -> ExecutableModule:
    return guest(
        f"""(memory (export "memory") 1) (global (export "AKATSUKI_PANIC") i32 (i32.const 256))
        (data (i32.const 260) "{text}")
        (func (export "f") (i32.store (i32.const 256) (i32.const {length})) unreachable)""",
        function("f"),
    )


def test_the_text_of_a_panic(sandbox: Sandbox) -> None:
    text = "index out of bounds: the len is 3 but the index is 7, line 12"
    with pytest.raises(GuestTrap) as caught:
        sandbox.execute(panicking(len(text), text), Call("f"))
    assert str(caught.value) == f"f panicked: {text}"
    assert caught.value.kind == "unreachable"
    with pytest.raises(GuestTrap, match=r"^f panicked: �bad"):  # a length and bytes that lie do no harm
        sandbox.execute(panicking(-1, "\\ffbad"), Call("f"))


@pytest.mark.parametrize(
    "text", ["out of memory: 99 bytes could not be allocated", "memory allocation of 99 bytes failed"]
)
def test_an_allocator_that_says_it_was_refused(sandbox: Sandbox, text: str) -> None:
    with pytest.raises(MemoryLimitError) as caught:
        sandbox.execute(panicking(len(text), text), Call("f"))
    assert str(caught.value) == "f needs more memory than its limit of 1,024 MiB"


def test_an_abort_without_a_text(sandbox: Sandbox) -> None:
    with pytest.raises(GuestTrap) as caught:
        sandbox.execute(panicking(0, ""), Call("f"))
    assert str(caught.value) == "f trapped: it reached code that should be unreachable"


@pytest.mark.parametrize(
    "text",
    [
        '(func (export "f") (loop $on (br $on)))',
        '(func $start (loop $on (br $on))) (start $start) (func (export "f"))',
        """(memory (export "memory") 4096) (func (export "f")
          (loop $on (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000000)) (br $on)))""",
        '(func $a (call $b)) (func $b (call $c)) (func $c) (func (export "f") (loop $on (call $a) (br $on)))',
    ],
)
def test_a_loop_meets_its_deadline(sandbox: Sandbox, text: str) -> None:
    module = guest(text, function("f"))
    started = time.perf_counter()
    with pytest.raises(ExecutionTimeout) as caught:
        sandbox.execute(module, Call("f"), SHORT)
    took = time.perf_counter() - started
    assert str(caught.value) == "f ran past its limit of 100 ms"
    assert caught.value.hint == "give it less work, or a longer time limit (at most 30,000 ms)"
    assert took >= 0.1
    assert took < 10.0  # a hang is what this would catch: the machine may be busy


def test_a_deadline_holds_with_busy_python_threads(sandbox: Sandbox) -> None:
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        started = time.perf_counter()
        with pytest.raises(ExecutionTimeout):
            sandbox.execute(guest('(func (export "f") (loop $on (br $on)))', function("f")), Call("f"), SHORT)
        assert time.perf_counter() - started < 1.0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_deadline_does_not_fire_early_after_a_pause(sandbox: Sandbox) -> None:
    module = guest(
        """(func (export "f") (param i32) (result i32)
          (loop $on (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $on (local.get 0))) (local.get 0))""",
        function("f", "n: u32", "u32"),
    )
    time.sleep(0.4)  # long enough for the clock to fall asleep
    assert sandbox.execute(module, Call("f", (1000,)), Limits(timeout_ms=20)).value == 0


MEMORY_BOMB = """(memory (export "memory") 1) (func (export "f")
  (loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)"""


def test_a_memory_bomb(sandbox: Sandbox) -> None:
    with pytest.raises(MemoryLimitError) as caught:
        sandbox.execute(guest(MEMORY_BOMB, function("f")), Call("f"), Limits(memory_bytes=64 * MIB))
    assert str(caught.value) == "f needs more memory than its limit of 64 MiB"
    assert caught.value.hint == "give it smaller input, or raise the memory limit"


def test_a_minimum_past_the_limit(sandbox: Sandbox) -> None:
    module = guest('(memory (export "memory") 20000) (func (export "f"))', function("f"))
    with pytest.raises(MemoryLimitError, match=r"^f needs more memory than its limit of 1,024 MiB$"):
        sandbox.execute(module, Call("f"))
    assert sandbox.execute(module, Call("f"), Limits(memory_bytes=2048 * MIB)).memory_used_bytes == 20000 * 65536


def test_an_argument_past_the_limit(sandbox: Sandbox) -> None:
    module = guest(ALLOCATOR + '(func (export "f") (param i32 i32))', function("f", "data: list<u8>"))
    with pytest.raises(MemoryLimitError, match=r"^f needs more memory than its limit of 4 MiB$"):
        sandbox.execute(module, Call("f", (bytes(5 * MIB),)), Limits(memory_bytes=4 * MIB))
    with pytest.raises(MemoryLimitError, match=r"^f needs more memory than its limit of 4 MiB$"):
        sandbox.execute(module, Call("f", (bytes(4 * MIB),)), Limits(memory_bytes=4 * MIB))  # in cabi_realloc


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("(table 20000 funcref)", "table"),
        ("(memory 1) (memory 1)", "memor"),
        ("(table 1 funcref) (table 1 funcref)", "table"),
        ("(memory i64 1)", "memory64"),
        ("(memory 1 2 shared)", "shared"),
    ],
)
def test_objects_and_proposals_that_are_not_allowed(sandbox: Sandbox, text: str, part: str) -> None:
    with pytest.raises((InvalidModuleError, MemoryLimitError), match=part):
        sandbox.execute(guest(text + '(func (export "f"))', function("f")), Call("f"))


def test_a_table_cannot_be_grown_past_its_limit(sandbox: Sandbox) -> None:
    module = guest(
        """(table $t 1 funcref) (func (export "f") (result i32)
          (table.grow $t (ref.null func) (i32.const 20000)))""",
        function("f", "", "s32"),
    )
    assert sandbox.execute(module, Call("f")).value == -1


def test_imports_are_named(sandbox: Sandbox) -> None:
    module = guest(
        '(import "wasi_snapshot_preview1" "fd_write" (func)) (import "env" "memory" (memory 1)) (func (export "f"))',
        function("f"),
    )
    with pytest.raises(InvalidModuleError) as caught:
        sandbox.execute(module, Call("f"))
    assert str(caught.value) == (
        "the module imports wasi_snapshot_preview1.fd_write, env.memory: nothing is provided to a module"
    )


@pytest.mark.parametrize("wasm", [b"", b"\0asm", b"(module)", b"\x7fELF" + bytes(100), b"\0asm\1\0\0\0\xff\xff"])
def test_bytes_that_are_no_module(sandbox: Sandbox, wasm: bytes) -> None:
    with pytest.raises(InvalidModuleError, match=r"^not a (valid|WebAssembly) module: "):
        sandbox.execute(guest(wasm, function("f")), Call("f"))


DEEP = guest(
    """(func $deep (export "f") (param i64 i64 i64) (result i64)
      (i64.add (call $deep (local.get 1) (local.get 2) (local.get 0)) (i64.const 1)))""",
    function("f", "a: s64; b: s64; c: s64", "s64"),
)


def test_recursion_on_the_main_thread(sandbox: Sandbox) -> None:
    with pytest.raises(GuestTrap, match=r"^f trapped: its recursion is too deep for the call stack"):
        sandbox.execute(DEEP, Call("f", (1, 2, 3)))


@pytest.mark.parametrize("kilobytes", [64, 256, 512, 1024])
def test_recursion_on_a_thread_with_a_small_stack(sandbox: Sandbox, kilobytes: int) -> None:
    """Without the helper thread this is a segmentation fault of the process at 256 KiB and below."""
    caught: list[BaseException] = []

    def run() -> None:
        try:
            sandbox.execute(DEEP, Call("f", (1, 2, 3)))
        except GuestTrap as trap:
            caught.append(trap)

    before = threading.stack_size(kilobytes * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert [each.kind for each in caught] == ["stack_overflow"]


def result_guest(body: str, result: str, setup: str = "") -> ExecutableModule:
    return guest(f'{ALLOCATOR} {setup} (func (export "f") (result i32) {body})', function("f", "", result))


def pair(address: int, length: int) -> str:
    return (
        f"(i32.store (i32.const 64) (i32.const {address})) (i32.store (i32.const 68) (i32.const {length})) "
        "(i32.const 64)"
    )


@pytest.mark.parametrize(
    ("body", "result", "kind", "text"),
    [
        (
            "(i32.const -4)",
            "string",
            "pointer_out_of_bounds",
            "the result would be 8 bytes at 0xfffffffc, past its memory of 131,072 bytes",
        ),
        ("(i32.const 66)", "string", "unaligned_pointer", "the address 0x42 of the result is not 4-aligned"),
        (
            pair(131072, 1),
            "string",
            "pointer_out_of_bounds",
            "a string would be 1 bytes at 0x20000, past its memory of 131,072 bytes",
        ),
        (
            pair(0, -1),
            "list<f64>",
            "pointer_out_of_bounds",
            "a list<f64> would be 34,359,738,360 bytes at 0x0, past its memory of 131,072 bytes",
        ),
        (
            pair(-8, 1),
            "list<u8>",
            "pointer_out_of_bounds",
            "a list<u8> would be 1 bytes at 0xfffffff8, past its memory of 131,072 bytes",
        ),
        (pair(4, 1), "list<f64>", "unaligned_pointer", "the address 0x4 of a list<f64> is not 8-aligned"),
        (
            pair(100, 1),
            "list<string>",
            "pointer_out_of_bounds",
            "a string would be 255 bytes at 0xfffffff0, past its memory of 131,072 bytes",
        ),
        (pair(200, 3), "string", "invalid_utf8", "a string is not UTF-8 at byte 1"),
        ("(i32.const 300)", "option<u32>", "invalid_discriminant", "option<u32> has no case 2"),
        ("(i32.const 300)", "result<u32, string>", "invalid_discriminant", "result<u32, string> has no case 2"),
        ("(i32.const 304)", "tuple<char, u8>", "invalid_char", "0x110000 is no character"),
    ],
)
def test_an_answer_that_breaks_the_canonical_abi(
    sandbox: Sandbox, body: str, result: str, kind: str, text: str
) -> None:
    data = r"""(data (i32.const 100) "\f0\ff\ff\ff\ff\00\00\00") (data (i32.const 200) "a\ffb")
    (data (i32.const 300) "\02\00\00\00\00\00\11\00")"""
    with pytest.raises(GuestTrap) as caught:
        sandbox.execute(result_guest(body, result, data), Call("f"))
    assert (caught.value.kind, str(caught.value)) == (kind, f"f gave back an invalid result: {text}")
    assert caught.value.hint == "the module breaks the Canonical ABI: build it again"


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        ("(i32.const 0)", MemoryLimitError, "f needs more memory than its limit of 1,024 MiB"),
        (
            "(i32.const -8)",
            GuestTrap,
            "f got no room for its arguments: cabi_realloc gave 0xfffffff8 for 24 bytes, 8-aligned, "
            "in a memory of 65,536 bytes",
        ),
        (
            "(i32.const 4)",
            GuestTrap,
            "f got no room for its arguments: cabi_realloc gave 0x4 for 24 bytes, 8-aligned, "
            "in a memory of 65,536 bytes",
        ),
        ("unreachable", MemoryLimitError, "f needs more memory than its limit of 1,024 MiB"),
        ("(i32.load (i32.const -1))", GuestTrap, "f trapped: it accessed memory out of bounds"),
    ],
)
def test_an_allocator_that_lies(sandbox: Sandbox, body: str, error: type[Exception], text: str) -> None:
    module = guest(
        f"""(memory (export "memory") 1) (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {body})
        (func (export "f") (param i32 i32))""",
        function("f", "xs: list<f64>"),
    )
    with pytest.raises(error) as caught:
        sandbox.execute(module, Call("f", ([1, 2, 3],)))
    assert str(caught.value) == text


def test_a_result_past_its_limit(sandbox: Sandbox) -> None:
    limits = Limits(result_bytes=1000)
    with pytest.raises(ResultTooLargeError) as caught:
        sandbox.execute(result_guest(pair(0, 1001), "list<u8>"), Call("f"), limits)
    assert str(caught.value) == "the result of f is larger than its limit of 1,000 bytes"
    assert len(sandbox.execute(result_guest(pair(0, 1000), "list<u8>"), Call("f"), limits).value) == 1000


def test_totals_of_nested_results_are_counted(sandbox: Sandbox) -> None:
    """A thousand lists that all lie over the same 100 KB are 100 MB."""
    body = f"""(local $i i32)
      (loop $on
        (i32.store (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 8))) (i32.const 0))
        (i32.store (i32.add (i32.const 8196) (i32.mul (local.get $i) (i32.const 8))) (i32.const 100000))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $i) (i32.const 1000))))
      {pair(8192, 1000)}"""
    with pytest.raises(ResultTooLargeError, match=r"^the result of f is larger than its limit of 50 MiB$"):
        sandbox.execute(result_guest(body, "list<list<u8>>"), Call("f"), Limits(result_bytes=50 * MIB))


def test_limits_must_be_positive(sandbox: Sandbox) -> None:
    with pytest.raises(ArgumentError, match=r"^the limit timeout_ms must be above 0, got 0$"):
        sandbox.execute(GOOD, Call("f"), Limits(timeout_ms=0))


def test_without_address_space_for_the_pool() -> None:
    """The fallback: no pool, and below that no reservation for each memory."""
    program = """
import logging, resource, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
sys.path.insert(0, "tests/sandbox")
from wat_guests import ALLOCATOR, function, guest
from akatsuki_wasm.contracts import Call
from akatsuki_wasm.sandbox import engine, sandbox
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) << 30, resource.RLIM_INFINITY))
module = guest(ALLOCATOR + '(func (export "n") (param i32 i32) (result i32) (local.get 1))',
               function("n", "xs: list<u8>", "u32"))
print(sandbox.Sandbox().execute(module, Call("n", (bytes(300_000),))).value, engine.process_engine().memory)
"""
    for gigabytes, memory in ((60, "reserved"), (3, "grown")):
        run = subprocess.run(
            [sys.executable, "-c", program, str(gigabytes)], capture_output=True, text=True, check=False, timeout=60
        )
        assert run.stdout.splitlines() == [
            "no pooling allocator: 260 GiB of address space cannot be reserved (ulimit -v?); executions start slower",
            f"300000 {memory}",
        ], run.stderr
