"""WASI preview 1 commands: what they are given, what they are not, and what a hostile one does."""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime

from akatsuki_wasm import command, manifest, wit
from akatsuki_wasm.contracts import MIB, BatchCall, Call, Control, ExecutableModule, Limits
from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
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
from akatsuki_wasm.sandbox.wasi.sandbox import CommandConfig, CommandSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPORTS = "\n".join(
    f'(import "{command.MODULE}" "{name}" (func ${name} (param {" ".join(params)})'
    f" {'' if name == 'proc_exit' else '(result i32)'}))"
    for name, params in command.FUNCTIONS.items()
)
WRITE = """
  (func $write (param $fd i32) (param $at i32) (param $size i32) (result i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $size))
    (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
  (func $errno (param $code i32) ;; writes an error number as one byte
    (i32.store8 (i32.const 12) (local.get $code)) (drop (call $write (i32.const 1) (i32.const 12) (i32.const 1))))
"""


def program(body: str, *, memory: str = '(memory (export "memory") 1)', more: str = "") -> bytes:
    """A command with all of WASI imported; addresses 0 to 16 are taken by `$write` and `$errno`."""
    start = f'(func (export "_start") (local $n i32) {body})'
    return bytes(wasmtime.wat2wasm(f"(module {IMPORTS} {memory} {WRITE} {more} {start})"))


def guest(wasm: bytes, name: str = "tool") -> ExecutableModule:
    return ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest.for_binary(wasm), lambda: wasm, name)


CAT = guest(
    program(
        """(loop $again
             (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 8192))
             (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
             (local.set $n (i32.load (i32.const 24)))
             (if (local.get $n) (then
               (drop (call $write (i32.const 1) (i32.const 1024) (local.get $n)))
               (br $again))))"""
    ),
    "cat",
)
ARGS = guest(
    program(
        """(drop (call $args_sizes_get (i32.const 32) (i32.const 36)))
           (drop (call $args_get (i32.const 64) (i32.const 2048)))
           (drop (call $write (i32.const 1) (i32.const 2048) (i32.load (i32.const 36))))"""
    ),
    "args",
)
FAIL = guest(
    program(
        """(drop (call $write (i32.const 1) (i32.const 100) (i32.const 3)))
           (drop (call $write (i32.const 2) (i32.const 100) (i32.const 35)))
           (call $proc_exit (i32.const 3))""",
        more='(data (i32.const 100) "bad thing\\n\\07 second line\\nthird\\nfourth\\n")',
    ),
    "fail",
)
SPIN = guest(program("(loop br 0)"), "spin")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[CommandSandbox]:
    with CommandSandbox() as made:
        yield made


def run(sandbox: CommandSandbox, module: ExecutableModule, args: Any = (), stdin: Any = b"", **limits: Any) -> Any:
    return sandbox.execute(module, Call("run", (args, stdin)), Limits(**limits)).value


# ---------------------------------------------------------------- what it is


