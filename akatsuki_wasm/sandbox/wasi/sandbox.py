"""Executes WASI preview 1 commands: arguments and standard input in, standard output out.

The engine, the limits and the compiled files are those of `akatsuki_wasm.sandbox.sandbox`, and so is the isolation:
each execution has a fresh instance. What a command may do besides computing is in `akatsuki_wasm.sandbox.wasi.host`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import wasmtime

from akatsuki_wasm.contracts import Call, Control, ExecutionResult, Limits
from akatsuki_wasm.errors import ArgumentError, FunctionNotFoundError, GuestError, InvalidModuleError
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.base import BaseSandbox, SandboxConfig, shared
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.limits import check
from akatsuki_wasm.sandbox.loading import load
from akatsuki_wasm.sandbox.wasi.ffi import make_linker
from akatsuki_wasm.sandbox.wasi.host import Grants, Process
from akatsuki_wasm.sandbox.wasi.run import CommandInstance, first_lines, on_own_thread
from akatsuki_wasm.sandbox.watch import Watch

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import BatchCall, ExecutableModule
    from akatsuki_wasm.sandbox.engine import ProcessEngine

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class CommandConfig(SandboxConfig):
    """How a sandbox for commands is set up.

    Attributes:
        clock: Whether commands get the real clocks, and may sleep.
        random: Whether commands get real random bytes.
    """

    clock: bool = False
    random: bool = False


class CompiledCommand:
    """A command compiled for an engine, linked with WASI.

    Args:
        engine: That compiled it.
        module: wasmtime's.

    Raises:
        InvalidModuleError: It imports what is not WASI preview 1.
    """

    def __init__(self, engine: ProcessEngine, module: wasmtime.Module) -> None:
        try:
            self._pre = make_linker(engine.engine).instantiate_pre(module)
        except wasmtime.WasmtimeError as exc:
            raise InvalidModuleError(
                f"the command cannot be linked: {' '.join(str(exc).split())}", hint="build it for wasm32-wasip1"
            ) from exc
        self.engine = engine
        self.pre_address = ffi.address(self._pre)
        self.size = ffi.image_bytes(ffi.address(module))


class CommandSandbox(BaseSandbox[CompiledCommand]):
    """Executes commands. Threads may use it at once.

    Args:
        config: Sizes, folders and what is granted.
    """

    def __init__(self, config: CommandConfig | None = None) -> None:
        config = config or CommandConfig()
        super().__init__(config)
        self._grants = Grants(config.clock, config.random)

    def execute(
        self,
        module: ExecutableModule,
        call: Call | BatchCall,
        limits: Limits = DEFAULT_LIMITS,
        control: Control | None = None,
    ) -> ExecutionResult:
        """Runs a command once, in a fresh instance.

        Args:
            module: Digest, manifest and the way to the bytes.
            call: ``run``, with the arguments (a list of str) and standard input (bytes).
            limits: Time (instantiation and host functions included), memory, size of the output, fuel.
            control: Says when to stop.

        Returns:
            Standard output as bytes, and the cost.

        Raises:
            InvalidModuleError: The bytes are no command.
            FunctionNotFoundError: The call names another function than ``run``.
            ArgumentError: The arguments are no such values, or are columns.
            GuestError: It exited with another code than 0; the first lines of standard error are in the message, the
                code is its ``value``.
            GuestTrap: It trapped.
            ExecutionTimeout: It ran past its time.
            ExecutionCancelled: It was cancelled.
            FuelLimitError: It used up its fuel.
            MemoryLimitError: It needs more memory than its limit.
            ResultTooLargeError: It wrote more than the limit for results.
            ExecuteError: The sandbox is closed.
        """
        started = time.perf_counter()
        check(limits)
        self._check_open()
        name = module.name or "the command"
        arguments, stdin = _arguments(name, call)
        engine = process_engine(fuel=limits.fuel is not None)
        compiled, hit = self._cache.get(
            module.digest, engine, lambda: CompiledCommand(engine, load(engine, module, self._files))
        )
        watch = Watch(limits, control)
        process = Process((name.encode(), *arguments), stdin, limits, watch, self._grants)
        instance = CommandInstance(engine, compiled.pre_address, process, limits, watch)
        on_own_thread(instance.run, lambda: setattr(process, "interrupted", True))
        if instance.code:
            said = first_lines(process.stderr)
            raise GuestError(
                f"{name} exited with code {instance.code}{': ' if said else ''}{said}",
                value=instance.code,
                hint="Its own words say what it wants; a command gets no files, network or environment.",
            )
        return ExecutionResult(
            bytes(process.stdout),
            instance.guest_s * 1e3,
            instance.memory_bytes,
            hit,
            (time.perf_counter() - started) * 1e3,
            instance.instantiation_s * 1e3,
            instance.fuel_used,
        )


def _arguments(name: str, call: Call | BatchCall) -> tuple[list[bytes], bytes]:
    """The encoded arguments and standard input.

    Raises:
        ArgumentError: They are none.
        FunctionNotFoundError: The call is of another function.
    """
    if not isinstance(call, Call):
        raise ArgumentError(
            f"{name} is a command: it cannot be applied to columns", hint="Give it the rows as text on standard input."
        )
    if call.function not in ("run", "_start"):
        raise FunctionNotFoundError(f"{name} has no function {call.function!r}", hint="A command has one: run.")
    if len(call.args) != 2:
        raise ArgumentError(f"{name} takes args and stdin, got {len(call.args)} arguments")
    given, stdin = call.args
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise ArgumentError(f"argument args of {name}: expected list<string>", hint='Give a list of str: ["-l"]')
    return [_argument(name, index, each) for index, each in enumerate(given)], _stream(name, stdin)


def _argument(name: str, index: int, value: Any) -> bytes:
    if not isinstance(value, str) or "\0" in value:
        raise ArgumentError(f"argument args[{index}] of {name}: expected text without NUL, got {value!r:.60}")
    try:
        return value.encode()
    except UnicodeEncodeError as exc:
        raise ArgumentError(f"argument args[{index}] of {name}: it is not valid Unicode") from exc


def _stream(name: str, value: Any) -> bytes:
    try:
        return bytes(memoryview(value))
    except TypeError as exc:
        raise ArgumentError(
            f"argument stdin of {name}: expected bytes, got {type(value).__name__}", hint="Encode text first."
        ) from exc


def process_command_sandbox(config: CommandConfig | None = None) -> CommandSandbox:
    """The process's sandbox for commands of a configuration, made at first use and shared by all who ask."""
    return shared(CommandSandbox, config or CommandConfig())
