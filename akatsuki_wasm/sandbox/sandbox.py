"""`Sandbox`: executes functions of modules, each in a fresh instance, under limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutionResult, Limits
from akatsuki_wasm.sandbox.base import BaseSandbox, SandboxConfig, shared
from akatsuki_wasm.sandbox.batch.driver import run as run_batch
from akatsuki_wasm.sandbox.compiled import CompiledModule
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.instance import Instance
from akatsuki_wasm.sandbox.limits import check
from akatsuki_wasm.sandbox.loading import load
from akatsuki_wasm.sandbox.session import Session
from akatsuki_wasm.sandbox.watch import Watch

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import ExecutableModule
    from akatsuki_wasm.sandbox.batch.lanes import AnInstance

DEFAULT_LIMITS = Limits()


class Sandbox(BaseSandbox[CompiledModule]):
    """Executes functions of modules; each execution has a store and an instance of its own.

    Args:
        config: Sizes and folders.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        super().__init__(config or SandboxConfig())

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
        self._check_open()
        engine = process_engine(fuel=limits.fuel is not None)
        return self._cache.get(module.digest, engine, lambda: CompiledModule(engine, load(engine, module, self._files)))


def process_sandbox(config: SandboxConfig | None = None) -> Sandbox:
    """The process's sandbox for a configuration, made at first use and shared by all who ask."""
    return shared(Sandbox, config or SandboxConfig())