def test_the_manifest() -> None:
    found = CAT.manifest
    assert (found.kind, found.abi) == ("command", 0)
    assert [each.signature for each in found.functions] == [
        "run: func(args: list<string>, stdin: bytes) -> result<bytes, string>"
    ]
    assert found.functions[0].params[1].type == wit.BYTES
    assert manifest.load(manifest.dump(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f'(module (import "{command.MODULE}" "fd_sync" (func (param i32) (result i32))) (func (export "f")))',
            "this is a WASI preview 1 module without _start: a library, and a command is expected",
        ),
        (
            f'(module (import "{command.MODULE}" "fd_sync" (func (param i64) (result i32))) (func (export "_start")))',
            "the import wasi_snapshot_preview1.fd_sync has the type (i64) -> (i32), and WASI's is (i32) -> (i32)",
        ),
        (
            f'(module (import "{command.MODULE}" "fd_sync" (func (param i32) (result i32)))'
            ' (import "env" "now" (func)) (func (export "_start")))',
            "this is a WASI preview 1 module that also imports what is not provided: func env.now",
        ),
        (
            f'(module (import "{command.MODULE}" "fd_fly" (func)) (func (export "_start")))',
            "this is a WASI preview 1 module that also imports what is not provided: "
            "func wasi_snapshot_preview1.fd_fly",
        ),
        (
            f'(module (import "{command.MODULE}" "fd_sync" (memory 1)) (func (export "_start")))',
            "the module imports what is not provided: memory wasi_snapshot_preview1.fd_sync",
        ),
        (
            f'(module (import "{command.MODULE}" "fd_sync" (func (param i32) (result i32)))'
            ' (func (export "_start") (param i32)))',
            "this is a WASI preview 1 module without _start",
        ),
        (
            '(module (import "wasi_unstable" "fd_sync" (func (param i32) (result i32))) (func (export "_start")))',
            "the module imports what is not provided: func wasi_unstable.fd_sync",
        ),
    ],
)
def test_what_is_no_command(text: str, message: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.for_binary(bytes(wasmtime.wat2wasm(text)))
    assert str(caught.value).startswith(message)


# ---------------------------------------------------------------- streams and arguments


@pytest.mark.parametrize("stdin", [b"", b"hello", bytes(range(256)) * 1000, bytearray(b"x" * 8192), memoryview(b"ab")])
def test_standard_input_goes_to_standard_output(sandbox: CommandSandbox, stdin: Any) -> None:
    got = run(sandbox, CAT, stdin=stdin)
    assert type(got) is bytes
    assert got == bytes(stdin)


@pytest.mark.parametrize("args", [[], ["-l", "héllo", ""], ("a b",), [str(number) for number in range(2_000)]])
def test_arguments(sandbox: CommandSandbox, args: Any) -> None:
    assert run(sandbox, ARGS, args) == b"".join(f"{each}\0".encode() for each in ("args", *args))


def test_an_exit_code_is_a_guest_error_with_the_first_lines_of_standard_error(sandbox: CommandSandbox) -> None:
    with pytest.raises(GuestError) as caught:
        run(sandbox, FAIL)
    assert str(caught.value) == "fail exited with code 3: bad thing | second line | third"
    assert caught.value.value == 3


def test_exit_code_zero_and_a_raised_signal(sandbox: CommandSandbox) -> None:
    body = "(drop (call $write (i32.const 1) (i32.const 64) (i32.const 2)))"
    leaves = guest(program(f"{body} (call $proc_exit (i32.const 0)) (loop br 0)"))
    assert run(sandbox, leaves) == b"\0\0"
    with pytest.raises(GuestError, match=r"^tool exited with code 134$"):
        run(sandbox, guest(program("(drop (call $proc_raise (i32.const 6)))")))


@pytest.mark.parametrize(
    ("args", "stdin", "message"),
    [
        ("-l", b"", "argument args of cat: expected list<string>"),
        ([1], b"", "argument args[0] of cat: expected text without NUL, got 1"),
        (["a\0b"], b"", r"argument args[0] of cat: expected text without NUL, got 'a\x00b'"),
        (["\ud800"], b"", "argument args[0] of cat: it is not valid Unicode"),
        ([], "text", "argument stdin of cat: expected bytes, got str"),
        ([], 7, "argument stdin of cat: expected bytes, got int"),
    ],
)
def test_what_does_not_fit_is_refused(sandbox: CommandSandbox, args: Any, stdin: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        run(sandbox, CAT, args, stdin)
    assert str(caught.value) == message


def test_columns_and_other_functions_are_refused(sandbox: CommandSandbox) -> None:
    with pytest.raises(ArgumentError, match=r"^cat is a command: it cannot be applied to columns$"):
        sandbox.execute(CAT, BatchCall("run", (), 3))
    with pytest.raises(FunctionNotFoundError, match="cat has no function 'walk'"):
        sandbox.execute(CAT, Call("walk"))


def test_the_bill(sandbox: CommandSandbox) -> None:
    result = sandbox.execute(CAT, Call("run", ([], b"abc")), Limits(fuel=100_000))
    assert (result.memory_used_bytes, result.value) == (65_536, b"abc")
    assert result.fuel_used is not None
    assert 0 < result.fuel_used < 1_000
    assert result.total_time_ms > result.execution_time_ms > 0
    sandbox.execute(CAT, Call("run", ([], b"abc")))
    again = sandbox.execute(CAT, Call("run", ([], b"abc")))
    assert (again.cache_hit, again.fuel_used) == (True, None)


# ---------------------------------------------------------------- what it does not get


def errno(sandbox: CommandSandbox, call: str, **config: Any) -> int:
    got: bytes = run(sandbox, guest(program(f"(call $errno (call {call}))")))
    return got[0]


def zeros(name: str, first: int) -> str:
    params = command.FUNCTIONS[name]
    rest = " ".join(f"({each}.const 64)" for each in params[1:])
    return f"${name} (i32.const {first}) {rest}"


@pytest.mark.parametrize("name", [name for name in command.FUNCTIONS if name.startswith(("path_", "sock_"))])
@pytest.mark.parametrize("fd", [0, 3])
def test_there_are_no_files_and_no_network(sandbox: CommandSandbox, name: str, fd: int) -> None:
    assert errno(sandbox, zeros(name, fd)) == 8  # EBADF


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (zeros("fd_prestat_get", 3), 8),
        (zeros("fd_prestat_dir_name", 3), 8),
        (zeros("fd_readdir", 0), 8),
        (zeros("fd_read", 1), 8),
        (zeros("fd_write", 0), 8),
        (zeros("fd_write", 7), 8),
        (zeros("fd_seek", 1), 70),
        (zeros("fd_tell", 5), 8),
        (zeros("fd_sync", 1), 0),
        (zeros("fd_allocate", 1), 52),
        (zeros("fd_renumber", 1), 52),
        (zeros("fd_fdstat_get", 0), 0),
        (zeros("fd_fdstat_get", 3), 8),
        (zeros("fd_filestat_get", 2), 0),
        ("$clock_time_get (i32.const 9) (i64.const 0) (i32.const 64)", 28),
        ("$sched_yield", 0),
        ("$poll_oneoff (i32.const 64) (i32.const 64) (i32.const 0) (i32.const 64)", 28),
        ("$environ_sizes_get (i32.const 64) (i32.const 68)", 0),
    ],
)
def test_error_numbers(sandbox: CommandSandbox, call: str, code: int) -> None:
    assert errno(sandbox, call) == code


