"""`Sandbox`: executes functions of modules, each in a fresh instance, under limits."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutionResult, Limits
from akatsuki_wasm.errors import ExecuteError
from akatsuki_wasm.sandbox.aot import CompiledFiles
from akatsuki_wasm.sandbox.batch.driver import run as run_batch
from akatsuki_wasm.sandbox.cache import Cache, CacheStatistics
from akatsuki_wasm.sandbox.compiled import CompiledModule
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.instance import Instance
from akatsuki_wasm.sandbox.limits import check
from akatsuki_wasm.sandbox.loading import load
from akatsuki_wasm.sandbox.session import Session
from akatsuki_wasm.sandbox.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from akatsuki_wasm.contracts import ExecutableModule
    from akatsuki_wasm.sandbox.batch.lanes import AnInstance

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class SandboxConfig:
    """How a sandbox is set up.

    Attributes:
        cache_size: Compiled modules kept in memory.
        aot_dir: Folder for modules compiled ahead of time, or None to compile in each process.
        aot_key: The file of the key that they are authenticated with; outside `aot_dir`, and given with it.
    """

    cache_size: int = 20
    aot_dir: Path | None = None
    aot_key: Path | None = None

    def compiled_files(self) -> CompiledFiles | None:
        """Where modules compiled ahead of time are kept."""
        return None if self.aot_dir is None or self.aot_key is None else CompiledFiles(self.aot_dir, self.aot_key)


class Sandbox:
    """Executes functions of modules. Threads may use it at once; each execution has a store of its own.

    A context manager: `close` forgets the compiled modules, and using it afterwards raises. The engine belongs to the
    process and stays. After a fork, the child compiles anew.

    Args:
        config: Sizes.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self._files = self.config.compiled_files()
        self._cache: Cache[CompiledModule] = Cache(self.config.cache_size)
        self._closed = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets the compiled modules. Executions under way finish."""
        self._closed = True
        self._cache.clear()

    def execute(
        self,
        module: ExecutableModule,
        call: Call | BatchCall,
        limits: Limits = DEFAULT_LIMITS,
        control: Control | None = None,
    ) -> ExecutionResult:
        """Executes one function, or one function over whole columns, in a fresh instance.

        Args:
            module: Digest, manifest and the way to the bytes.
            call: Function (snake_case or kebab-case) and contract values.
            limits: Time (instantiation and, for a batch, all its rows included), memory and result size.
            control: Says when to stop, and hears how far a batch is.

        Returns:
            Value and cost.

        Raises:
            InvalidModuleError: The bytes are no module, it imports something, or its manifest is not true of it.
            FunctionNotFoundError: There is no such function.
            ArgumentError: The arguments do not fit the function.
            GuestError: The function answered with an error.
            GuestTrap: It trapped, or its answer breaks the Canonical ABI.
            ExecutionTimeout: It ran past its time.
            ExecutionCancelled: It was cancelled.
            FuelLimitError: It used up its fuel.
            MemoryLimitError: It needs more memory than its limit.
            ResultTooLargeError: The result is larger than its limit.
            ExecuteError: The sandbox is closed.
        """
        started = time.perf_counter()
        check(limits)
        compiled, hit = self._compiled(module, limits)
        plan = compiled.plans.get(module.manifest, call.function)
        control = Control() if control is None else control
        watch = Watch(limits, control)

        def make_instance(kind: type[AnInstance]) -> AnInstance:
            return kind(compiled, limits, watch, plan.name)

        value: Any
        if isinstance(call, BatchCall):
            value = run_batch(plan, make_instance, call, limits=limits, watch=watch, control=control)
        else:
            with make_instance(Instance) as instance:
                value = plan.run(instance, call.args)
        return ExecutionResult(
            value,
            watch.guest_s * 1e3,
            watch.memory_bytes,
            hit,
            (time.perf_counter() - started) * 1e3,
            watch.instantiation_s * 1e3,
            watch.fuel_used,
        )

    def session(
        self, module: ExecutableModule, limits: Limits = DEFAULT_LIMITS, control: Control | None = None
    ) -> Session:
        """One caller's own instances of a module, for very many short calls of functions of plain numbers.

        Args:
            module: Digest, manifest and the way to the bytes.
            limits: Of each call.
            control: Says when to stop.

        Raises:
            InvalidModuleError: The bytes are no module, it imports something, or its manifest is not true of it.
            ExecuteError: The sandbox is closed.
        """
        check(limits)
        return Session(self._compiled(module, limits)[0], module.manifest, limits, control)

    def _compiled(self, module: ExecutableModule, limits: Limits) -> tuple[CompiledModule, bool]:
        """The compiled module, for the engine of this process that counts fuel or that does not."""
        if self._closed:
            raise ExecuteError("the sandbox is closed", hint="open a new one")
        engine = process_engine(fuel=limits.fuel is not None)
        return self._cache.get(module.digest, engine, lambda: CompiledModule(engine, load(engine, module, self._files)))

    @property
    def statistics(self) -> CacheStatistics:
        """What the module cache did so far."""
        return self._cache.statistics

    def clear(self, digest: str | None = None) -> None:
        """Forgets one compiled module, or all, in memory and in the files of later processes."""
        self._cache.clear(digest)
        if self._files is not None:
            self._files.clear(digest)


_lock = threading.Lock()
_shared: dict[SandboxConfig, Sandbox] = {}


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held the lock, and is not here to give it back."""
    global _lock  # noqa: PLW0603 - it guards the process's own sandboxes
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def process_sandbox(config: SandboxConfig | None = None) -> Sandbox:
    """The process's sandbox for a configuration, made at first use and shared by all who ask."""
    wanted = config or SandboxConfig()
    with _lock:
        found = _shared.get(wanted)
        if found is None or found._closed:
            found = _shared[wanted] = Sandbox(wanted)
        return found