def test_a_closed_stream_is_closed(sandbox: CommandSandbox) -> None:
    body = """(drop (call $fd_close (i32.const 2)))
              (call $errno (call $write (i32.const 2) (i32.const 64) (i32.const 1)))
              (call $errno (call $fd_close (i32.const 2)))"""
    assert run(sandbox, guest(program(body))) == b"\x08\x08"


def test_there_is_no_environment(sandbox: CommandSandbox) -> None:
    body = """(i64.store (i32.const 64) (i64.const -1))
              (drop (call $environ_sizes_get (i32.const 64) (i32.const 68)))
              (drop (call $write (i32.const 1) (i32.const 64) (i32.const 8)))"""
    assert run(sandbox, guest(program(body))) == bytes(8)


CHANCE = guest(
    program(
        """(drop (call $random_get (i32.const 64) (i32.const 16)))
           (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 80)))
           (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 88)))
           (drop (call $write (i32.const 1) (i32.const 64) (i32.const 32)))"""
    )
)


def test_without_grants_the_answer_is_a_function_of_the_input(sandbox: CommandSandbox) -> None:
    first = run(sandbox, CHANCE)
    with CommandSandbox() as another:
        assert run(another, CHANCE) == first
    assert len(set(first[:16])) > 8
    assert struct.unpack("<QQ", first[16:]) == (0, 0)


def test_clock_and_randomness_can_be_granted() -> None:
    with CommandSandbox(CommandConfig(clock=True, random=True)) as granted:
        first, second = run(granted, CHANCE), run(granted, CHANCE)
    assert first[:16] != second[:16]
    (now, steady), (_, later) = struct.unpack("<QQ", first[16:]), struct.unpack("<QQ", second[16:])
    assert now > 1_700_000_000 * 10**9
    assert later > steady > 0


SLEEP = guest(
    program(
        """(i64.store (i32.const 64) (i64.const 77)) (i32.store8 (i32.const 72) (i32.const 0))
           (i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const 60000000000))
           (call $errno (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 320)))
           (drop (call $write (i32.const 1) (i32.const 256) (i32.const 8)))
           (drop (call $write (i32.const 1) (i32.const 320) (i32.const 4)))"""
    )
)


def test_a_sleep_does_not_wait_unless_the_clock_is_granted(sandbox: CommandSandbox) -> None:
    assert run(sandbox, SLEEP) == b"\0" + struct.pack("<QI", 77, 1)
    with CommandSandbox(CommandConfig(clock=True)) as granted, pytest.raises(ExecutionTimeout):
        run(granted, SLEEP, timeout_ms=200)


# ---------------------------------------------------------------- hostile

HOSTILE: dict[str, tuple[bytes, type[AkatsukiError], str]] = {
    "an endless loop": (program("(loop br 0)"), ExecutionTimeout, "tool ran past its limit of 300 ms"),
    "an endless start": (
        program("", more="(func $s (loop br 0)) (start $s)"),
        ExecutionTimeout,
        "tool ran past its limit of 300 ms",
    ),
    "an endless row of host calls": (
        program("(loop (drop (call $sched_yield)) br 0)"),
        ExecutionTimeout,
        "tool ran past its limit of 300 ms",
    ),
    "an endless row of empty writes": (
        program("(loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0))) br 0)"),
        ExecutionTimeout,
        "tool ran past its limit of 300 ms",
    ),
    "endless standard error": (
        program("(loop (drop (call $write (i32.const 2) (i32.const 0) (i32.const 60000))) br 0)"),
        ExecutionTimeout,
        "tool ran past its limit of 300 ms",
    ),
    "endless output": (
        program("(loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 60000))) br 0)"),
        ResultTooLargeError,
        "the result of tool is larger than its limit of 1 MiB",
    ),
    "one write that names the same memory a thousand times": (
        program(
            """(drop (memory.grow (i32.const 200)))
               (loop $more
                 (i32.store (i32.add (i32.const 1024) (i32.mul (local.get $n) (i32.const 8))) (i32.const 0))
                 (i32.store (i32.add (i32.const 1028) (i32.mul (local.get $n) (i32.const 8))) (i32.const 10000000))
                 (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1024))))
               (drop (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1024) (i32.const 16)))"""
        ),
        ResultTooLargeError,
        "the result of tool is larger than its limit of 1 MiB",
    ),
    "endless random bytes": (
        program(
            """(drop (memory.grow (i32.const 4000)))
               (loop (drop (call $random_get (i32.const 0) (i32.const 200000000))) br 0)"""
        ),
        ExecutionTimeout,
        "tool ran past its limit of 300 ms",
    ),
    "recursion": (program("", more="(func $f (call $f)) (start $f)"), GuestTrap, "its recursion is too deep"),
    "a memory too large": (
        program("", memory='(memory (export "memory") 40000)'),
        MemoryLimitError,
        "tool needs more memory than its limit of 1,024 MiB",
    ),
    "a panic": (
        program(
            "(drop (call $write (i32.const 2) (i32.const 64) (i32.const 12))) unreachable",
            more='(data (i32.const 64) "it went bad\\n")',
        ),
        GuestTrap,
        "tool panicked: it went bad",
    ),
    "a panic for want of memory": (
        program(
            "(drop (call $write (i32.const 2) (i32.const 64) (i32.const 38))) unreachable",
            more='(data (i32.const 64) "memory allocation of 5000 bytes failed")',
        ),
        MemoryLimitError,
        "tool needs more memory than its limit",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_commands(sandbox: CommandSandbox, name: str) -> None:
    wasm, error, message = HOSTILE[name]
    with pytest.raises(error) as caught:
        run(sandbox, guest(wasm), timeout_ms=300, result_bytes=MIB)
    assert message in str(caught.value)
    assert run(sandbox, CAT, stdin=b"fine") == b"fine"


FAR = "(i32.const -8)"
NEAR = "(i32.const 64)"


@pytest.mark.parametrize(
    "call",
    [
        f"$fd_write (i32.const 1) {FAR} (i32.const 1) {NEAR}",
        f"$fd_write (i32.const 1) {NEAR} (i32.const 536870912) {NEAR}",
        f"$fd_write (i32.const 1) {NEAR} (i32.const -1) {NEAR}",
        f"$fd_write (i32.const 1) {NEAR} (i32.const 0) {FAR}",
        f"$fd_read (i32.const 0) {FAR} (i32.const 1) {NEAR}",
        f"$fd_read (i32.const 0) {NEAR} (i32.const 0) (i32.const 65533)",
        f"$args_sizes_get {FAR} {NEAR}",
        f"$args_get {NEAR} {FAR}",
        f"$args_get {FAR} {NEAR}",
        f"$environ_sizes_get {NEAR} {FAR}",
        f"$clock_time_get (i32.const 0) (i64.const 0) {FAR}",
        f"$clock_res_get (i32.const 0) {FAR}",
        f"$random_get {NEAR} (i32.const -1)",
        f"$random_get {FAR} (i32.const 64)",
        f"$poll_oneoff {NEAR} {FAR} (i32.const 1) {NEAR}",
        f"$poll_oneoff {NEAR} {NEAR} (i32.const 1024) {FAR}",
        f"$poll_oneoff {FAR} {NEAR} (i32.const 1) {NEAR}",
        f"$fd_fdstat_get (i32.const 1) {FAR}",
        f"$fd_filestat_get (i32.const 1) {FAR}",
    ],
)
def test_pointers_outside_memory_are_an_error_number(sandbox: CommandSandbox, call: str) -> None:
    assert errno(sandbox, call) == 21  # EFAULT


def test_a_vector_that_points_outside_writes_nothing(sandbox: CommandSandbox) -> None:
    body = """(i32.store (i32.const 64) (i32.const 64)) (i32.store (i32.const 68) (i32.const 4))
              (i32.store (i32.const 72) (i32.const 65535)) (i32.store (i32.const 76) (i32.const 2))
              (call $errno (call $fd_write (i32.const 1) (i32.const 64) (i32.const 2) (i32.const 80)))"""
    assert run(sandbox, guest(program(body))) == b"\x15"


def test_arguments_that_do_not_fit_the_memory(sandbox: CommandSandbox) -> None:
    many = ["x" * 10] * 100_000
    assert run(sandbox, ARGS, many, memory_bytes=MIB) == b""


def test_a_command_without_a_memory_and_one_that_exports_something_else_under_its_name(
    sandbox: CommandSandbox,
) -> None:
    text = f'(module {IMPORTS} {{0}} (func (export "_start") (drop (call $random_get (i32.const 0) (i32.const 1)))))'
    for memory in ("", '(global (export "memory") i32 (i32.const 0))', '(memory (export "other") 1)'):
        assert run(sandbox, guest(bytes(wasmtime.wat2wasm(text.format(memory))))) == b""


def test_host_calls_before_the_entry_work(sandbox: CommandSandbox) -> None:
    more = "(func $s (drop (call $write (i32.const 1) (i32.const 64) (i32.const 3)))) (start $s)"
    assert run(sandbox, guest(program("", more=more))) == bytes(3)


def test_fuel(sandbox: CommandSandbox) -> None:
    with pytest.raises(FuelLimitError, match="spin used up its fuel of 1,000"):
        run(sandbox, SPIN, fuel=1_000)


def test_a_cancelled_one_stops(sandbox: CommandSandbox) -> None:
    for module in (SPIN, guest(program("(loop (drop (call $sched_yield)) br 0)"), "spin")):
        control = Control()
        timer = threading.Timer(0.1, control.cancel)
        timer.start()
        with pytest.raises(ExecutionCancelled, match="spin was cancelled"):
            sandbox.execute(module, Call("run", ([], b"")), Limits(timeout_ms=20_000), control)
        timer.join()


def test_ctrl_c_stops_it_and_the_process_goes_on(sandbox: CommandSandbox) -> None:
    for module in (SPIN, guest(program("(loop (drop (call $sched_yield)) br 0)"))):
        with pytest.raises(ExecutionTimeout):
            run(sandbox, module, timeout_ms=100)  # compiles it
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            run(sandbox, module, timeout_ms=20_000)
        timer.join()
        assert not [each for each in threading.enumerate() if each.name == "akatsuki-command"]
    assert run(sandbox, CAT, stdin=b"fine") == b"fine"


def test_threads_do_not_meet(sandbox: CommandSandbox) -> None:
    def work(number: int) -> list[bytes]:
        return [run(sandbox, CAT, stdin=f"{number}-{turn}".encode()) for turn in range(20)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    assert answers == [[f"{number}-{turn}".encode() for turn in range(20)] for number in range(8)]


def test_compiled_files_are_used(tmp_path: Path) -> None:
    config = CommandConfig(aot_dir=tmp_path / "compiled", aot_key=tmp_path / "key")
    with CommandSandbox(config) as sandbox:
        assert run(sandbox, CAT, stdin=b"a") == b"a"
    (path,) = (tmp_path / "compiled").iterdir()
    module = ExecutableModule(CAT.digest, CAT.manifest, _never, "cat")
    with CommandSandbox(config) as sandbox:
        assert run(sandbox, module, stdin=b"a") == b"a"
    assert path.name.startswith(CAT.digest)


def _never() -> bytes:
    raise AssertionError("the bytes were read again")


FORKS = """
import os, sys, warnings
sys.path.insert(0, sys.argv[1])
import test_components, test_wasi
from akatsuki_wasm.contracts import Call
from akatsuki_wasm.sandbox.component.sandbox import ComponentSandbox
from akatsuki_wasm.sandbox.wasi.sandbox import CommandSandbox

components, commands = ComponentSandbox(), CommandSandbox()
kit = test_components.guest(test_components.KIT)

def answers():
    counted = components.execute(kit, Call("count")).value
    return counted == 1 and test_wasi.run(commands, test_wasi.CAT, stdin=b"x") == b"x"

assert answers()
warnings.simplefilter("ignore")  # that the process has threads is the point
child = os.fork()
if not child:
    os._exit(0 if answers() and answers() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert answers()
"""


def test_a_forked_child_has_engines_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", FORKS, str(Path(__file__).parent)], check=True, timeout=120)
